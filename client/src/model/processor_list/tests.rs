use proptest::collection::btree_set;
use proptest::prelude::*;

use super::*;

/// A machine of two groups: the first has a hole.
fn machine() -> Vec<ProcessorId> {
    [(0, 0, 0), (1, 0, 1), (2, 0, 3), (3, 1, 0), (4, 1, 1)]
        .map(|(index, group, number)| ProcessorId {
            index,
            group,
            number,
        })
        .to_vec()
}

/// The indices that a list keeps, or what is wrong with it.
fn select(list: &str) -> Result<Vec<u32>, String> {
    let items = list
        .split(',')
        .map(str::parse)
        .collect::<Result<Vec<Item>, _>>()
        .map_err(|error| error.to_string())?;
    let mut ids = machine();
    narrow(&mut ids, &items, Owner::Machine).map_err(|error| error.to_string())?;
    Ok(ids.into_iter().map(|id| id.index).collect())
}

#[test]
fn indices_ranges_and_groups_mix_and_come_out_once_in_the_machines_order() {
    assert_eq!(select("0"), Ok(vec![0]));
    assert_eq!(select("4,1-2,2"), Ok(vec![1, 2, 4]));
    assert_eq!(select("1:0"), Ok(vec![3]));
    assert_eq!(select("1:0-1, 0:3"), Ok(vec![2, 3, 4]));
    assert_eq!(select("0-4"), Ok(vec![0, 1, 2, 3, 4]));
}

#[test]
fn a_processor_that_does_not_exist_is_named_beside_those_that_do() {
    let missing = |list| select(list).unwrap_err();
    assert_eq!(
        missing("3-9"),
        "there is no processor 5: this machine has 0-4"
    );
    assert_eq!(
        missing("0:0-3"),
        "there is no processor 0:2: this machine has 0:0-1,0:3,1:0-1"
    );
    assert_eq!(
        missing("2:0"),
        "there is no processor 2:0: this machine has 0:0-1,0:3,1:0-1"
    );
    assert_eq!(
        missing("0-4294967295"),
        "there is no processor 5: this machine has 0-4"
    );
}

#[test]
fn what_is_no_list_is_refused_with_the_reason() {
    for text in [
        "",
        "x",
        "1-",
        "-1",
        "+1",
        "1:",
        ":1",
        "1:2:3",
        "65536:0",
        "4294967296",
        "1 2",
    ] {
        let error = text.parse::<Item>().unwrap_err();
        assert!(!error.to_string().contains("``"), "{text}: {error}");
    }
    let backwards = "5-3".parse::<Item>();
    assert_eq!(backwards, Err(InvalidItem::Backwards(5, 3)));
}

proptest! {
    #[test]
    fn an_item_survives_being_written_down(
        group: Option<u16>, one: u32, other: u32
    ) {
        let numbers = one.min(other)..=one.max(other);
        let item = Item { group, numbers };
        prop_assert_eq!(item.to_string().parse(), Ok(item));
    }

    #[test]
    fn a_list_names_exactly_what_it_was_made_of(indices in btree_set(0_u32..200, 1..60)) {
        let items: Vec<Item> = list_of(indices.clone())
            .split(',')
            .map(|item| item.parse().unwrap())
            .collect();
        let mut all: Vec<u32> = (0..200).collect();
        let id = |index: &u32| ProcessorId { index: *index, group: 0, number: 0 };
        all.retain(|index| items.iter().any(|item| item.contains(id(index))));
        prop_assert_eq!(all, indices.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn no_text_makes_the_parser_panic(text: String) {
        let _ = text.parse::<Item>();
    }

    #[test]
    fn text_that_looks_like_a_list_never_makes_the_parser_panic(text in "[0-9:, -]{0,20}") {
        let _ = select(&text);
    }
}
