//! The commands, and the answers that are right.

/// A command, its exit code, what its output has, and what it has not.
pub(super) type Case = (
    &'static str,
    u8,
    &'static [&'static str],
    &'static [&'static str],
);

const HIDDEN: &str = "(hidden from this caller): lstar-differs, cstar-differs, \
                      lstar-outside-kernel, cstar-outside-kernel, sysenter-outside-kernel, \
                      entry-in-headers\n";

pub(super) const CASES: &[Case] = &[
    (
        "check --from @rdmsr-hides-hook.json",
        6,
        &[
            "alarm lstar-outside-kernel: LSTAR does not point into the kernel's image on \
             processors 0-3",
            "hook.sys+0x6834",
            "alarm vmsave-contradicted: lstar of processors 0-3 is 0xffffffff80166834 by VMSAVE \
             and 0xffffffff80126834 without it",
            "4 processors checked: 2 findings\n",
        ],
        &["not judged"],
    ),
    (
        "check --from @brief.json",
        6,
        &[
            "alarm vmsave-contradicted: lstar of processors 0-3",
            "judged weakly (by the disagreements that the file lists, without their values): \
             vmsave-contradicted",
            "not judged (no module list): entry-in-headers",
        ],
        &[],
    ),
    (
        "check --from @cstar-hooked-all.json",
        6,
        &[
            "alarm cstar-outside-kernel: CSTAR does not point into the kernel's image on processors 0-3",
        ],
        &["lstar-outside-kernel:"],
    ),
    (
        "check --from @hooked-declared-hidden.json",
        6,
        &["alarm lstar-outside-kernel", "hook.sys+0x40"],
        &["hidden from"],
    ),
    (
        "check --from @redacted.json",
        7,
        &[
            HIDDEN,
            "nothing found; 6 of 32 rules not judged: hidden from this caller",
        ],
        &["alarm", "warning"],
    ),
    (
        "check --json --from @redacted.json",
        7,
        &[
            "\"reason\": \"hidden\"",
            "\"lstar-outside-kernel\"",
            "\"complete\": false",
        ],
        &[],
    ),
    (
        "check --jsonl --from @redacted.json",
        7,
        &[
            "\"type\":\"verdict\"",
            "\"verdict\":\"nothing-found\"",
            "\"reason\":\"hidden\"",
        ],
        &[],
    ),
    (
        "show --field lstar --from @redacted.json",
        0,
        &["\n\n\n\n"],
        &["0x"],
    ),
    (
        "show --csv --columns sfmask,cstar --from @redacted.json",
        0,
        &["0,0,0,0x00004700,,\n"],
        &["0x0000000000000000"],
    ),
    (
        "check --from @noncanonical-lstar.json",
        6,
        &["alarm address-noncanonical: LSTAR is an address that no processor could hold"],
        &[],
    ),
    (
        "check --from @all-hooked-one-module.json",
        6,
        &["alarm lstar-outside-kernel", "evil.sys+0x1234"],
        &[],
    ),
    (
        "check --from @half-hooked.json",
        6,
        &[
            "lstar-differs: LSTAR has 2 values and none of them a majority: processors 0-1; \
             processors 2-3",
            "lstar-outside-kernel: LSTAR does not point into the kernel's image on processors 0-1",
        ],
        &["not with the majority"],
    ),
    (
        "check --from @tie-2-2.json",
        6,
        &[
            "none of them a majority: processors 0-1; processors 2-3",
            "on processors 0-1",
        ],
        &["not with the majority"],
    ),
    (
        "check --from @svme-on-three-of-four.json",
        0,
        &["notice svm-in-use: EFER.SVME was already set on processors 0-1,3"],
        &["not judged", "alarm", "warning"],
    ),
    (
        "check --fail-on notice --from @svme-on-three-of-four.json",
        6,
        &["svm-in-use"],
        &[],
    ),
    (
        "check --fail-on notice --ignore svm-in-use --from @svme-on-three-of-four.json",
        0,
        &["nothing found; ignored: svm-in-use (1 finding)"],
        &["notice"],
    ),
    (
        "check --from @utf8-bom.json",
        7,
        &["nothing found; 3 of 32 rules not judged: no module list; 3 of 32 rules judged weakly"],
        &[],
    ),
    (
        "check --from @utf16le-bom.json",
        7,
        &["4 processors checked: nothing found"],
        &[],
    ),
    (
        "check --from @utf16-multiple-of-4096.json",
        7,
        &["4 processors checked: nothing found"],
        &[],
    ),
    (
        "check --from @schema-1.json",
        7,
        &["4 processors checked: nothing found"],
        &[],
    ),
    (
        "bench --from @schema-1.json",
        0,
        &["support check               910    1742    6370  cycles"],
        &["gate"],
    ),
    (
        "show --group-by value --columns lstar,star --from @redacted.json",
        0,
        &["LSTAR  processors 0-3:  hidden"],
        &["0x0000000000000000"],
    ),
    (
        "decode @kvm-dmesg.txt",
        0,
        &[
            "KVM's dump_vmcb: VMSAVE on 1 processor",
            "0x0053  0x4f3 data rw dpl3 db  0x0000bc00  0x0000000000000000",
            "0xfffff8011241a640",
            "INVALID",
            "not in the source: ",
        ],
        &[],
    ),
    (
        "decode @xen-debug-key-v.txt",
        0,
        &[
            "Xen's svm_vmcb_dump: VMSAVE on 1 processor",
            "0x0040  0x089 TSS      0x00004087  0xfffffe0000003000",
            "0xffffffff81e00080",
            "0x0407050600070106",
            "sysenter_eip",
        ],
        &["0x0000000000000000  0x0000000000000000  0x0000000000000000"],
    ),
    (
        "show --field sysenter_eip --from @xen-debug-key-v.txt",
        0,
        &["\n"],
        &["0x"],
    ),
    (
        "decode --vmrun @kvm-dmesg.txt",
        7,
        &["processor 1: none of VMRUN's conditions was judged\n"],
        &["refuses nothing", "accepts"],
    ),
    (
        "decode --vmrun @linux-guest-2vcpu.vmcb",
        6,
        &[
            "processor 0: vmrun-not-intercepted: VMRUN is not intercepted (intercepts_2; APM volume 2, 15.5.1)\n",
        ],
        &["not judged"],
    ),
    (
        "show --field IA32_LSTAR --from @kvm-dmesg.txt",
        0,
        &["0xfffff8011241a640\n"],
        &[],
    ),
    (
        "decode @vmsa-page.bin",
        0,
        &[
            "SEV-ES save areas (VMSA): VMSAVE on 1 processor",
            "0xffffffff81e00080",
        ],
        &[],
    ),
    (
        "check --from @vmsa-page.bin",
        7,
        &["not judged (an SEV-ES save area (VMSA)): lstar-differs"],
        &["alarm", "warning"],
    ),
    (
        "check --from @sev-es-running.vmcb",
        7,
        &[
            "notice guest-encrypted",
            "(the guest's state is encrypted): lstar-differs",
        ],
        &["alarm", "warning"],
    ),
    (
        "check --from @realmode-ap.vmcb",
        7,
        &["(not in long mode): lstar-differs"],
        &["alarm", "warning"],
    ),
    (
        "check --from @windows-guest-one-in-user-mode.vmcb",
        7,
        &["(not a snapshot of a running Windows): tr-limit-wide"],
        &["alarm", "warning"],
    ),
    (
        "check --as windows --from @windows-guest-one-in-user-mode.vmcb",
        7,
        &["nothing found"],
        &["alarm", "warning", "tr-limit-wide"],
    ),
    (
        "check --from @linux-guest-2vcpu.vmcb",
        7,
        &[
            "nothing found",
            "(not a snapshot of a running Windows): tr-limit-wide",
        ],
        &["alarm", "warning"],
    ),
    (
        "check --as windows --from @linux-guest-2vcpu.vmcb",
        6,
        &["warning tr-limit-wide"],
        &[],
    ),
    (
        "show --field efer --from @linux-guest-2vcpu.vmcb",
        0,
        &["0x00001d01\n0x00001d01\n"],
        &[],
    ),
    (
        "status --from @linux-guest-2vcpu.vmcb",
        0,
        &["not known: a VMCB page does not tell"],
        &["possible"],
    ),
    (
        "check --from @unpacked-attributes.vmcb",
        6,
        &[
            "warning attributes-reserved: FS attributes have reserved bits set",
            "reserved 0x4",
        ],
        &["alarm"],
    ),
    (
        "diff @same-machine-t0.json @same-machine-t1.json",
        0,
        &["no difference\n"],
        &["fs.base"],
    ),
    (
        "diff --all @same-machine-t0.json @same-machine-t1.json",
        6,
        &[
            "fs.base on processor 1: 0x0000000000000000 -> 0x00000000002ff000",
            "kernel_gs_base",
        ],
        &[],
    ),
    (
        "diff @before-migration.vmcb @after-migration.vmcb",
        0,
        &["the same in canonical form: fs.attrib on processor 0, fs.limit on processor 0, "],
        &["->"],
    ),
    (
        "diff --raw @before-migration.vmcb @after-migration.vmcb",
        6,
        &["tr.attrib on processor 0: 0x089 TSS -> 0x08b TSS busy"],
        &["canonical"],
    ),
    (
        "diff @windows.json @windows-after-reboot-hooked.json",
        6,
        &[
            "lstar on processor 2: 0xfffff8011241a640 ntoskrnl.exe+0x41a640 -> \
             0xfffff802b261a680 ntoskrnl.exe+0x41a680\n",
            "\n1 difference\n",
        ],
        &["gs.base", "tr.base", "cstar"],
    ),
    (
        "diff --raw @windows.json @windows-after-reboot-hooked.json",
        6,
        &["gs.base", "tr.base", "cstar"],
        &[],
    ),
    (
        "check --from @rlo-module.json",
        6,
        &[
            "alarm kernel-name-twice: 2 modules have the kernel's name: ntoskrnl.exe at \
             0xfffff80112000000, ntoskrnl.exe at 0xfffff80590010000",
            "alarm module-name-deceptive: names that are made to be read as others: \
             \\u{202e}exe.lnrksotn\\u{202c} at 0xfffff80590000000, nt\\u{43e}skrnl.exe at ",
            "lstar-outside-kernel: LSTAR does not point into the kernel's image on processors 0-2",
        ],
        &[],
    ),
];
