/*
 * What Linux says of the VMCB, of exit codes, of a segment's attributes and of the registers that
 * amd-svm names: a line `->name $value` for each, in the assembly that the compiler makes of this.
 *
 * SVM_H, MSR_INDEX_H and EXITS_H are the kernel's own headers; what they include is in ./include.
 */
#include <linux/prelude.h>
#include SVM_H
#include MSR_INDEX_H
#include EXITS_H

#define FACT(name, value) __asm__ volatile("\n->" name " %0" : : "i"((u64)(value)))
#define OFFSET(type, field) __builtin_offsetof(struct type, field)
#define SAVE(field) FACT("save." #field, OFFSET(vmcb, save) + OFFSET(vmcb_save_area, field))
#define CONTROL(field) FACT("control." #field, OFFSET(vmcb, control) + OFFSET(vmcb_control_area, field))
#define INTERCEPT(name) FACT("intercept " #name, 1u << INTERCEPT_##name % 32)
#define EXIT(name) FACT("exit " #name, SVM_EXIT_##name)
#define SEGMENT(field) FACT("segment." #field, OFFSET(vmcb_seg, field))
#define WIDTH(field) FACT("width of " #field, sizeof(((struct vmcb_seg *)0)->field))
#define ATTRIBUTE(name) FACT("attribute " #name, SVM_SELECTOR_##name##_MASK)
#define MSR(name) FACT("msr " #name, MSR_##name)

void facts(void)
{
	FACT("save", OFFSET(vmcb, save));
	SAVE(es);
	SAVE(cs);
	SAVE(ss);
	SAVE(ds);
	SAVE(fs);
	SAVE(gs);
	SAVE(gdtr);
	SAVE(ldtr);
	SAVE(idtr);
	SAVE(tr);
	SAVE(vmpl);
	SAVE(cpl);
	SAVE(efer);
	SAVE(cr4);
	SAVE(cr3);
	SAVE(cr0);
	SAVE(dr7);
	SAVE(dr6);
	SAVE(rflags);
	SAVE(rip);
	SAVE(rsp);
	SAVE(s_cet);
	SAVE(ssp);
	SAVE(isst_addr);
	SAVE(rax);
	SAVE(cr2);
	SAVE(g_pat);
	SAVE(dbgctl);
	SAVE(br_from);
	SAVE(br_to);
	SAVE(last_excp_from);
	SAVE(last_excp_to);
	SAVE(spec_ctrl);
	SAVE(star);
	SAVE(lstar);
	SAVE(cstar);
	SAVE(sfmask);
	SAVE(kernel_gs_base);
	SAVE(sysenter_cs);
	SAVE(sysenter_esp);
	SAVE(sysenter_eip);

	CONTROL(intercepts[3]);
	CONTROL(intercepts[4]);
	CONTROL(intercepts[5]);
	CONTROL(pause_filter_thresh);
	CONTROL(pause_filter_count);
	CONTROL(iopm_base_pa);
	CONTROL(msrpm_base_pa);
	CONTROL(tsc_offset);
	CONTROL(asid);
	CONTROL(tlb_ctl);
	CONTROL(int_ctl);
	CONTROL(int_state);
	CONTROL(exit_code);
	CONTROL(exit_info_1);
	CONTROL(exit_info_2);
	CONTROL(exit_int_info);
	CONTROL(nested_ctl);
	CONTROL(avic_vapic_bar);
	CONTROL(ghcb_gpa);
	CONTROL(event_inj);
	CONTROL(nested_cr3);
	CONTROL(virt_ext);
	CONTROL(clean);
	CONTROL(next_rip);
	CONTROL(insn_len);
	CONTROL(insn_bytes);
	CONTROL(avic_backing_page);
	CONTROL(avic_logical_id);
	CONTROL(avic_physical_id);
	CONTROL(vmsa_pa);

	INTERCEPT(INTR);
	INTERCEPT(NMI);
	INTERCEPT(SMI);
	INTERCEPT(INIT);
	INTERCEPT(VINTR);
	INTERCEPT(SELECTIVE_CR0);
	INTERCEPT(STORE_IDTR);
	INTERCEPT(STORE_GDTR);
	INTERCEPT(STORE_LDTR);
	INTERCEPT(STORE_TR);
	INTERCEPT(LOAD_IDTR);
	INTERCEPT(LOAD_GDTR);
	INTERCEPT(LOAD_LDTR);
	INTERCEPT(LOAD_TR);
	INTERCEPT(RDTSC);
	INTERCEPT(RDPMC);
	INTERCEPT(PUSHF);
	INTERCEPT(POPF);
	INTERCEPT(CPUID);
	INTERCEPT(RSM);
	INTERCEPT(IRET);
	INTERCEPT(INTn);
	INTERCEPT(INVD);
	INTERCEPT(PAUSE);
	INTERCEPT(HLT);
	INTERCEPT(INVLPG);
	INTERCEPT(INVLPGA);
	INTERCEPT(IOIO_PROT);
	INTERCEPT(MSR_PROT);
	INTERCEPT(TASK_SWITCH);
	INTERCEPT(FERR_FREEZE);
	INTERCEPT(SHUTDOWN);
	INTERCEPT(VMRUN);
	INTERCEPT(VMMCALL);
	INTERCEPT(VMLOAD);
	INTERCEPT(VMSAVE);
	INTERCEPT(STGI);
	INTERCEPT(CLGI);
	INTERCEPT(SKINIT);
	INTERCEPT(RDTSCP);
	INTERCEPT(ICEBP);
	INTERCEPT(WBINVD);
	INTERCEPT(MONITOR);
	INTERCEPT(MWAIT);
	INTERCEPT(MWAIT_COND);
	INTERCEPT(XSETBV);
	INTERCEPT(RDPRU);
	INTERCEPT(INVLPGB);
	INTERCEPT(INVLPGB_ILLEGAL);
	INTERCEPT(INVPCID);
	INTERCEPT(MCOMMIT);
	INTERCEPT(TLBSYNC);
	FACT("intercept EFER_WRITE", 1u << TRAP_EFER_WRITE % 32);

	EXIT(INTR);
	EXIT(NMI);
	EXIT(SMI);
	EXIT(INIT);
	EXIT(VINTR);
	EXIT(CR0_SEL_WRITE);
	EXIT(IDTR_READ);
	EXIT(GDTR_READ);
	EXIT(LDTR_READ);
	EXIT(TR_READ);
	EXIT(IDTR_WRITE);
	EXIT(GDTR_WRITE);
	EXIT(LDTR_WRITE);
	EXIT(TR_WRITE);
	EXIT(RDTSC);
	EXIT(RDPMC);
	EXIT(PUSHF);
	EXIT(POPF);
	EXIT(CPUID);
	EXIT(RSM);
	EXIT(IRET);
	EXIT(SWINT);
	EXIT(INVD);
	EXIT(PAUSE);
	EXIT(HLT);
	EXIT(INVLPG);
	EXIT(INVLPGA);
	EXIT(IOIO);
	EXIT(MSR);
	EXIT(TASK_SWITCH);
	EXIT(FERR_FREEZE);
	EXIT(SHUTDOWN);
	EXIT(VMRUN);
	EXIT(VMMCALL);
	EXIT(VMLOAD);
	EXIT(VMSAVE);
	EXIT(STGI);
	EXIT(CLGI);
	EXIT(SKINIT);
	EXIT(RDTSCP);
	EXIT(ICEBP);
	EXIT(WBINVD);
	EXIT(MONITOR);
	EXIT(MWAIT);
	EXIT(XSETBV);
	EXIT(RDPRU);
	EXIT(EFER_WRITE_TRAP);
	EXIT(INVPCID);
	EXIT(NPF);
	EXIT(AVIC_INCOMPLETE_IPI);
	EXIT(VMGEXIT);
	EXIT(MWAIT_COND);
	EXIT(AVIC_UNACCELERATED_ACCESS);
	EXIT(ERR);
	FACT("exit EXCP14", SVM_EXIT_EXCP_BASE + 14);

	FACT("int_ctl.tpr", V_TPR_MASK);
	FACT("int_ctl.irq", V_IRQ_MASK);
	FACT("int_ctl.gif", V_GIF_MASK);
	FACT("int_ctl.priority", V_INTR_PRIO_MASK);
	FACT("int_ctl.ignore_tpr", V_IGN_TPR_MASK);
	FACT("int_ctl.masking", V_INTR_MASKING_MASK);
	FACT("int_ctl.gif_enable", V_GIF_ENABLE_MASK);
	FACT("int_ctl.x2avic_enable", X2APIC_MODE_MASK);
	FACT("int_ctl.avic_enable", (u32)AVIC_ENABLE_MASK);
	FACT("int_state.shadow", SVM_INTERRUPT_SHADOW_MASK);
	FACT("int_state.guest_mask", SVM_GUEST_INTERRUPT_MASK);
	FACT("event.vector", SVM_EVTINJ_VEC_MASK);
	FACT("event.type", SVM_EVTINJ_TYPE_MASK);
	FACT("event.error_valid", SVM_EVTINJ_VALID_ERR);
	FACT("event.valid", (u32)SVM_EVTINJ_VALID);
	FACT("nested_ctl.np", SVM_NESTED_CTL_NP_ENABLE);
	FACT("nested_ctl.sev", SVM_NESTED_CTL_SEV_ENABLE);
	FACT("nested_ctl.sev_es", SVM_NESTED_CTL_SEV_ES_ENABLE);
	FACT("virt_ext.lbr", LBR_CTL_ENABLE_MASK);
	FACT("virt_ext.vmload_vmsave", VIRTUAL_VMLOAD_VMSAVE_ENABLE_MASK);
	FACT("tlb_ctl.all", TLB_CONTROL_FLUSH_ALL_ASID);
	FACT("tlb_ctl.asid", TLB_CONTROL_FLUSH_ASID);
	FACT("tlb_ctl.asid_local", TLB_CONTROL_FLUSH_ASID_LOCAL);

	FACT("size of a segment", sizeof(struct vmcb_seg));
	SEGMENT(selector);
	SEGMENT(attrib);
	SEGMENT(limit);
	SEGMENT(base);
	WIDTH(selector);
	WIDTH(attrib);
	WIDTH(limit);
	WIDTH(base);

	ATTRIBUTE(TYPE);
	ATTRIBUTE(S);
	ATTRIBUTE(DPL);
	ATTRIBUTE(P);
	ATTRIBUTE(AVL);
	ATTRIBUTE(L);
	ATTRIBUTE(DB);
	ATTRIBUTE(G);

	MSR(IA32_SYSENTER_CS);
	MSR(IA32_SYSENTER_ESP);
	MSR(IA32_SYSENTER_EIP);
	MSR(EFER);
	MSR(STAR);
	MSR(LSTAR);
	MSR(CSTAR);
	MSR(SYSCALL_MASK);
	MSR(FS_BASE);
	MSR(GS_BASE);
	MSR(KERNEL_GS_BASE);
	MSR(VM_CR);

	FACT("EFER.SVME", EFER_SVME);
	FACT("VM_CR.SVMDIS", SVM_VM_CR_SVM_DIS_MASK);
	FACT("VM_CR.LOCK", SVM_VM_CR_SVM_LOCK_MASK);
}
