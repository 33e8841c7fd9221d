//! The conditions themselves, with what can be said of each.

use core::fmt;

use crate::vmcb::{SAVE_AREA_OFFSET, fields};

/// Defines the conditions from rows of variant, identifier, section of the manual, the fields that
/// it rests on, what it depends on, and the refusal in words.
macro_rules! conditions {
    ($($variant:ident = $identifier:literal, $section:literal, [$($field:literal),+], $needs:expr,
        $text:literal;)+) => {
        /// A condition under which VMRUN refuses a VMCB.
        ///
        /// Displayed by its identifier.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        pub enum Condition {
            $(
                #[doc = concat!($text, ".\n\nAPM volume 2, section ", $section, ".")]
                $variant,
            )+
        }

        impl Condition {
            /// All of them, in the order of the manual.
            pub const ALL: [Self; [$(Self::$variant),+].len()] = [$(Self::$variant),+];

            /// The identifier: `asid-zero`. It stays the same from version to version.
            #[must_use]
            pub const fn identifier(self) -> &'static str {
                match self {
                    $(Self::$variant => $identifier,)+
                }
            }

            /// The section of APM volume 2 that has it.
            #[must_use]
            pub const fn section(self) -> &'static str {
                match self {
                    $(Self::$variant => $section,)+
                }
            }

            /// The names of the fields that it rests on, as [`fields::VMCB`](crate::vmcb::fields::VMCB)
            /// has them; the first is the one to look at first.
            #[must_use]
            pub const fn fields(self) -> &'static [&'static str] {
                match self {
                    $(Self::$variant => &[$($field),+],)+
                }
            }

            /// What VMRUN refuses, in words: a sentence without its full stop.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            /// What of the processor or its host it depends on, in words, if it does.
            #[must_use]
            pub const fn depends_on(self) -> Option<&'static str> {
                match self {
                    $(Self::$variant => $needs,)+
                }
            }
        }
    };
}

conditions! {
    SvmeClear = "svme-clear", "15.5.1", ["efer"], None,
        "`EFER.SVME` is clear";
    NwWithoutCd = "nw-without-cd", "15.5.1", ["cr0"], None,
        "CR0.NW is set, and CR0.CD is clear";
    Cr0UpperHalf = "cr0-upper-half", "15.5.1", ["cr0"], None,
        "A bit from 32 to 63 of CR0 is set";
    Cr3Reserved = "cr3-reserved", "15.5.1", ["cr3", "efer", "cr0"],
        Some("the width of physical addresses"),
        "A bit of CR3 is set, in long mode, that no physical address has";
    Cr4Reserved = "cr4-reserved", "15.5.1", ["cr4"], Some("the bits of CR4 that the processor has"),
        "A bit of CR4 is set that is reserved";
    Dr6UpperHalf = "dr6-upper-half", "15.5.1", ["dr6"], None,
        "A bit from 32 to 63 of DR6 is set";
    Dr7UpperHalf = "dr7-upper-half", "15.5.1", ["dr7"], None,
        "A bit from 32 to 63 of DR7 is set";
    EferReserved = "efer-reserved", "15.5.1", ["efer"],
        Some("the bits of `EFER` that the processor has"),
        "A bit of `EFER` is set that is reserved";
    LongModeUnsupported = "long-mode-unsupported", "15.5.1", ["efer"], Some("long mode"),
        "`EFER.LME` or `EFER.LMA` is set, and the processor has no long mode";
    LongModeWithoutPae = "long-mode-without-pae", "15.5.1", ["cr4", "efer", "cr0"], None,
        "`EFER.LME` and CR0.PG are set, and CR4.PAE is clear";
    LongModeWithoutProtection = "long-mode-without-protection", "15.5.1", ["cr0", "efer"], None,
        "`EFER.LME` and CR0.PG are set, and CR0.PE is clear";
    LongAndDefaultBig = "long-and-default-big", "15.5.1", ["cs.attrib", "efer", "cr0", "cr4"], None,
        "CS.L and CS.D are set, in long mode";
    VmrunNotIntercepted = "vmrun-not-intercepted", "15.5.1", ["intercepts_2"], None,
        "VMRUN is not intercepted";
    MsrMapBeyondMemory = "msr-map-beyond-memory", "15.11", ["msr_permission_map"],
        Some("the width of physical addresses"),
        "The MSR permission map ends beyond the physical addresses";
    IoMapBeyondMemory = "io-map-beyond-memory", "15.10.1", ["io_permission_map"],
        Some("the width of physical addresses"),
        "The I/O permission map ends beyond the physical addresses";
    EventKindReserved = "event-kind-reserved", "15.20", ["event_injection"], None,
        "The event to inject is of a kind that is reserved";
    EventNoException = "event-no-exception", "15.20", ["event_injection"], None,
        "The event to inject is an exception, and its vector is 2 or above 31";
    EventImpossible = "event-impossible", "15.20",
        ["event_injection", "cs.attrib", "efer", "cr0"], None,
        "The event to inject is `#BR`, which 64-bit code cannot raise";
    AsidZero = "asid-zero", "15.5.1", ["asid"], None,
        "The address space identifier is 0, which is the host's";
    SCetReserved = "s-cet-reserved", "15.5.1", ["s_cet"], Some("shadow stacks"),
        "A bit of `S_CET` is set that is reserved";
    CetWithoutWriteProtect = "cet-without-write-protect", "15.5.1", ["cr4", "cr0"], None,
        "CR4.CET is set, and CR0.WP is clear";
    VirtualNmiWithoutIntercept = "virtual-nmi-without-intercept", "15.21.10",
        ["virtual_interrupt", "intercepts_1"], Some("virtual NMIs"),
        "NMIs are virtualised, and not intercepted";
    NestedPagingWithoutPaging = "nested-paging-without-paging", "15.25.3", ["nested_control"],
        Some("CR0.PG of the host"),
        "Nested paging is on, and the host has no paging";
    NestedCr3Reserved = "nested-cr3-reserved", "15.25.4", ["nested_cr3", "nested_control"],
        Some("the width of physical addresses, and long mode of the host"),
        "A bit of `N_CR3` is set, under nested paging, that no physical address has";
    PatReserved = "pat-reserved", "15.25.4", ["guest_pat", "nested_control"], None,
        "The guest's PAT has an encoding, under nested paging, that is no memory type";
    X2avicWithoutAvic = "x2avic-without-avic", "15.29.4.1", ["virtual_interrupt"],
        Some("x2AVIC"),
        "x2AVIC is on without AVIC";
    AvicMaxIndex = "avic-max-index", "15.29.4.3", ["avic_physical_table", "virtual_interrupt"],
        Some("AVIC, and whether x2AVIC has more than 512 entries"),
        "The last index of the table of physical identifiers is beyond 255, or 511 in x2AVIC mode";
    AvicBeyondMemory = "avic-beyond-memory", "15.29.4.3",
        ["avic_backing_page", "avic_logical_table", "avic_physical_table", "virtual_interrupt"],
        Some("AVIC, and the width of physical addresses"),
        "A page or table of AVIC is beyond the physical addresses";
    SevWithoutNestedPaging = "sev-without-nested-paging", "15.34.3", ["nested_control"],
        Some("SEV"),
        "SEV is on without nested paging";
    SevAsid = "sev-asid", "15.34.3", ["asid", "nested_control"], Some("the number of SEV guests"),
        "SEV is on, and the address space identifier is beyond those of encrypted guests";
}

impl Condition {
    /// Whether one of the fields is in the save area: the condition is not judged of an SEV-ES guest
    /// then, whose save area is encrypted.
    #[must_use]
    pub fn rests_on_save_area(self) -> bool {
        self.fields().iter().any(|name| {
            let field = fields::named(fields::VMCB, name);
            field.is_some_and(|field| field.offset() >= SAVE_AREA_OFFSET)
        })
    }

    /// The condition of an identifier, if there is one.
    ///
    /// ```
    /// use amd_svm::vmcb::consistency::Condition;
    ///
    /// assert_eq!(Condition::named("asid-zero"), Some(Condition::AsidZero));
    /// assert_eq!(Condition::named("asid-0"), None);
    /// ```
    #[must_use]
    pub fn named(identifier: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|condition| condition.identifier() == identifier)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.identifier())
    }
}
