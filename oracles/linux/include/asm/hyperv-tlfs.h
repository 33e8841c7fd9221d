/* Bytes 3E0h to 3FFh of the control area, which hypervisors give meanings of their own. */
#pragma once

struct hv_vmcb_enlightenments {
	u8 bytes[32];
};
