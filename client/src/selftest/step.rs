//! The steps: what each of them claims, and the row of docs/evidence.md that it settles.

use super::outcome::{Judgement, Values};
use super::session::Session;
use super::steps::{access, cost, installation, requests, restarts, snapshots, status, system};

/// A step of `client selftest`.
#[derive(Clone, Copy, Debug)]
pub struct SelfTestStep {
    /// The name by which programs know it: it never changes.
    pub id: &'static str,
    /// What is true if it passes.
    pub claim: &'static str,
    /// The first cell of the row of docs/evidence.md that it helps to settle.
    pub row: &'static str,
    pub(super) judge: fn(&mut Session, &mut Values) -> Judgement,
}

impl SelfTestStep {
    /// Every step, in the order in which they are taken: that of docs/evidence.md.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        STEPS.iter().chain([&REMOVED])
    }

    pub(crate) fn of_id(id: &str) -> Option<&'static Self> {
        Self::all().find(|step| step.id == id)
    }
}

/// The steps for a machine with the driver.
pub(super) static STEPS: [SelfTestStep; 21] = [
    SelfTestStep {
        id: "signature",
        claim: "Windows trusts the signature of the installed svmsave.sys",
        row: "the signing and loading policy of Windows lets the driver in",
        judge: installation::signature,
    },
    SelfTestStep {
        id: "service",
        claim: "the service control manager runs the driver",
        row: "`svmsave.sys` is a driver that Windows loads",
        judge: installation::service,
    },
    SelfTestStep {
        id: "installed",
        claim: "the driver store has the package once, and its file is the service's",
        row: "the INF registers a kernel service that is started by hand",
        judge: installation::installed,
    },
    SelfTestStep {
        id: "questions",
        claim: "Windows answers all that `install` asks",
        row: "`client.exe install` says what is in the way, and changes nothing before that is mended",
        judge: installation::questions,
    },
    SelfTestStep {
        id: "status",
        claim: "the driver answers, and is of the client's version",
        row: "works from Windows 10, version 2004",
        judge: status::status,
    },
    SelfTestStep {
        id: "snapshots",
        claim: "snapshots one after another differ in nothing that stays",
        row: "one VMSAVE per processor, values, EFER as found",
        judge: snapshots::snapshots,
    },
    SelfTestStep {
        id: "agreement",
        claim: "VMSAVE stores what is read without it, on every processor in every snapshot",
        row: "VMSAVE on real AMD silicon stores what is read without it",
        judge: snapshots::agreement,
    },
    SelfTestStep {
        id: "every-processor",
        claim: "a DPC ran on every active processor, and each was captured",
        row: "one VMSAVE per processor, values, EFER as found",
        judge: snapshots::every_processor,
    },
    SelfTestStep {
        id: "efer",
        claim: "EFER is left as it was found",
        row: "one VMSAVE per processor, values, EFER as found",
        judge: snapshots::efer,
    },
    SelfTestStep {
        id: "timing",
        claim: "the cycles of each part, the skew and the round trip of snapshots are measured",
        row: "what a snapshot costs",
        judge: cost::timing,
    },
    SelfTestStep {
        id: "groups",
        claim: "processors of several groups are captured, each under its group and number",
        row: "every processor of several processor groups",
        judge: system::groups,
    },
    SelfTestStep {
        id: "nodes",
        claim: "processors of several nodes are captured",
        row: "processors of several nodes, each with a VMCB of its own",
        judge: system::nodes,
    },
    SelfTestStep {
        id: "random-requests",
        claim: "random requests are answered or refused as the protocol says",
        row: "structures and calls are those of Windows",
        judge: requests::random_requests,
    },
    SelfTestStep {
        id: "no-read-access",
        claim: "requests on a handle without read access are refused",
        row: "only SYSTEM and administrators open the device",
        judge: access::no_read_access,
    },
    SelfTestStep {
        id: "restricted-token",
        claim: "a token that is no administrator's does not open the device",
        row: "only SYSTEM and administrators open the device",
        judge: access::restricted_token,
    },
    SelfTestStep {
        id: "hidden-addresses",
        claim: "without SeDebugPrivilege a snapshot has no addresses",
        row: "addresses for holders of `SeDebugPrivilege` only",
        judge: access::hidden_addresses,
    },
    SelfTestStep {
        id: "memory-integrity",
        claim: "the driver runs while memory integrity is on",
        row: "memory integrity lets the driver load",
        judge: system::memory_integrity,
    },
    SelfTestStep {
        id: "driver-verifier",
        claim: "Driver Verifier checks the driver with every class, and the driver runs",
        row: "Driver Verifier finds nothing",
        judge: system::driver_verifier,
    },
    SelfTestStep {
        id: "hot-add",
        claim: "processors that were added while this ran are captured",
        row: "processors that are added while the driver runs",
        judge: system::hot_add,
    },
    SelfTestStep {
        id: "restarts",
        claim: "the driver stops and starts again and again, and answers each time",
        row: "`sc.exe start svmsave`, then `client.exe`",
        judge: restarts::restarts,
    },
    SelfTestStep {
        id: "pool-tag",
        claim: "the stopped driver has left no pool",
        row: "stopped, it leaves no memory",
        judge: restarts::pool_tag,
    },
];

/// The step for a machine from which the driver was removed.
pub(super) static REMOVED: SelfTestStep = SelfTestStep {
    id: "removed",
    claim: "`client.exe uninstall` left no service, no package and no notes",
    row: "removed, it leaves nothing",
    judge: installation::removed,
};
