//! What the system lists of pool, by tag.

use bytemuck::AnyBitPattern;

/// The tag of all that the driver allocates.
pub(crate) const TAG: [u8; 4] = *b"Svms";

/// What a tag has now.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Usage {
    /// Blocks that were allocated since the system's start.
    pub(crate) allocations: u64,
    /// Blocks that were not freed.
    pub(crate) blocks: u64,
    /// Bytes in them.
    pub(crate) bytes: u64,
}

/// `SYSTEM_POOLTAG` of 64-bit Windows.
///
/// Source: `winternl.h`'s companions do not have it; the public headers of System Informer do, and
/// poolmon of the WDK shows the same columns.
#[repr(C)]
#[derive(AnyBitPattern, Clone, Copy)]
struct PoolTag {
    tag: [u8; 4],
    paged_allocations: u32,
    paged_frees: u32,
    _padding: u32,
    paged_bytes: u64,
    nonpaged_allocations: u32,
    nonpaged_frees: u32,
    nonpaged_bytes: u64,
}

const _: () = assert!(size_of::<PoolTag>() == 40);

/// Reads what `NtQuerySystemInformation` writes for `SystemPoolTagInformation`: a count in eight
/// bytes, and a row for each tag. None if the driver's tag is not among them.
#[cfg_attr(
    not(any(windows, test)),
    expect(dead_code, reason = "Windows has pool")
)]
pub(crate) fn usage(list: &[u8]) -> Option<Usage> {
    let (count, rows) = list.split_first_chunk()?;
    // The upper half is padding.
    let count = usize::try_from(u64::from_le_bytes(*count) & u64::from(u32::MAX)).ok()?;
    let (rows, _) = rows.as_chunks::<{ size_of::<PoolTag>() }>();
    let mut rows = rows.iter().take(count);
    let row = rows.find_map(|row| {
        let row: PoolTag = bytemuck::must_cast(*row);
        (row.tag == TAG).then_some(row)
    })?;
    let left = |allocations: u32, frees: u32| u64::from(allocations.wrapping_sub(frees));
    Some(Usage {
        allocations: u64::from(row.paged_allocations) + u64::from(row.nonpaged_allocations),
        blocks: left(row.paged_allocations, row.paged_frees)
            + left(row.nonpaged_allocations, row.nonpaged_frees),
        bytes: row.paged_bytes.saturating_add(row.nonpaged_bytes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(tag: [u8; 4], allocations: u32, frees: u32, bytes: u64) -> Vec<u8> {
        let mut row = tag.to_vec();
        row.extend([0; 20]);
        row.extend(allocations.to_le_bytes());
        row.extend(frees.to_le_bytes());
        row.extend(bytes.to_le_bytes());
        row
    }

    fn list(count: u64, rows: &[Vec<u8>]) -> Vec<u8> {
        let mut list = count.to_le_bytes().to_vec();
        list.extend(rows.concat());
        list
    }

    #[test]
    fn the_drivers_row_is_found_among_others() {
        let rows = [row(*b"Ntfx", 9, 1, 800), row(TAG, 7, 5, 4096)];
        let expected = Usage {
            allocations: 7,
            blocks: 2,
            bytes: 4096,
        };
        assert_eq!(usage(&list(2, &rows)), Some(expected));
        assert_eq!(usage(&list(1, &rows)), None, "it is behind the list's end");
    }

    #[test]
    fn a_list_that_is_cut_has_no_row() {
        let whole = list(1, &[row(TAG, 1, 1, 0)]);
        assert_eq!(usage(&whole).unwrap().blocks, 0);
        for length in 0..whole.len() {
            assert_eq!(usage(&whole[..length]), None);
        }
    }
}
