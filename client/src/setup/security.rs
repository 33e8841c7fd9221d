//! What has Windows start Hyper-V for virtualization-based security, as the registry says it.

/// The policy "Turn On Virtualization Based Security", which overrides what is set on the machine.
///
/// Source: `DeviceGuard.admx`, and "Policy CSP - `DeviceGuard`" of Windows' documentation.
const POLICY: &str = r"SOFTWARE\Policies\Microsoft\Windows\DeviceGuard";

/// What is set on the machine itself.
///
/// Source: "Enable virtualization-based protection of code integrity" and "Configure Credential
/// Guard" of Windows' documentation, which name the values of all three keys.
const GUARD: &str = r"SYSTEM\CurrentControlSet\Control\DeviceGuard";
const INTEGRITY: &str =
    r"SYSTEM\CurrentControlSet\Control\DeviceGuard\Scenarios\HypervisorEnforcedCodeIntegrity";
const AUTHORITY: &str = r"SYSTEM\CurrentControlSet\Control\Lsa";

/// What this machine is set to do with virtualization-based security.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Security {
    pub(crate) memory_integrity: Switch,
    pub(crate) credential_guard: Switch,
    /// The security as a whole, whatever it is for.
    pub(crate) virtualization_based: Switch,
}

/// How something is switched.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Switch {
    #[default]
    Off,
    On(SetBy),
    /// On, and kept on by a variable of the firmware.
    Locked(SetBy),
}

/// What has switched something on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SetBy {
    /// A setting of this machine.
    Machine,
    /// Windows, where nothing is set.
    Default,
    /// A policy, which overrides settings of the machine.
    Policy,
}

impl Security {
    /// What the registry's numbers come to, each asked for by its key and name.
    ///
    /// Memory integrity that runs is on, whatever is set for the next start; Credential Guard may be on
    /// where nothing is set.
    pub(crate) fn of(
        number: impl Fn(&str, &str) -> Option<u32>,
        integrity_runs: bool,
        guard_by_default: bool,
    ) -> Self {
        let is_set = |key, name| number(key, name) == Some(1);
        let switch = |on, locked| match (on, locked) {
            (false, _) => Switch::Off,
            (true, false) => Switch::On(SetBy::Machine),
            (true, true) => Switch::Locked(SetBy::Machine),
        };
        let integrity = |on: bool| switch(on || integrity_runs, is_set(INTEGRITY, "Locked"));
        let memory_integrity = match number(POLICY, "HypervisorEnforcedCodeIntegrity") {
            Some(0) => integrity(false),
            flags => flagged(flags, SetBy::Policy)
                .unwrap_or_else(|| integrity(is_set(INTEGRITY, "Enabled"))),
        };
        let credential_guard = flagged(number(POLICY, "LsaCfgFlags"), SetBy::Policy)
            .or_else(|| flagged(number(AUTHORITY, "LsaCfgFlags"), SetBy::Machine));
        let whole = "EnableVirtualizationBasedSecurity";
        let virtualization_based = match (number(POLICY, whole), is_set(GUARD, "Locked")) {
            (Some(0), _) => Switch::Off,
            (Some(1), false) => Switch::On(SetBy::Policy),
            (Some(1), true) => Switch::Locked(SetBy::Policy),
            (_, locked) => switch(is_set(GUARD, whole), locked),
        };
        Self {
            memory_integrity,
            credential_guard: credential_guard.unwrap_or(if guard_by_default {
                Switch::On(SetBy::Default)
            } else {
                Switch::Off
            }),
            virtualization_based,
        }
    }
}

/// The switch for a number that says off, on with a lock or on without; none for one that leaves it
/// open, as a policy's 3 does.
fn flagged(flags: Option<u32>, by: SetBy) -> Option<Switch> {
    match flags? {
        0 => Some(Switch::Off),
        1 => Some(Switch::Locked(by)),
        2 => Some(Switch::On(by)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ON_HERE: Switch = Switch::On(SetBy::Machine);
    const LOCKED_HERE: Switch = Switch::Locked(SetBy::Machine);
    const ON_BY_POLICY: Switch = Switch::On(SetBy::Policy);
    const LOCKED_BY_POLICY: Switch = Switch::Locked(SetBy::Policy);

    /// What a registry with these numbers and no other says.
    fn of(numbers: &[(&str, &str, u32)]) -> Security {
        asked(numbers, false, false)
    }

    fn asked(
        numbers: &[(&str, &str, u32)],
        integrity_runs: bool,
        guard_by_default: bool,
    ) -> Security {
        let number = |key: &str, name: &str| {
            let found = numbers.iter().find(|(k, n, _)| (*k, *n) == (key, name));
            found.map(|(.., number)| *number)
        };
        Security::of(number, integrity_runs, guard_by_default)
    }

    #[test]
    fn credential_guard_is_what_the_policy_says_or_else_the_machine_or_else_windows() {
        let flags = |policy: Option<u32>, machine: Option<u32>, by_default| {
            let name = "LsaCfgFlags";
            let policy = policy.map(|number| (POLICY, name, number));
            let machine = machine.map(|number| (AUTHORITY, name, number));
            let numbers: Vec<_> = policy.into_iter().chain(machine).collect();
            asked(&numbers, false, by_default).credential_guard
        };
        for (policy, machine, by_default, expected) in [
            (None, None, false, Switch::Off),
            (None, None, true, Switch::On(SetBy::Default)),
            (None, Some(0), true, Switch::Off),
            (None, Some(1), false, LOCKED_HERE),
            (None, Some(2), false, ON_HERE),
            (Some(0), Some(2), true, Switch::Off),
            (Some(1), Some(0), false, LOCKED_BY_POLICY),
            (Some(2), Some(0), false, ON_BY_POLICY),
            (Some(2), None, true, ON_BY_POLICY),
            (Some(3), Some(2), false, ON_HERE),
            (Some(3), None, true, Switch::On(SetBy::Default)),
        ] {
            let switch = flags(policy, machine, by_default);
            assert_eq!(switch, expected, "{policy:?} {machine:?} {by_default}");
        }
    }

    #[test]
    fn security_as_a_whole_is_what_the_policy_says_or_else_the_machine() {
        let whole = "EnableVirtualizationBasedSecurity";
        for (numbers, expected) in [
            (vec![], Switch::Off),
            (vec![(GUARD, whole, 1)], ON_HERE),
            (vec![(GUARD, whole, 1), (GUARD, "Locked", 1)], LOCKED_HERE),
            (vec![(GUARD, whole, 1), (POLICY, whole, 0)], Switch::Off),
            (vec![(GUARD, whole, 0), (POLICY, whole, 1)], ON_BY_POLICY),
            (
                vec![(POLICY, whole, 1), (GUARD, "Locked", 1)],
                LOCKED_BY_POLICY,
            ),
        ] {
            assert_eq!(of(&numbers).virtualization_based, expected, "{numbers:?}");
        }
    }

    #[test]
    fn memory_integrity_is_what_runs_or_what_the_policy_says_or_else_the_machine() {
        let policy = "HypervisorEnforcedCodeIntegrity";
        for (numbers, runs, expected) in [
            (vec![], false, Switch::Off),
            (vec![], true, ON_HERE),
            (vec![(INTEGRITY, "Enabled", 1)], false, ON_HERE),
            (vec![(INTEGRITY, "Locked", 1)], true, LOCKED_HERE),
            (
                vec![(INTEGRITY, "Enabled", 1), (POLICY, policy, 0)],
                false,
                Switch::Off,
            ),
            (vec![(POLICY, policy, 0)], true, ON_HERE),
            (vec![(POLICY, policy, 1)], false, LOCKED_BY_POLICY),
            (vec![(POLICY, policy, 2)], true, ON_BY_POLICY),
            (vec![(POLICY, policy, 3)], true, ON_HERE),
        ] {
            let found = asked(&numbers, runs, false).memory_integrity;
            assert_eq!(found, expected, "{numbers:?} {runs}");
        }
    }
}
