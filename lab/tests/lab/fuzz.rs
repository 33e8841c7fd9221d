//! The fuzzer finds what is wrong with a driver: in the packaged one, conditions are
//! turned into their opposites, one at a time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction};
use lab::fuzz::{self, Finding};
use lab::{Campaign, Config};

use crate::support::unwind_tables::UnwindTables;
use crate::support::{config, driver, kernel};

/// Enough for whatever can be found to be found.
const CAMPAIGN: Campaign = Campaign {
    seed: 1,
    calls: 3000,
};

/// What the fuzzer finds in the driver with one condition inverted.
fn fuzz_inverted(condition: u32) -> Option<Box<Finding>> {
    let config = Config {
        timeout: Duration::from_secs(10),
        ..config(1)
    };
    let mut image = UnwindTables::read(&driver());
    let inverse = image.byte(condition) ^ 1;
    image.set_byte(condition, inverse);
    let file = image.write();
    fuzz::run(&config, &kernel(), file.path(), CAMPAIGN).err()
}

/// Addresses of the bytes that hold the conditions of the driver's jumps.
fn conditions() -> Vec<u32> {
    const TWO_BYTE_OPCODE: u8 = 0x0F;
    let image = UnwindTables::read(&driver());
    let mut conditions = Vec::new();
    for index in 0..image.functions() {
        let [begin, end, _] = image.function(index);
        let code: Vec<u8> = (begin..end).map(|address| image.byte(address)).collect();
        let mut decoder = Decoder::with_ip(64, &code, begin.into(), DecoderOptions::NONE);
        let is_jump = |one: &Instruction| one.flow_control() == FlowControl::ConditionalBranch;
        conditions.extend(decoder.iter().filter(is_jump).map(|jump| {
            let address = u32::try_from(jump.ip()).unwrap();
            address + u32::from(image.byte(address) == TWO_BYTE_OPCODE)
        }));
    }
    // Parts of a function share its code.
    conditions.sort_unstable();
    conditions.dedup();
    conditions
}

#[test]
fn many_conditions_that_are_inverted_are_found_and_a_finding_can_be_repeated() {
    let conditions = conditions();
    let next = AtomicUsize::new(0);
    let work = || {
        let mine = || conditions.get(next.fetch_add(1, Ordering::Relaxed));
        let mut findings = Vec::new();
        while let Some(&condition) = mine() {
            findings.extend(fuzz_inverted(condition).map(|finding| finding.to_string()));
        }
        findings
    };
    let findings: Vec<String> = thread::scope(|scope| {
        let workers = [(); 2].map(|()| scope.spawn(work));
        workers.map(|worker| worker.join().unwrap()).concat()
    });
    let (found, inverted) = (findings.len(), conditions.len());
    println!("{found} of {inverted} inverted conditions were found");
    // A lower bound that a fuzzer which finds nothing misses, no measure of a good one: how many
    // can be found changes with the driver: those that ask for a fault, a refused page or an end of
    // memory are never met.
    assert!(found * 10 >= inverted * 3, "{found} of {inverted}");
    // The checks of the input's length and of the version, in whichever direction the
    // first call shows them.
    for trace in ["0xc0000004", "0xc0000059"] {
        let named = findings.iter().find(|finding| finding.contains(trace));
        let named = named.unwrap_or_else(|| panic!("nothing was found about {trace}"));
        assert!(named.starts_with("seed 1, 1 processors, 3000 calls each\nprocessor 0, call "));
        assert!(named.contains("control code 0x0022"), "{named}");
    }
}
