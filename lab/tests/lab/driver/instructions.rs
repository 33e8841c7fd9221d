//! What the image of the driver consists of: which privileged instructions, and which
//! routines of the kernel's.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;

use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic};
use object::pe::{IMAGE_DIRECTORY_ENTRY_EXCEPTION, IMAGE_SCN_MEM_EXECUTE};
use object::read::pe::PeFile64;
use object::{LittleEndian as LE, NameOrOrdinal, Object};

use crate::support::driver;

/// Those that may fault, or change what is not the driver's.
const GUARDED: [Mnemonic; 3] = [Mnemonic::Rdmsr, Mnemonic::Wrmsr, Mnemonic::Vmsave];

/// Those that keep interrupts off during a capture.
const INTERRUPTS: [Mnemonic; 2] = [Mnemonic::Cli, Mnemonic::Sti];

/// Ports may be reached by programs too, if they are let; the decoder does not count these.
const PORTS: [Mnemonic; 8] = [
    Mnemonic::In,
    Mnemonic::Insb,
    Mnemonic::Insw,
    Mnemonic::Insd,
    Mnemonic::Out,
    Mnemonic::Outsb,
    Mnemonic::Outsw,
    Mnemonic::Outsd,
];

/// All instructions of the image, by offset from its base.
fn instructions(file: &[u8]) -> Vec<Instruction> {
    let image = PeFile64::parse(file).unwrap();
    let mut instructions = Vec::new();
    for section in image.section_table().iter() {
        if section
            .characteristics
            .get(LE)
            .contains(IMAGE_SCN_MEM_EXECUTE)
        {
            let code = section.pe_data(file).unwrap();
            let start = section.virtual_address.get(LE).into();
            instructions.extend(Decoder::with_ip(64, code, start, DecoderOptions::AMD));
        }
    }
    assert!(instructions.len() > 500, "{}", instructions.len());
    instructions
}

/// Where the functions are that have an exception handler.
fn guarded_functions(file: &[u8]) -> Vec<Range<u64>> {
    const FUNCTION_SIZE: usize = 12;
    const EXCEPTION_HANDLER: u8 = 1;
    let image = PeFile64::parse(file).unwrap();
    let sections = image.section_table();
    let table = image.data_directory(IMAGE_DIRECTORY_ENTRY_EXCEPTION);
    let table = table.expect("an exception directory");
    let table = table.data(file, &sections).unwrap();
    let functions = table.chunks_exact(FUNCTION_SIZE).map(|entry| {
        let field = |at: usize| u32::from_le_bytes(entry[at..at + 4].try_into().unwrap());
        (field(0), field(4), field(8))
    });
    let guarded = functions.filter(|(.., info)| {
        let info = sections
            .pe_data_at(file, *info)
            .expect("unwind information");
        info[0] >> 3 & EXCEPTION_HANDLER != 0
    });
    guarded
        .map(|(begin, end, _)| begin.into()..end.into())
        .collect()
}

#[test]
fn privileged_instructions_are_three_and_each_is_guarded() {
    let file = fs::read(driver()).unwrap();
    let all = instructions(&file);
    let guarded = guarded_functions(&file);
    for mnemonic in GUARDED {
        let found: Vec<_> = all
            .iter()
            .filter(|one| one.mnemonic() == mnemonic)
            .collect();
        assert!(!found.is_empty(), "{mnemonic:?} is not in the image");
        for one in found {
            let is_guarded = guarded.iter().any(|range| range.contains(&one.ip()));
            assert!(is_guarded, "{mnemonic:?} at {:#x}", one.ip());
        }
    }
    for one in all {
        let mnemonic = one.mnemonic();
        let is_known = GUARDED.contains(&mnemonic) || INTERRUPTS.contains(&mnemonic);
        let is_harmless = !one.is_privileged() && !PORTS.contains(&mnemonic);
        assert!(is_known || is_harmless, "{mnemonic:?} at {:#x}", one.ip());
    }
}

/// None of these takes an address, a process or a register that is not the driver's own.
const IMPORTS: [&str; 38] = [
    "DbgPrint",
    "ExAllocatePool2",
    "ExFreePool",
    "IoCreateDevice",
    "IoCreateSymbolicLink",
    "IoDeleteDevice",
    "IoDeleteSymbolicLink",
    "IofCompleteRequest",
    "KeBugCheckEx",
    "KeClearEvent",
    "KeFlushQueuedDpcs",
    "KeGetProcessorNumberFromIndex",
    "KeInitializeDpc",
    "KeInitializeEvent",
    "KeInitializeMutex",
    "KeInsertQueueDpc",
    "KeQueryActiveProcessorCountEx",
    "KeQueryLogicalProcessorRelationship",
    "KeQueryMaximumProcessorCountEx",
    "KeReleaseMutex",
    "KeSetEvent",
    "KeSetImportanceDpc",
    "KeSetTargetProcessorDpcEx",
    "KeWaitForSingleObject",
    "MmAllocateContiguousNodeMemory",
    "MmFreeContiguousMemory",
    "MmGetPhysicalAddress",
    "ObOpenObjectByPointer",
    "RtlAddAccessAllowedAce",
    "RtlCreateAcl",
    "RtlCreateSecurityDescriptor",
    "RtlSetDaclSecurityDescriptor",
    "SeSinglePrivilegeCheck",
    "ZwClose",
    "ZwSetSecurityObject",
    "__C_specific_handler",
    "memcpy",
    "memset",
];

#[test]
fn the_imports_are_those_that_the_driver_needs() {
    let file = fs::read(driver()).unwrap();
    let image = PeFile64::parse(file.as_slice()).unwrap();
    let imports = image
        .imports()
        .unwrap()
        .map(|import| match import.unwrap().name() {
            NameOrOrdinal::Name(name) => String::from_utf8(name.to_vec()).unwrap(),
            NameOrOrdinal::Ordinal(number) => format!("number {number}"),
        });
    let imports: BTreeSet<String> = imports.collect();
    assert_eq!(imports, IMPORTS.map(String::from).into());
}
