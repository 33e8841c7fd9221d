//! What a machine of these tests is, and one thing at a time that is wrong with it.

use protocol::Outcome;

use crate::selftest::machine::{Installation, System, Topology, Verifier};
use crate::selftest::pool::Usage;

/// What is wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Damage {
    None,
    CallerIsDenied,
    Untrusted,
    NoCatalog,
    NoImage,
    TwoPackages,
    NoAnswerToInstall,
    OtherVersion,
    LstarChanges,
    WitnessDisagrees,
    NoWitness,
    ProcessorIsLeftOut,
    SystemCountsMore,
    SvmeStays,
    NoCycles,
    OneGroupIsMissing,
    WritesBehindTheReply,
    OtherStatus,
    ReadsWithoutAccess,
    LetsAnyoneIn,
    ShowsAddresses,
    RedactsSilently,
    DoesNotStop,
    DoesNotStartAgain,
    LeavesPool,
    LeavesFolder,
}

/// Driver and system.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) damage: Damage,
    pub(super) running: bool,
    pub(super) processors: u32,
    pub(super) groups_in_records: u32,
    /// Of every processor.
    pub(super) outcome: Outcome,
    /// Snapshots so far.
    pub(super) taken: u32,
    pub(super) starts: u32,
    pub(super) system: System,
    pub(super) installation: Installation,
    pub(super) topology: Topology,
    /// A processor is added when Driver Verifier is asked about.
    pub(super) adds_a_processor: bool,
    pub(super) memory_integrity: bool,
    pub(super) verifier: Verifier,
    pub(super) pool: Option<Usage>,
}
