/*
 * What Linux' svm.h and msr-index.h take from other headers of the kernel, and nothing that decides
 * where a field is. BUILD_BUG_ON and ASSERT_STRUCT_OFFSET keep the sizes and the offsets that svm.h
 * itself demands.
 */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef _Bool bool;

#define __packed __attribute__((__packed__))
#define __aligned(bytes) __attribute__((__aligned__(bytes)))
#define __always_inline inline __attribute__((__always_inline__))

#define BIT(number) (1UL << (number))
#define BIT_ULL(number) (1ULL << (number))
#define GENMASK_ULL(high, low) ((~0ULL << (low)) & (~0ULL >> (63 - (high))))
#define GENMASK(high, low) GENMASK_ULL(high, low)

#define PAGE_SIZE 4096
#define offsetof(type, member) __builtin_offsetof(type, member)
#define static_assert _Static_assert

/* For inline functions that nothing here calls. */
void __set_bit(long number, volatile unsigned long *address);
void __clear_bit(long number, volatile unsigned long *address);
bool test_bit(long number, const volatile unsigned long *address);

#define BUILD_BUG_ON(condition) _Static_assert(!(condition), #condition)
#define ASSERT_STRUCT_OFFSET(type, field, offset) \
	_Static_assert(offsetof(type, field) == (offset), #field " of " #type)
