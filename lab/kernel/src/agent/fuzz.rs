//! Random calls on all processors at once, each answer compared with what is
//! expected.
//!
//! The processors share their handles: one closes what another is using, and now
//! and then one of them unloads the driver, if it finds a moment in which
//! the driver is not in use.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hint;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use lab_fuzz::{Answer, Call, Caller, Control, Mismatch, Path, Program, SLOTS, expectation};
use lab_wire::{
    Access, CallCounts, CallPosition, Campaign, CampaignResult, Handle, Token, UnexpectedAnswer,
};
use spin::Once;

use super::smp;
use crate::base::lock::Lock;
use crate::nt::io::{driver, file, open_files};
use crate::nt::{exports, report, status};
use crate::processor::mailbox::Job;
use crate::processor::{self, Processor, idle};

/// A handle in a slot.
#[derive(Clone, Copy)]
struct Opened {
    handle: Handle,
    caller: Caller,
}

static HANDLES: [Lock<Option<Opened>>; SLOTS] = [const { Lock::new(None) }; SLOTS];

/// Set while a processor unloads and loads the driver: the service control manager does one
/// thing at a time.
static RESTARTING: AtomicBool = AtomicBool::new(false);

/// Restarts begun and restarts ended: odd while one is under way.
static RESTARTS: AtomicU32 = AtomicU32::new(0);

/// By processor, the number of its call.
static CALLS: Once<Vec<AtomicU32>> = Once::new();

/// How often a restart looks for a moment in which the driver is not in use.
const RESTART_ATTEMPTS: u32 = 1 << 12;

/// No call: the campaign has not begun.
const NONE: u32 = u32::MAX;

/// Where the calls of all processors stand; empty if there is no campaign.
pub(crate) fn positions() -> Vec<CallPosition> {
    let calls = CALLS.get().map_or(&[][..], Vec::as_slice);
    let numbers = calls.iter().map(|call| call.load(Ordering::Relaxed));
    (0..)
        .zip(numbers)
        .filter(|&(_, number)| number != NONE)
        .map(|(processor, number)| CallPosition { processor, number })
        .collect()
}

/// Runs a campaign. The driver is loaded, and stays so.
pub(crate) fn run(campaign: Campaign) -> CampaignResult {
    CALLS.call_once(|| {
        let none = processor::all().iter().map(|_| AtomicU32::new(NONE));
        none.collect()
    });
    let result = Arc::new(Lock::new(CampaignResult::default()));
    let jobs = processor::all().iter().map(|&here| {
        let result = result.clone();
        let job: Job = Box::new(move || {
            let mut runner = Runner::new(here);
            let unexpected = runner.run(campaign, &result);
            let mut result = result.lock();
            result.counts.add(&runner.counts());
            if result.unexpected.is_none() {
                result.unexpected = unexpected;
            }
        });
        (here, job)
    });
    smp::run(jobs.collect());
    idle::run_thread(processor::current(), || {
        for slot in &HANDLES {
            take(slot);
        }
    });
    for call in CALLS.get().into_iter().flatten() {
        call.store(NONE, Ordering::Relaxed);
    }
    let result = result.lock();
    result.clone()
}

/// Takes a handle out of its slot and closes it; `None` if there was none.
fn take(slot: &Lock<Option<Opened>>) -> Option<u32> {
    let taken = slot.lock().take();
    taken.map(|opened| file::close(opened.handle))
}

/// What one processor does.
struct Runner {
    here: &'static Processor,
    counts: CallCounts,
    kinds: BTreeMap<&'static str, u64>,
}

impl Runner {
    fn new(here: &'static Processor) -> Self {
        Self {
            here,
            counts: CallCounts::default(),
            kinds: BTreeMap::new(),
        }
    }

    fn counts(&self) -> CallCounts {
        let kinds = self.kinds.iter();
        CallCounts {
            kinds: kinds.map(|(kind, n)| (kind.to_string(), *n)).collect(),
            ..self.counts.clone()
        }
    }

    /// Makes the calls until one of them, here or elsewhere, is not answered as
    /// expected.
    fn run(
        &mut self,
        campaign: Campaign,
        result: &Lock<CampaignResult>,
    ) -> Option<UnexpectedAnswer> {
        let position = &CALLS.get()?[self.here.index as usize];
        let program = Program::new(campaign.seed, self.here.index, processor::count());
        for (number, call) in (0..campaign.calls).zip(program) {
            position.store(number, Ordering::Relaxed);
            if let Err(Mismatch(text)) = self.make(&call) {
                return Some(UnexpectedAnswer {
                    call: CallPosition {
                        processor: self.here.index,
                        number,
                    },
                    text,
                });
            }
            if result.lock().unexpected.is_some() {
                break;
            }
        }
        None
    }

    fn make(&mut self, call: &Call) -> Result<(), Mismatch> {
        match call {
            &Call::Open {
                slot,
                path,
                access,
                token,
            } => self.open(&HANDLES[slot], path, access, token),
            &Call::Close { slot } => self.close(&HANDLES[slot]),
            Call::Control { slot, control } => self.control(&HANDLES[*slot], control),
            Call::Restart => self.restart(),
        }
    }

    fn count(&mut self, kind: &'static str) {
        *self.kinds.entry(kind).or_default() += 1;
    }

    /// Counts a request that got to the I/O manager.
    fn count_request(&mut self, kind: &'static str, status: u32) {
        self.count(kind);
        self.counts.requests += 1;
        *self.counts.statuses.entry(status).or_default() += 1;
    }

    fn open(
        &mut self,
        slot: &Lock<Option<Opened>>,
        path: Path,
        access: Access,
        token: Token,
    ) -> Result<(), Mismatch> {
        let restarts = RESTARTS.load(Ordering::SeqCst);
        let opened = file::open(&path.text(), access, token);
        let status = opened.err().unwrap_or(status::SUCCESS);
        self.count_request("open", status);
        let expected = expectation::of_open(path, token);
        let gone = matches!(
            status,
            status::OBJECT_NAME_NOT_FOUND | status::NO_SUCH_DEVICE
        ) && (restarts % 2 == 1 || RESTARTS.load(Ordering::SeqCst) != restarts);
        if let Ok(handle) = opened {
            self.counts.opened += 1;
            let caller = Caller { access, token };
            let before = slot.lock().replace(Opened { handle, caller });
            if let Some(before) = before {
                self.closed(file::close(before.handle))?;
            }
        }
        if status == expected || gone {
            Ok(())
        } else {
            Err(Mismatch(alloc::format!(
                "opening ended with {status:#010x} instead of {expected:#010x}"
            )))
        }
    }

    fn close(&mut self, slot: &Lock<Option<Opened>>) -> Result<(), Mismatch> {
        if let Some(status) = take(slot) {
            return self.closed(status);
        }
        self.count("slot was empty");
        Ok(())
    }

    /// Counts a handle that was closed, which succeeds for the processor that took it.
    fn closed(&mut self, status: u32) -> Result<(), Mismatch> {
        self.count_request("close", status);
        self.counts.closed += 1;
        if status == status::SUCCESS {
            Ok(())
        } else {
            Err(Mismatch(alloc::format!(
                "closing ended with {status:#010x}"
            )))
        }
    }

    fn control(&mut self, slot: &Lock<Option<Opened>>, control: &Control) -> Result<(), Mismatch> {
        let opened = *slot.lock();
        let Some(Opened { handle, caller }) = opened else {
            self.count("slot was empty");
            return Ok(());
        };
        let processors = processor::count();
        let expected = expectation::of_control(control, caller, processors);
        let Control {
            code,
            input,
            output_length,
        } = control;
        let completed = file::try_control(handle, *code, input, *output_length);
        // A processor that closes a handle takes it out of its slot first.
        let still_open = slot.lock().is_some_and(|opened| opened.handle == handle);
        if !still_open {
            self.count("handle was closed meanwhile");
        }
        if completed.as_ref().err() == Some(&status::INVALID_HANDLE) {
            self.count_request("control code on a closed handle", status::INVALID_HANDLE);
            return if still_open {
                Err(Mismatch(
                    "the handle is open, and was not found".to_string(),
                ))
            } else {
                Ok(())
            };
        }
        let answer = match &completed {
            Ok(completion) => Answer {
                status: completion.status,
                information: completion.information,
                output: &completion.output,
                rest_untouched: completion.rest_untouched,
            },
            Err(status) => Answer {
                status: *status,
                information: 0,
                output: &[],
                rest_untouched: true,
            },
        };
        self.count_request(expected.name(), answer.status);
        expectation::check(expected, &answer, caller, processors)
    }

    fn restart(&mut self) -> Result<(), Mismatch> {
        if RESTARTING.swap(true, Ordering::SeqCst) {
            self.count("restart while another is under way");
            return Ok(());
        }
        RESTARTS.fetch_add(1, Ordering::SeqCst);
        self.count("restart");
        let restarted = self.close_all_and_reload();
        RESTARTS.fetch_add(1, Ordering::SeqCst);
        RESTARTING.store(false, Ordering::SeqCst);
        restarted
    }

    fn close_all_and_reload(&mut self) -> Result<(), Mismatch> {
        self.close_all()?;
        let (status, left) = driver::unload(report::make);
        if status == status::DEVICE_BUSY {
            self.counts.unloads_refused += 1;
            return Ok(());
        }
        if status != status::SUCCESS || !left.is_clean() {
            return Err(Mismatch(alloc::format!(
                "unloading ended with {status:#010x} and left {left:?}"
            )));
        }
        self.reload()
    }

    /// Closes all handles until there are none, and no processor is in the middle of a
    /// call: the others go on opening and calling.
    fn close_all(&mut self) -> Result<(), Mismatch> {
        for _ in 0..RESTART_ATTEMPTS {
            for slot in &HANDLES {
                if let Some(status) = take(slot) {
                    self.closed(status)?;
                }
            }
            if open_files::count() == 0 {
                break;
            }
            hint::spin_loop();
        }
        Ok(())
    }

    fn reload(&mut self) -> Result<(), Mismatch> {
        self.counts.unloaded += 1;
        let loaded = driver::load(exports::resolve);
        if status::is_success(loaded.status) && loaded.refusal.is_empty() {
            Ok(())
        } else {
            Err(Mismatch(alloc::format!(
                "loading ended with {:#010x} {}",
                loaded.status,
                loaded.refusal
            )))
        }
    }
}
