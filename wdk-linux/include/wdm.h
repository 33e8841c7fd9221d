/*
 * mingw-w64's wdm.h, and what Microsoft's has besides or otherwise.
 *
 * Everything below is declared as Microsoft documents it, so that bindgen makes of it what it
 * makes of a real kit; oracles/metadata/abi compares the result with Microsoft's own metadata.
 */
#pragma once

/* The driver is for Windows 10, version 2004 and later: that version brought ExAllocatePool2. */
#define _WIN32_WINNT 0x0A00
#define NTDDI_VERSION 0x0A000008

/*
 * Declarations of mingw-w64 that are replaced below get out of the way under other names. The
 * first four are inline functions there, which bindgen doesn't bind; the last takes an enumeration
 * for its priority, where Microsoft's takes an integer for flags to be added.
 */
#define KeGetCurrentIrql mingw_KeGetCurrentIrql
#define KeLowerIrql mingw_KeLowerIrql
#define KeRaiseIrqlToDpcLevel mingw_KeRaiseIrqlToDpcLevel
#define KfRaiseIrql mingw_KfRaiseIrql
#define MmMapLockedPagesSpecifyCache mingw_MmMapLockedPagesSpecifyCache

/* Microsoft aligns these structures to MEMORY_ALLOCATION_ALIGNMENT. */
#define _DEVICE_OBJECT __declspec(align(16)) _DEVICE_OBJECT
#define _IRP __declspec(align(16)) _IRP

#include_next <wdm.h>

#undef KeGetCurrentIrql
#undef KeLowerIrql
#undef KeRaiseIrqlToDpcLevel
#undef KfRaiseIrql
#undef MmMapLockedPagesSpecifyCache
#undef _DEVICE_OBJECT
#undef _IRP

NTKERNELAPI KIRQL NTAPI KeGetCurrentIrql(VOID);
NTKERNELAPI VOID NTAPI KeLowerIrql(KIRQL NewIrql);
NTKERNELAPI KIRQL NTAPI KeRaiseIrqlToDpcLevel(VOID);
NTKERNELAPI KIRQL NTAPI KfRaiseIrql(KIRQL NewIrql);

NTKERNELAPI PVOID NTAPI MmMapLockedPagesSpecifyCache(
    PMDL MemoryDescriptorList,
    KPROCESSOR_MODE AccessMode,
    MEMORY_CACHING_TYPE CacheType,
    PVOID RequestedAddress,
    ULONG BugCheckOnFailure,
    ULONG Priority);

#ifndef MdlMappingNoExecute
#define MdlMappingNoExecute 0x40000000
#endif

typedef ULONG64 POOL_FLAGS;

NTKERNELAPI PVOID NTAPI ExAllocatePool2(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag);

typedef ULONG NODE_REQUIREMENT;

NTKERNELAPI PVOID NTAPI MmAllocateContiguousNodeMemory(
    SIZE_T NumberOfBytes,
    PHYSICAL_ADDRESS LowestAcceptableAddress,
    PHYSICAL_ADDRESS HighestAcceptableAddress,
    PHYSICAL_ADDRESS BoundaryAddressMultiple,
    ULONG Protect,
    NODE_REQUIREMENT PreferredNode);
