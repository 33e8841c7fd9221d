//! A small image with what the driver's has, for tests to take apart.

use object::pe;
use object::write::pe::{NtHeaders, Writer};

/// What the image recognises its debugging information by.
pub const GUID: [u8; 16] = *b"sixteen bytes...";

/// The image's file.
///
/// # Panics
///
/// Never: what is written was reserved before.
#[must_use]
pub fn image() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(true, 4096, 512, &mut bytes);
    writer.reserve_dos_header();
    writer.reserve_nt_headers(16);
    writer.reserve_section_headers(1);
    let entry_size =
        u32::try_from(size_of::<pe::ImageDebugDirectory>()).expect("room was reserved");
    let section = writer.reserve_rdata_section(512);
    writer.set_data_directory(
        pe::IMAGE_DIRECTORY_ENTRY_DEBUG,
        section.virtual_address,
        entry_size,
    );
    writer.write_empty_dos_header().expect("room was reserved");
    writer.write_nt_headers(NtHeaders {
        machine: pe::IMAGE_FILE_MACHINE_AMD64,
        time_date_stamp: 0x0123_4567,
        characteristics: pe::IMAGE_FILE_EXECUTABLE_IMAGE,
        major_linker_version: 0,
        minor_linker_version: 0,
        address_of_entry_point: 0,
        image_base: 0x1_8000_0000,
        major_operating_system_version: 6,
        minor_operating_system_version: 0,
        major_image_version: 0,
        minor_image_version: 0,
        major_subsystem_version: 6,
        minor_subsystem_version: 0,
        subsystem: pe::IMAGE_SUBSYSTEM_NATIVE,
        dll_characteristics: pe::IMAGE_DLLCHARACTERISTICS_NX_COMPAT,
        size_of_stack_reserve: 0,
        size_of_stack_commit: 0,
        size_of_heap_reserve: 0,
        size_of_heap_commit: 0,
    });
    writer.write_section_headers();
    let mut data = vec![0; 12];
    data.extend(pe::IMAGE_DEBUG_TYPE_CODEVIEW.0.to_le_bytes());
    data.extend((4_u32 + 16 + 4 + 12).to_le_bytes());
    data.extend((section.virtual_address + entry_size).to_le_bytes());
    data.extend((section.file_offset + entry_size).to_le_bytes());
    data.extend(b"RSDS");
    data.extend(GUID);
    data.extend(1_u32.to_le_bytes());
    data.extend(b"svmsave.pdb\0");
    data.resize(512, 0);
    writer.write_section(section.file_offset, &data);
    bytes
}
