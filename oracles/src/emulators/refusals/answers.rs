//! The answers of both emulators to the VMCB that breaks one condition, and the table of them in
//! `docs/vmrun.md`.

use amd_svm::vmcb::consistency::Condition;

use super::super::Emulator;

/// Conditions that rest on what an emulated processor does not have.
const ABSENT: &[(Emulator, &[Condition])] = &[
    (
        Emulator::Qemu,
        &[
            Condition::SCetReserved,
            Condition::VirtualNmiWithoutIntercept,
            Condition::X2avicWithoutAvic,
            Condition::AvicMaxIndex,
            Condition::AvicBeyondMemory,
            Condition::SevWithoutNestedPaging,
            Condition::SevAsid,
        ],
    ),
    (
        Emulator::Bochs,
        &[
            Condition::SCetReserved,
            Condition::VirtualNmiWithoutIntercept,
            Condition::X2avicWithoutAvic,
            Condition::AvicMaxIndex,
            Condition::AvicBeyondMemory,
        ],
    ),
];

/// Conditions that no VMCB breaks on these processors and hosts.
#[cfg(test)]
const OF_THE_HOST: [Condition; 2] = [
    Condition::LongModeUnsupported,
    Condition::NestedPagingWithoutPaging,
];

impl Emulator {
    /// Whether VMCBs that end this emulator are left out.
    pub(crate) const fn is_spared(self) -> bool {
        matches!(self, Self::Bochs)
    }
}

/// Whether the emulated processor has what a condition rests on.
pub(super) fn is_there(emulator: Emulator, condition: Condition) -> bool {
    !ABSENT
        .iter()
        .any(|(of, conditions)| *of == emulator && conditions.contains(&condition))
}

/// Whether a condition is left out on an emulator, which would end.
pub(super) fn is_spared(emulator: Emulator, condition: Condition) -> bool {
    emulator.is_spared() && condition == Condition::LongModeWithoutProtection
}

/// What an emulator does about a condition, in the words of the table.
#[cfg(test)]
fn answer(emulator: Emulator, condition: Condition) -> String {
    if OF_THE_HOST.contains(&condition) {
        return "not tried".to_owned();
    }
    if is_spared(emulator, condition) {
        return "ends".to_owned();
    }
    if !is_there(emulator, condition) {
        return "has it not".to_owned();
    }
    let mut own = super::Deviation::of(emulator);
    match own.find(|deviation| deviation.accepts == Some(condition)) {
        Some(deviation) if deviation.partly => format!("in part: `{}`", deviation.name),
        Some(deviation) => format!("accepts: `{}`", deviation.name),
        None => "refuses".to_owned(),
    }
}

/// The page of the documentation.
#[cfg(test)]
pub(super) fn page() -> String {
    use std::fmt::Write as _;

    use super::deviations::known;

    let mut page = String::from(include_str!("page.md"));
    let [qemu, bochs] = [Emulator::Qemu, Emulator::Bochs].map(known);
    let mut table = format!(
        "| condition | APM volume 2 | VMRUN refuses it if | rests on | depends on | {qemu} | {bochs} | ours |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for condition in Condition::ALL {
        let fields: Vec<_> = condition
            .fields()
            .iter()
            .map(|field| format!("`{field}`"))
            .collect();
        let fields = fields.join(", ");
        writeln!(
            table,
            "| `{condition}` | {} | {} | {fields} | {} | {} | {} | refuses |",
            condition.section(),
            condition.text(),
            condition.depends_on().unwrap_or(""),
            answer(Emulator::Qemu, condition),
            answer(Emulator::Bochs, condition),
        )
        .expect("a string takes all");
    }
    let mut differences = String::from("| name | what it does |\n|---|---|\n");
    for emulator in [Emulator::Qemu, Emulator::Bochs] {
        for deviation in super::Deviation::of(emulator) {
            writeln!(differences, "| `{}` | {} |", deviation.name, deviation.text)
                .expect("a string takes all");
        }
    }
    page = page.replace("{conditions}\n", &table);
    page = page.replace("{differences}\n", &differences);
    page.replace("{versions}", &format!("{qemu} and {bochs}"))
}
