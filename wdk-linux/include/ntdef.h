/*
 * mingw-w64's ntdef.h, with its compile-time checks in a form that clang evaluates.
 */
#pragma once
#include_next <ntdef.h>

/* mingw-w64 subtracts null pointers, which is a constant for gcc only. */
#undef FIELD_OFFSET
#define FIELD_OFFSET(type, field) ((LONG)__builtin_offsetof(type, field))

/* mingw-w64 declares a function for each check, and bindgen would bind it. */
#undef C_ASSERT
#define C_ASSERT(expr) _Static_assert(expr, #expr)
