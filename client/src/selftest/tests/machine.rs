//! A machine on which every step passes but for what its state says.

use std::cell::RefCell;
use std::rc::Rc;

use protocol::Outcome;

use super::device::TestDevice;
use super::state::{Damage, State};
use crate::driver_io::Device;
use crate::model::DeviceError;
use crate::selftest::machine::{
    Installation, Kind, Machine, Opener, Signature, System, Topology, Verifier,
};
use crate::selftest::outcome::Stop;
use crate::selftest::pool::Usage;

/// The machine.
pub(super) struct TestMachine(pub(super) Rc<RefCell<State>>);

impl TestMachine {
    /// One on which every step passes.
    pub(super) fn new() -> Self {
        Self(Rc::new(RefCell::new(State {
            damage: Damage::None,
            running: true,
            processors: 4,
            groups_in_records: 2,
            outcome: Outcome::DONE,
            taken: 0,
            starts: 0,
            system: System {
                kind: Kind::Windows,
                build: Some(19045),
            },
            installation: Installation {
                service: true,
                packages: vec!["oem7.inf".to_owned()],
                image: true,
                folder: true,
                noted: vec!["CN=test in Root".to_owned()],
            },
            topology: Topology {
                groups: 2,
                processors: 4,
                nodes: 2,
            },
            adds_a_processor: true,
            memory_integrity: true,
            verifier: Verifier {
                drivers: "other.sys SvmSave.sys".to_owned(),
                flags: 0x0202_09BB,
            },
            pool: Some(Usage {
                allocations: 400,
                blocks: 0,
                bytes: 0,
            }),
        })))
    }

    pub(super) fn with(change: impl FnOnce(&mut State)) -> Self {
        let machine = Self::new();
        change(&mut machine.0.borrow_mut());
        machine
    }

    pub(super) fn damaged(damage: Damage) -> Self {
        Self::with(|state| state.damage = damage)
    }

    fn is(&self, damage: Damage) -> bool {
        self.0.borrow().damage == damage
    }

    fn device(&self, read: bool, redacted: bool) -> Result<Box<dyn Device>, DeviceError> {
        if !self.0.borrow().running {
            return Err(DeviceError::NotStarted);
        }
        let state = Rc::clone(&self.0);
        Ok(Box::new(TestDevice {
            state,
            read,
            redacted,
        }))
    }
}

impl Machine for TestMachine {
    fn system(&mut self) -> System {
        self.0.borrow().system
    }

    fn open(&mut self, opener: Opener) -> Result<Result<Box<dyn Device>, DeviceError>, Stop> {
        Ok(match opener {
            Opener::Client if self.is(Damage::CallerIsDenied) => Err(DeviceError::AccessDenied),
            Opener::Client => self.device(true, false),
            Opener::WithoutRead => self.device(false, false),
            Opener::Restricted if self.is(Damage::LetsAnyoneIn) => self.device(true, true),
            Opener::Restricted => Err(DeviceError::AccessDenied),
            Opener::WithoutPrivileges => self.device(true, true),
        })
    }

    fn signature(&mut self) -> Result<Signature, Stop> {
        Ok(Signature {
            code: if self.is(Damage::Untrusted) {
                0x800B_0109
            } else {
                0
            },
            catalog: (!self.is(Damage::NoCatalog)).then(|| r"C:\oem7.cat".to_owned()),
            digest: "00FF".to_owned(),
        })
    }

    fn installation(&mut self) -> Result<Installation, Stop> {
        let mut installation = self.0.borrow().installation.clone();
        match self.0.borrow().damage {
            Damage::NoImage => installation.image = false,
            Damage::TwoPackages => installation.packages.push("oem8.inf".to_owned()),
            Damage::LeavesFolder => installation.folder = true,
            _ => {}
        }
        Ok(installation)
    }

    fn is_running(&mut self) -> Result<Option<bool>, Stop> {
        let state = self.0.borrow();
        Ok(state.installation.service.then_some(state.running))
    }

    fn set_running(&mut self, running: bool) -> Result<(), Stop> {
        let mut state = self.0.borrow_mut();
        assert_ne!(state.running, running, "it is so already");
        // The device that a step left open would keep the driver.
        let is_open = Rc::strong_count(&self.0) > 1;
        if !running && (is_open || state.damage == Damage::DoesNotStop) {
            return Err(Stop::failed("the driver still runs"));
        }
        state.starts += u32::from(running);
        if state.damage == Damage::DoesNotStartAgain && state.starts == 2 {
            return Err(Stop::failed("StartServiceW failed with error 31"));
        }
        state.running = running;
        Ok(())
    }

    fn questions(&mut self) -> Result<Vec<(&'static str, String)>, Stop> {
        if self.is(Damage::NoAnswerToInstall) {
            return Err(Stop::failed("manage-bde.exe ended with 5"));
        }
        Ok(vec![("secure_boot", "no".to_owned())])
    }

    fn topology(&mut self) -> Result<Topology, Stop> {
        let mut topology = self.0.borrow().topology;
        match self.0.borrow().damage {
            Damage::SystemCountsMore => topology.processors += 1,
            Damage::OneGroupIsMissing => topology.groups += 1,
            _ => {}
        }
        Ok(topology)
    }

    fn has_memory_integrity(&mut self) -> Result<bool, Stop> {
        Ok(self.0.borrow().memory_integrity)
    }

    fn node(&mut self, group: u16, _: u8) -> Result<u16, Stop> {
        Ok(group)
    }

    fn verifier(&mut self) -> Result<Verifier, Stop> {
        let mut state = self.0.borrow_mut();
        state.processors += u32::from(state.adds_a_processor);
        Ok(state.verifier.clone())
    }

    fn pool(&mut self) -> Result<Option<Usage>, Stop> {
        let left = u64::from(self.is(Damage::LeavesPool));
        let usage = self.0.borrow().pool;
        Ok(usage.map(|usage| Usage {
            blocks: left,
            bytes: 64 * left,
            ..usage
        }))
    }
}
