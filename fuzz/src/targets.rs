//! The targets, a module each.

/// A target: its name, and what it does with an input.
#[derive(Clone, Copy)]
pub struct Target {
    /// What [`crate`]'s variable names it by: its module.
    pub name: &'static str,
    /// Decodes, and asserts what holds for whatever was understood.
    pub run: fn(&[u8]),
}

/// Declares the modules, and lists them.
macro_rules! targets {
    ($($name:ident),* $(,)?) => {
        $(mod $name;)*

        /// All targets.
        pub const TARGETS: &[Target] = &[
            $(Target {
                name: stringify!($name),
                run: $name::run,
            }),*
        ];
    };
}

targets![
    command_line,
    descriptor,
    diff,
    dump,
    from_file,
    kernel_modules,
    outcome,
    page,
    reply,
    report,
    request,
    show,
    snapshot_file,
    status,
    vmcb,
    witness,
];
