//! What the kernel routines promise, checked by the kernel itself on real
//! processors.

use lab::{Config, Exercise};

use crate::support::{boot, config};

fn check_all(config: &Config) {
    let mut lab = boot(config);
    for &exercise in Exercise::all() {
        if let Err(error) = lab.exercise(exercise) {
            panic!("{exercise:?}: {error}");
        }
        let report = lab.report().unwrap();
        assert!(report.is_clean(), "{exercise:?} left {report:?}");
    }
    lab.shutdown().unwrap();
}

#[test]
fn routines_keep_their_promises() {
    for processors in [1, 2, 8] {
        check_all(&config(processors));
    }
}

#[test]
fn routines_keep_their_promises_in_groups() {
    check_all(&Config {
        groups: vec![1, 3, 2],
        nodes: vec![0, 0, 1, 1, 2, 0],
        ..config(6)
    });
}
