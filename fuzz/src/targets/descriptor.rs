//! Descriptors and hidden parts of segment registers, from one form into the other and back.

use amd_svm::descriptor::{Descriptor, Selector};
use amd_svm::segment::{Segment, SegmentAttributes};

/// Runs the target on one input.
pub(super) fn run(bytes: &[u8]) {
    let Some(&bytes) = bytes.first_chunk::<16>() else {
        return;
    };
    let segment: Segment = bytemuck::must_cast(bytes);
    assert_eq!(bytemuck::bytes_of(&segment), bytes);
    let unpacked = segment.attributes.to_unpacked();
    let attributes = SegmentAttributes::from_unpacked(unpacked);
    assert_eq!(attributes, segment.attributes.with_reserved(0));
    if let Some(descriptor) = Descriptor::of(&segment) {
        // Bits 12 to 15 of the attributes have no place in a descriptor.
        let expected = Segment {
            attributes,
            ..segment
        };
        assert_eq!(descriptor.load(Selector(segment.selector)), expected);
    }
    let [low, high]: [u64; 2] = bytemuck::must_cast(bytes);
    let loaded = Descriptor { low, high }.load(Selector(8));
    if let Some(descriptor) = Descriptor::of(&loaded) {
        assert_eq!(descriptor.low, low);
        assert_eq!(descriptor.load(Selector(8)), loaded);
    } else {
        assert!(loaded.attributes.code_or_data() && loaded.base >> 32 != 0);
    }
}
