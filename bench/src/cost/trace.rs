//! A DPC's instructions, cut into its parts.

use anyhow::{Result, bail};
use lab::mapped_image::{IMPORT_JUMP, MappedImage, RDTSC};

/// Instructions of one DPC, by part.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Dpc {
    /// Before which of its own instructions another DPC was queued.
    pub queued: Vec<u64>,
    /// Until the support check.
    pub entry: u64,
    /// Asking whether VMSAVE may be used.
    pub support_check: u64,
    /// Until it was there for the others, from the beginning.
    pub joined: u64,
    /// One turn of waiting; nothing if it did not have to.
    pub turn: u64,
    /// From then on until the capture began, waiting left out.
    pub preparation: u64,
    /// From the beginning of the capture until VMSAVE: SVME on.
    pub svme: u64,
    /// VMSAVE.
    pub vmsave: u64,
    /// Putting `EFER` back and reading it.
    pub restore: u64,
    /// Copying the record.
    pub copy: u64,
    /// Reading the same state without VMSAVE.
    pub witness: u64,
    /// Leaving.
    pub end: u64,
}

impl Dpc {
    /// Cuts up what a DPC executed.
    pub(super) fn cut(executed: &[u64], image: &MappedImage) -> Result<Self> {
        let at = |instruction: &[u8]| -> Vec<usize> {
            let found = executed.iter().enumerate();
            let found = found.filter(|(_, offset)| image.is_at(**offset, instruction));
            found.map(|(index, _)| index).collect()
        };
        let stamps = at(RDTSC);
        let Some((&[asked_in, let_in], stamps)) = stamps.split_first_chunk() else {
            bail!("a DPC without the stamps of the support check");
        };
        let Some((waiting, &[begun, vmsave, saved, restored, asked, told])) =
            stamps.split_last_chunk()
        else {
            bail!("a DPC without the stamps of a capture");
        };
        // A processor that does not have to wait reads no time stamp for it.
        let joined = waiting.first().copied().unwrap_or(begun);
        let waited_until = waiting.last().copied().unwrap_or(joined);
        let queued = at(IMPORT_JUMP).into_iter().filter(|index| *index < joined);
        let between = |from: usize, to: usize| (to - from) as u64;
        let turns = waiting.windows(2).map(|turn| between(turn[0], turn[1]));
        Ok(Self {
            queued: queued.map(|index| index as u64).collect(),
            entry: asked_in as u64,
            support_check: between(asked_in, let_in),
            joined: joined as u64,
            turn: turns.max().unwrap_or(0),
            preparation: between(waited_until, begun),
            svme: between(begun, vmsave),
            vmsave: between(vmsave, saved),
            restore: between(saved, restored),
            copy: between(restored, asked),
            witness: between(asked, told),
            end: between(told, executed.len()),
        })
    }

    /// What the capture and all behind it took.
    pub(super) fn since_joined(&self) -> u64 {
        self.preparation
            + self.svme
            + self.vmsave
            + self.restore
            + self.copy
            + self.witness
            + self.end
    }

    /// Coming together with the others, waiting left out.
    pub(super) fn barrier(&self) -> u64 {
        self.joined - self.entry - self.support_check + self.preparation
    }

    /// All of it, waiting left out.
    pub(super) fn total(&self) -> u64 {
        self.joined + self.since_joined()
    }
}
