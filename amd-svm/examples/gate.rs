//! What CPUID tells about SVM, in user mode, on any machine; and how far the gate lets a program
//! that may not read model-specific registers.
//!
//! `cargo run --package amd-svm --example gate`

#[cfg(target_arch = "x86")]
use core::arch::x86::__cpuid_count;
#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::__cpuid_count;

use amd_svm::{
    Fault, Processor, Selectors,
    cpuid::{self, CpuidResult, Signature},
    descriptor::Selector,
    gate,
    msr::{Efer, Msr},
};

/// A processor as ring 3 sees it: CPUID works, privileged instructions raise `#GP`.
struct UserMode;

impl Processor for UserMode {
    fn cpuid(&mut self, leaf: u32, subleaf: u32) -> CpuidResult {
        let answer = __cpuid_count(leaf, subleaf);
        CpuidResult {
            eax: answer.eax,
            ebx: answer.ebx,
            ecx: answer.ecx,
            edx: answer.edx,
        }
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

    fn global_descriptor(&mut self, _: u16) -> u64 {
        0
    }
}

fn main() {
    let mut processor = UserMode;
    let vendor = cpuid::vendor(&mut processor);
    println!("vendor      {}", name(&vendor));
    match cpuid::hypervisor(&mut processor) {
        Some(hypervisor) => println!("hypervisor  {}", name(&hypervisor)),
        None => println!("hypervisor  none that says so"),
    }
    if cpuid::has_svm(&mut processor) {
        let identity = cpuid::svm_identity(&mut processor);
        println!("SVM         revision {}", identity.revision);
        println!("ASIDs       {}", identity.asids);
        println!("features    {:?}", identity.features);
    } else {
        println!("SVM         not reported");
    }
    match gate::admit(&mut processor) {
        Ok(_) => println!("gate        open"),
        Err(refusal) => println!("gate        {refusal}"),
    }
}

/// The letters of a name, without the zeros that may follow.
fn name(signature: &Signature) -> String {
    String::from_utf8_lossy(signature)
        .trim_end_matches('\0')
        .to_owned()
}
