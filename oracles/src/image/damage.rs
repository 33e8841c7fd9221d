//! Damage that the checks have to notice, in the driver's own image.

use std::fs;

use anyhow::{Context as _, Result};
use object::LittleEndian as LE;
use object::pe::IMAGE_DIRECTORY_ENTRY_EXCEPTION;
use object::read::pe::PeFile64;
use wdk_linux::host::Workspace;
use wdk_linux::image::word;
use xtask::artifact::{Profile, package_folder};

use super::exceptions::{FAULTING, Mapped};
use super::rules::Facts;

fn driver() -> Vec<u8> {
    let package = package_folder(&Workspace::locate().unwrap());
    fs::read(package.join("svmsave.sys")).unwrap()
}

/// What breaks the rule with this word in it.
fn violation(bytes: &[u8], rule: &str) -> Option<String> {
    let checks = Facts::of_image(bytes).unwrap().check(Profile::Release);
    checks
        .into_iter()
        .find(|check| check.rule.contains(rule))
        .unwrap()
        .violation
}

/// Where an address of the image is in the file.
fn place(bytes: &[u8], address: u32) -> usize {
    let file = PeFile64::parse(bytes).unwrap();
    let sections = file.section_table();
    let found = sections
        .iter()
        .find_map(|section| section.pe_file_range_at(address));
    found.unwrap().0 as usize
}

fn add_to_word(bytes: &mut [u8], place: usize, number: u32) {
    let sum = word(bytes, place).unwrap().wrapping_add(number);
    bytes[place..place + 4].copy_from_slice(&sum.to_le_bytes());
}

/// Where in the file each scope table is: its count, then the entries.
fn scope_tables(bytes: &[u8]) -> Result<Vec<usize>> {
    let image = Mapped {
        file: PeFile64::parse(bytes)?,
        bytes,
    };
    let directory = image
        .file
        .data_directory(IMAGE_DIRECTORY_ENTRY_EXCEPTION)
        .context("the image has no table of functions")?;
    let table = directory.virtual_address.get(LE);
    (0..)
        .zip(image.functions()?)
        .filter(|(_, function)| !function.scopes.is_empty())
        .map(|(index, _)| {
            let unwind = place(bytes, word(bytes, place(bytes, table + index * 12) + 8)?);
            let codes = usize::from(bytes[unwind + 2]).next_multiple_of(2) * 2;
            Ok(unwind + 4 + codes + 4)
        })
        .collect()
}

/// Empties the scope tables, so that no instruction is guarded.
pub(crate) fn remove_guards(bytes: &mut [u8]) -> Result<()> {
    for table in scope_tables(bytes)? {
        bytes[table..table + 4].fill(0);
    }
    Ok(())
}

#[test]
fn every_number_of_a_scope_that_is_off_by_one_is_noticed() {
    let bytes = driver();
    assert_eq!(violation(&bytes, "exception"), None);
    let tables = scope_tables(&bytes).unwrap();
    assert!(tables.len() >= FAULTING.len());
    for table in tables {
        for number in [table + 4, table + 8, table + 16] {
            let mut damaged = bytes.clone();
            add_to_word(&mut damaged, number, 1);
            assert!(violation(&damaged, "exception").is_some(), "{number:#x}");
        }
    }
}

#[test]
fn an_instruction_without_a_guard_is_noticed() {
    let mut bytes = driver();
    remove_guards(&mut bytes).unwrap();
    let found = violation(&bytes, "exception").unwrap();
    for mnemonic in FAULTING {
        assert!(found.contains(&format!("{mnemonic:?} at ")), "{found}");
    }
}

#[test]
fn an_import_from_another_image_is_noticed() {
    let mut bytes = driver();
    let name = b"ntoskrnl.exe\0";
    let at = bytes
        .windows(name.len())
        .position(|window| window == name)
        .unwrap();
    bytes[at..at + name.len()].copy_from_slice(b"ntkrnlmp.exe\0");
    assert!(
        violation(&bytes, "imports")
            .unwrap()
            .contains("ntkrnlmp.exe")
    );
}

#[test]
fn one_bit_of_the_file_breaks_the_checksum() {
    let mut bytes = driver();
    assert_eq!(violation(&bytes, "checksum"), None);
    *bytes.last_mut().unwrap() ^= 1;
    assert!(violation(&bytes, "checksum").is_some());
}

#[test]
fn code_that_can_be_written_to_is_noticed() {
    let mut bytes = driver();
    let text = bytes
        .windows(8)
        .position(|window| window == b".text\0\0\0")
        .unwrap();
    let characteristics = text + size_of::<object::pe::ImageSectionHeader>() - 4;
    add_to_word(
        &mut bytes,
        characteristics,
        object::pe::IMAGE_SCN_MEM_WRITE.0,
    );
    assert!(violation(&bytes, "writable").is_some());
}
