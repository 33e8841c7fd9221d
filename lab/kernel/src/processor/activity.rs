//! What each processor is doing, kept so that a crash report can tell without any lock.

use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// What a processor is doing, by kind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// Nothing.
    Idle,
    /// Running a thread.
    Thread,
    /// A thread that waits; the subject is the object.
    Waiting,
    /// Running a DPC; the subject is the routine.
    Dpc,
}

const KINDS: [Kind; 4] = [Kind::Idle, Kind::Thread, Kind::Waiting, Kind::Dpc];

/// What a processor is doing.
pub(crate) struct ActivityCell {
    kind: AtomicU8,
    subject: AtomicU64,
    caller: AtomicU64,
}

/// Brings the activity before back when dropped.
pub(crate) struct Previous<'a> {
    cell: &'a ActivityCell,
    kind: u8,
    subject: u64,
    caller: u64,
}

impl ActivityCell {
    /// Idle.
    pub(crate) const fn new() -> Self {
        Self {
            kind: AtomicU8::new(Kind::Idle as u8),
            subject: AtomicU64::new(0),
            caller: AtomicU64::new(0),
        }
    }

    /// Notes what the processor does until the result is dropped.
    #[must_use]
    pub(crate) fn enter(&self, kind: Kind, subject: u64, caller: u64) -> Previous<'_> {
        Previous {
            cell: self,
            kind: self.kind.swap(kind as u8, Ordering::Relaxed),
            subject: self.subject.swap(subject, Ordering::Relaxed),
            caller: self.caller.swap(caller, Ordering::Relaxed),
        }
    }

    /// What the processor does.
    pub(crate) fn kind(&self) -> Kind {
        KINDS[usize::from(self.kind.load(Ordering::Relaxed))]
    }

    /// Address of the object or routine that the activity is about, see [`Kind`].
    pub(crate) fn subject(&self) -> u64 {
        self.subject.load(Ordering::Relaxed)
    }

    /// Where the activity was asked for, zero if that is not known.
    pub(crate) fn caller(&self) -> u64 {
        self.caller.load(Ordering::Relaxed)
    }

    /// The routine of the DPC that the processor runs, if it runs one.
    pub(crate) fn dpc_routine(&self) -> Option<u64> {
        (self.kind() == Kind::Dpc).then(|| self.subject())
    }
}

impl Drop for Previous<'_> {
    fn drop(&mut self) {
        self.cell.kind.store(self.kind, Ordering::Relaxed);
        self.cell.subject.store(self.subject, Ordering::Relaxed);
        self.cell.caller.store(self.caller, Ordering::Relaxed);
    }
}
