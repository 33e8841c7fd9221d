//! What CPUID tells about SVM, in user mode, on any machine; and how far the support check gets in a
//! program that may not read model-specific registers.
//!
//! `cargo run --package amd-svm --example support`

use amd_svm::cpuid::{self, CpuidResult, Signature};
use amd_svm::descriptor::Selector;
use amd_svm::msr::{Efer, Msr};
use amd_svm::{Fault, Processor, Selectors, intrinsics, support};

/// A processor as ring 3 sees it: CPUID works, privileged instructions raise `#GP`.
struct UserMode;

impl Processor for UserMode {
    fn cpuid(&mut self, leaf: u32, subleaf: u32) -> CpuidResult {
        intrinsics::cpuid(leaf, subleaf)
    }

    fn read_msr(&mut self, _: Msr) -> Result<u64, Fault> {
        Err(Fault::GeneralProtection)
    }

    fn write_efer(&mut self, _: Efer) -> Result<(), Fault> {
        Err(Fault::GeneralProtection)
    }

    fn vmsave(&mut self) -> Result<(), Fault> {
        Err(Fault::GeneralProtection)
    }

    fn tsc(&mut self) -> u64 {
        0
    }

    fn selectors(&mut self) -> Selectors {
        let null = Selector(0);
        Selectors {
            fs: null,
            gs: null,
            tr: null,
            ldtr: null,
        }
    }

    fn global_descriptor<const QUADWORDS: usize>(&mut self, _: Selector) -> [u64; QUADWORDS] {
        [0; QUADWORDS]
    }
}

fn main() {
    print!("{}", report(&mut UserMode));
}

/// A line for each thing that is known.
fn report(processor: &mut impl Processor) -> String {
    let hypervisor = cpuid::hypervisor(processor);
    let hypervisor = hypervisor.map_or("none that says so".to_owned(), |bytes| name(&bytes));
    let mut lines = vec![
        format!("vendor      {}", name(&cpuid::vendor(processor))),
        format!("hypervisor  {hypervisor}"),
    ];
    if cpuid::has_svm(processor) {
        let identity = cpuid::svm_identity(processor);
        lines.push(format!("SVM         revision {}", identity.revision));
        lines.push(format!("ASIDs       {}", identity.asids));
        lines.push(format!("features    {:?}", identity.features));
    } else {
        lines.push("SVM         not reported".to_owned());
    }
    lines.push(match support::check(processor) {
        Ok(_) => "VMSAVE      supported".to_owned(),
        Err(refusal) => format!("VMSAVE      {refusal}"),
    });
    lines.join("\n") + "\n"
}

/// The letters of a name, without the zeros that may follow.
fn name(signature: &Signature) -> String {
    String::from_utf8_lossy(signature)
        .trim_end_matches('\0')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vmsave_is_not_supported_where_registers_cannot_be_read() {
        let report = report(&mut UserMode);
        let vmsave = report.lines().last().unwrap();
        assert!(vmsave.starts_with("VMSAVE      "), "{report}");
        assert_ne!(vmsave, "VMSAVE      supported");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_vendor_is_who_linux_says_it_is() {
        let known = std::fs::read_to_string("/proc/cpuinfo").unwrap();
        let vendor = known.lines().find(|line| line.starts_with("vendor_id"));
        let (_, vendor) = vendor.unwrap().split_once(": ").unwrap();
        let report = report(&mut UserMode);
        assert_eq!(
            report.lines().next(),
            Some(format!("vendor      {vendor}").as_str())
        );
        // Linux takes the flag away where firmware has switched SVM off.
        let linux_has_svm = known.lines().any(|line| {
            line.starts_with("flags") && line.split_whitespace().any(|flag| flag == "svm")
        });
        assert!(!linux_has_svm || report.contains("\nSVM         revision "));
    }
}
