//! What is compared, in the form in which it lies in the object file.

/// Lengths of the two texts, in bytes; `oracles/src/metadata/table.rs` reads them.
const NAME: usize = 120;
const VOUCHER: usize = 112;

/// What kind of number a fact has.
#[derive(Clone, Copy)]
#[repr(u64)]
pub(crate) enum Kind {
    /// Size of a type in bytes.
    Size = 1,
    /// Offset of a field in bytes.
    Offset = 2,
    /// Size of a field in bytes.
    Width = 3,
    /// Value of a constant.
    Value = 4,
    /// How parameters and result of a routine are passed, four bits for each.
    Signature = 5,
}

/// A number of ours and the same of Microsoft's. All of it is plain bytes.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Fact {
    name: [u8; NAME],
    voucher: [u8; VOUCHER],
    kind: Kind,
    ours: i64,
    theirs: i64,
}

impl Fact {
    /// A fact that the metadata has.
    pub(crate) const fn new(kind: Kind, name: &str, ours: i64, theirs: i64) -> Self {
        Self::documented(kind, name, ours, theirs, "")
    }

    /// A fact that the metadata lacks or has otherwise, and who vouches for it instead.
    pub(crate) const fn documented(
        kind: Kind,
        name: &str,
        ours: i64,
        theirs: i64,
        voucher: &str,
    ) -> Self {
        Self {
            name: padded(name),
            voucher: padded(voucher),
            kind,
            ours,
            theirs,
        }
    }
}

/// The facts of a list, by value.
pub(crate) const fn array<const COUNT: usize>(facts: &[Fact]) -> [Fact; COUNT] {
    let mut copy = [Fact::new(Kind::Size, "", 0, 0); COUNT];
    copy.copy_from_slice(facts);
    copy
}

/// Text with zeros behind it; one that is too long does not compile.
const fn padded<const LENGTH: usize>(text: &str) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    let (used, _) = bytes.split_at_mut(text.len());
    used.copy_from_slice(text.as_bytes());
    bytes
}
