/*
 * What Linux says of the save area, of a segment's attributes and of the registers that amd-svm
 * names: a line `->name $value` for each, in the assembly that the compiler makes of this.
 *
 * SVM_H and MSR_INDEX_H are the kernel's own headers; what they include is in ./include.
 */
#include <linux/prelude.h>
#include SVM_H
#include MSR_INDEX_H

#define FACT(name, value) __asm__ volatile("\n->" name " %0" : : "i"((u64)(value)))
#define OFFSET(type, field) __builtin_offsetof(struct type, field)
#define SAVE(field) FACT("save." #field, OFFSET(vmcb, save) + OFFSET(vmcb_save_area, field))
#define SEGMENT(field) FACT("segment." #field, OFFSET(vmcb_seg, field))
#define WIDTH(field) FACT("width of " #field, sizeof(((struct vmcb_seg *)0)->field))
#define ATTRIBUTE(name) FACT("attribute " #name, SVM_SELECTOR_##name##_MASK)
#define MSR(name) FACT("msr " #name, MSR_##name)

void facts(void)
{
	FACT("save", OFFSET(vmcb, save));
	SAVE(es);
	SAVE(fs);
	SAVE(gs);
	SAVE(gdtr);
	SAVE(ldtr);
	SAVE(idtr);
	SAVE(tr);
	SAVE(star);
	SAVE(lstar);
	SAVE(cstar);
	SAVE(sfmask);
	SAVE(kernel_gs_base);
	SAVE(sysenter_cs);
	SAVE(sysenter_esp);
	SAVE(sysenter_eip);
	/* What follows the last register that VMSAVE stores. */
	FACT("end of the system-call registers",
	     OFFSET(vmcb, save) + OFFSET(vmcb_save_area, cr2));

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
	FACT("VM_CR.SVMDIS", 1 << SVM_VM_CR_SVM_DISABLE);
	FACT("VM_CR.LOCK", SVM_VM_CR_SVM_LOCK_MASK);
}
