//! What the documentation of kernel routines says, checked by the kernel itself on emulated
//! processors.

use lab::{Config, ConformanceCheck};

use crate::support::{boot, config};

fn check_all(config: &Config) {
    let mut lab = boot(config);
    for &check in ConformanceCheck::all() {
        if let Err(error) = lab.check_conformance(check) {
            panic!("{check:?}: {error}");
        }
        let report = lab.report().unwrap();
        assert!(report.is_clean(), "{check:?} left {report:?}");
    }
    lab.shutdown().unwrap();
}

#[test]
fn routines_conform_to_their_documentation() {
    for processors in [1, 2, 8] {
        check_all(&config(processors));
    }
}

#[test]
fn routines_conform_to_their_documentation_in_groups() {
    check_all(&Config {
        groups: vec![1, 3, 2],
        nodes: vec![0, 0, 1, 1, 2, 0],
        ..config(6)
    });
}
