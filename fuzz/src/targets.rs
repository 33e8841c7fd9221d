//! The targets, a module each.

/// A target: its name, and what it does with an input.
#[derive(Clone, Copy)]
pub(crate) struct Target {
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
        pub(crate) const TARGETS: &[Target] = &[
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
    encoding,
    from_file,
    hexdump,
    kernel_modules,
    kvm,
    outcome,
    page,
    pages,
    plain_hex,
    print_hex_dump,
    qemu,
    reply,
    report,
    request,
    show,
    snapshot_file,
    status,
    vmcb,
    witness,
    xen,
    xxd,
];
