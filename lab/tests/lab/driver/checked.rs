//! The driver as it is built for debugging, which is what `cargo make` does unless it is told
//! otherwise: with its own checks, and without the optimisations that leave most of it out.

use amd_svm::Fault;
use amd_svm::msr::Msr;
use amd_svm::support::{Refusal, Step};
use lab::{Access, Config, GuardedInstruction, InjectedException, Injection, Lab};
use protocol::{SnapshotRecord, StatusRecord};

use crate::support::query::query;
use crate::support::{built, config, kernel};

const PROCESSORS: u32 = 23;

#[test]
fn with_its_checks_the_driver_does_the_same() {
    let driver = built("LAB_CHECKED_DRIVER");
    let config = Config {
        nodes: (0..PROCESSORS).map(|index| (index % 2) as u16).collect(),
        parked: 3,
        ..config(PROCESSORS)
    };
    let mut lab = Lab::boot(&config, &kernel(), &driver).unwrap();
    lab.load().unwrap();
    let handle = lab.open(protocol::USER_PATH, Access::READ).unwrap();
    let status = query::<StatusRecord>(&mut lab, handle, PROCESSORS - 3);
    assert!(status.records.iter().all(|record| record.outcome.is_done()));

    lab.add_processors(3, None).unwrap();
    let point = Injection {
        instruction: GuardedInstruction::ReadRegister(Msr::Cstar.number()),
        exception: InjectedException::GeneralProtection,
        skip: 0,
        count: 1,
    };
    lab.inject_fault(22, point).unwrap();
    let snapshot = query::<SnapshotRecord>(&mut lab, handle, PROCESSORS);
    for record in &snapshot.records {
        assert!(record.outcome.is_done(), "{record:?}");
        let expected = (record.id.index == 22).then_some(Refusal::Fault {
            step: Step::Read(Msr::Cstar),
            fault: Fault::GeneralProtection,
        });
        assert_eq!(record.witness_outcome.refusal(), expected, "{record:?}");
    }
    lab.refuse_dpc(2).unwrap();
    let snapshot = query::<SnapshotRecord>(&mut lab, handle, PROCESSORS);
    let done = snapshot
        .records
        .iter()
        .filter(|record| record.outcome.is_done());
    assert_eq!(done.count(), PROCESSORS as usize - 1);

    lab.close(handle).unwrap();
    assert!(lab.unload().unwrap().is_clean());
    lab.shutdown().unwrap();
}
