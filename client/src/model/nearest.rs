//! What was probably meant by a name that there is not.

/// Letters that may be wrong, beside one in three.
const WRONG_LETTERS: usize = 1;

/// The most names that are told.
const MOST_NAMES: usize = 4;

/// The name that is nearest, in words, or else those that have the wanted one in them; none if there
/// is no such name. Names are compared as `plain` makes them.
pub(crate) fn in_words<'a>(
    wanted: &str,
    names: &mut dyn Iterator<Item = &'a str>,
    plain: fn(&str) -> String,
) -> Option<String> {
    let wanted = plain(wanted);
    if wanted.is_empty() {
        return None;
    }
    let names: Vec<(String, &str)> = names.map(|name| (plain(name), name)).collect();
    let distances = names
        .iter()
        .map(|(plain, name)| (strsim::osa_distance(&wanted, plain), name));
    let nearest = distances.min_by_key(|(distance, _)| *distance);
    if let Some((distance, name)) = nearest
        && distance <= WRONG_LETTERS + wanted.len() / 3
    {
        return Some(format!("the nearest is `{name}`"));
    }
    let with_it = names.iter().filter(|(plain, _)| plain.contains(&wanted));
    let with_it: Vec<_> = with_it.map(|(_, name)| format!("`{name}`")).collect();
    match with_it.as_slice() {
        [] => None,
        [name] => Some(format!("the nearest is {name}")),
        all if all.len() <= MOST_NAMES => Some(format!("there are {}", all.join(", "))),
        all => Some(format!(
            "there are {} and {} more",
            all[..MOST_NAMES].join(", "),
            all.len() - MOST_NAMES
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_told_or_those_with_the_word_in_them() {
        let near = |wanted| {
            let names = [
                "lstar-differs",
                "star-differs",
                "lstar-outside-kernel",
                "svm-in-use",
            ];
            in_words(wanted, &mut names.into_iter(), |name| {
                name.to_ascii_lowercase().replace(['-', '_'], "")
            })
        };
        let words = |text: &str| Some(text.to_owned());
        assert_eq!(
            near("lstar-difers"),
            words("the nearest is `lstar-differs`")
        );
        assert_eq!(
            near("LSTAR_DIFFERS"),
            words("the nearest is `lstar-differs`")
        );
        assert_eq!(near("svm-used"), words("the nearest is `svm-in-use`"));
        assert_eq!(
            near("kernel"),
            words("the nearest is `lstar-outside-kernel`")
        );
        assert_eq!(
            near("LSTAR"),
            words("there are `lstar-differs`, `lstar-outside-kernel`")
        );
        assert_eq!(
            near("star"),
            words("there are `lstar-differs`, `star-differs`, `lstar-outside-kernel`")
        );
        assert_eq!(near("efer"), None);
        assert_eq!(near(""), None);
        assert_eq!(near("-"), None);
    }

    #[test]
    fn of_many_names_a_few_are_told() {
        let names = ["gs.a", "gs.b", "gs.c", "gs.d", "gs.e"];
        assert_eq!(
            in_words("gs.", &mut names.into_iter(), str::to_owned),
            Some("the nearest is `gs.a`".to_owned())
        );
        let names = [
            "segment.a",
            "segment.b",
            "segment.c",
            "segment.d",
            "segment.e",
        ];
        assert_eq!(
            in_words("seg", &mut names.into_iter(), str::to_owned),
            Some(
                "there are `segment.a`, `segment.b`, `segment.c`, `segment.d` and 1 more"
                    .to_owned()
            )
        );
    }
}
