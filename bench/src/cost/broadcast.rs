//! A snapshot over all its processors: the caller, the DPCs, and the longest way through them.

use amd_svm::vmcb::VMCB_SIZE;
use anyhow::{Context, Result};
use lab::mapped_image::MappedImage;
use svmsave_sync::children;

use super::Figures;
use super::snapshot::Snapshot;
use super::trace::Dpc;

/// What a snapshot was made of.
pub(super) struct Broadcast<'a> {
    snapshot: &'a Snapshot,
    /// The caller's instructions until the first DPC is queued, and after the last has arrived.
    caller: (u64, u64),
    /// By processor.
    dpcs: Vec<Dpc>,
}

impl<'a> Broadcast<'a> {
    /// Takes the log apart, knowing where the DPC's routine begins and ends.
    pub(super) fn of(
        snapshot: &'a Snapshot,
        image: &MappedImage,
        routine: (u64, u64),
    ) -> Result<Self> {
        let (entry, exit) = routine;
        let mut caller = (0, 0);
        let mut dpcs = Vec::new();
        for (index, executed) in snapshot.executed.iter().enumerate() {
            let start = executed.iter().position(|at| *at == entry);
            let start = start.with_context(|| format!("no DPC on processor {index}"))?;
            let length = executed[start..].iter().position(|at| *at == exit);
            let end = start + length.context("a DPC that did not return")? + 1;
            dpcs.push(Dpc::cut(&executed[start..end], image)?);
            if index == 0 {
                caller = (start as u64, (executed.len() - end) as u64);
            }
        }
        Ok(Self {
            snapshot,
            caller,
            dpcs,
        })
    }

    /// Adds the figures.
    pub(super) fn report(&self, figures: &mut Figures) {
        let count = self.snapshot.processors;
        let mut put = |name: &str, value: u64| figures.insert(format!("{name}.{count}"), value);
        let (before, after) = self.caller;
        put("caller", before + after);
        let totals = self.dpcs.iter().map(Dpc::total);
        put("total", before + after + totals.sum::<u64>());
        put("critical_path", self.critical_path());
        let branches = self.dpcs.iter().map(|dpc| dpc.queued.len() as u64);
        put("queued_by_dpcs", branches.sum());
        let (earlier, later) = (&self.snapshot.before, &self.snapshot.after);
        put("skew", self.skew());
        put("memory", self.memory());
        let interrupts = |report: &lab::Report| -> u64 {
            let all = report.processors.iter().map(|one| one.dpc_interrupts);
            all.sum()
        };
        put("interrupts", interrupts(later) - interrupts(earlier));
        let dpcs =
            |report: &lab::Report| -> u64 { report.processors.iter().map(|one| one.dpcs).sum() };
        put("dpcs", dpcs(later) - dpcs(earlier));
        put("requests", self.snapshot.requests);
        put("pages", self.pages());
        put("machine", self.snapshot.lasted);
        put("machine_skew", self.snapshot.tsc_skew);
        let made = later.allocations_made - earlier.allocations_made;
        if count == 1 {
            let dpc = &self.dpcs[0];
            let mut put = |name: &str, value| figures.insert(name.to_owned(), value);
            put("dpc", dpc.total());
            put("dpc.entry", dpc.entry);
            put("dpc.support_check", dpc.support_check);
            put("dpc.barrier", dpc.barrier());
            put("dpc.svme", dpc.svme);
            put("dpc.vmsave", dpc.vmsave);
            put("dpc.restore", dpc.restore);
            let alone = dpc.support_check + dpc.svme + dpc.vmsave + dpc.restore;
            put("dpc.vmsave_alone", alone);
            put("dpc.copy", dpc.copy);
            put("dpc.witness", dpc.witness);
            put("dpc.exit", dpc.end);
            put("allocations", made);
        }
    }

    /// The longest way from the caller's first instruction to its last, were every processor to
    /// execute one instruction at a time and an interrupt to take none.
    fn critical_path(&self) -> u64 {
        let (before, after) = self.caller;
        let mut starts = vec![0; self.dpcs.len()];
        for (index, dpc) in self.dpcs.iter().enumerate() {
            for (child, queued) in children(index, self.dpcs.len()).zip(&dpc.queued) {
                starts[child] = starts[index] + queued;
            }
        }
        let joined = starts.iter().zip(&self.dpcs);
        let all_there = joined.map(|(start, dpc)| start + dpc.joined).max();
        let slowest = self.dpcs.iter().map(Dpc::since_joined).max();
        before + all_there.unwrap_or(0) + slowest.unwrap_or(0) + after
    }

    /// The most that two processors' captures can be apart, likewise: what one does more than the
    /// other between the time when all are there and VMSAVE, and the turn of waiting in which it
    /// learns of that.
    fn skew(&self) -> u64 {
        let ways = || self.dpcs.iter().map(|dpc| dpc.preparation + dpc.svme);
        let turn = self.dpcs.iter().map(|dpc| dpc.turn).max();
        let spread = ways().max().unwrap_or(0) - ways().min().unwrap_or(0);
        spread + turn.unwrap_or(0)
    }

    /// Pages that the driver, the kernel on its behalf, and VMSAVE write to. VMSAVE does so by a
    /// physical address, which no page table notices: one page for each that was executed.
    fn pages(&self) -> u64 {
        let allocations = self.snapshot.after.allocations.iter();
        let written: u64 = allocations.map(|allocation| allocation.pages_written).sum();
        let vmsaves = self.dpcs.iter().filter(|dpc| dpc.vmsave > 0);
        written + vmsaves.count() as u64 + self.snapshot.reply.div_ceil(VMCB_SIZE as u64)
    }

    /// Bytes of nonpaged memory that the driver holds.
    fn memory(&self) -> u64 {
        let allocations = self.snapshot.after.allocations.iter();
        allocations.map(|allocation| allocation.size).sum()
    }
}
