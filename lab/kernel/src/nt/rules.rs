//! How a kernel routine states and checks the rules of its documentation.

#![expect(
    unsafe_code,
    reason = "structures of drivers are reached through raw pointers"
)]

use alloc::string::ToString;
use core::fmt;

use lab_wire::StopReason;

use super::irql;
use super::structures::Field;
use crate::base::{address, crash};
use crate::image::symbol;
use crate::memory;

/// A kernel routine, for the names of its rules.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Routine(pub &'static str);

impl Routine {
    /// Ends the run because the routine was used against `rule`.
    pub(crate) fn violated(self, rule: &str, detail: fmt::Arguments<'_>) -> ! {
        let caller = symbol::caller();
        crash::stop(|| StopReason::Violation {
            rule: alloc::format!("{}/{rule}", self.0),
            detail: detail.to_string(),
            caller: symbol::name(caller),
        })
    }

    /// Checks one rule; the detail says what was found and what is allowed.
    pub(crate) fn require(self, kept: bool, rule: &str, detail: fmt::Arguments<'_>) {
        if !kept {
            self.violated(rule, detail);
        }
    }

    /// The routine may be called at `allowed` and below.
    pub(crate) fn irql_at_most(self, allowed: u8) {
        let irql = irql::current();
        self.require(
            irql <= allowed,
            "irql",
            format_args!(
                "called at IRQL {irql}, the page allows <= {} ({allowed})",
                irql::name(allowed)
            ),
        );
    }

    /// A parameter that points to a structure in system memory that is there.
    pub(crate) fn object<S>(self, parameter: &str, pointer: *const S) -> Object<S> {
        let address = pointer.addr();
        self.require(
            !pointer.is_null(),
            "pointer",
            format_args!("{parameter} is a null pointer"),
        );
        self.require(
            pointer.is_aligned(),
            "pointer",
            format_args!("{parameter} {address:#x} is not aligned"),
        );
        self.require(
            memory::is_mapped(address as u64, size_of::<S>() as u64, true),
            "pointer",
            format_args!("{parameter} {address:#x} is not writable system memory"),
        );
        Object(pointer.cast_mut())
    }

    /// A parameter that points to a structure whose storage must be resident.
    pub(crate) fn resident_object<S>(self, parameter: &str, pointer: *const S) -> Object<S> {
        let address = pointer.addr();
        self.require(
            !address::PAGED_POOL.contains(address as u64),
            "resident",
            format_args!("{parameter} {address:#x} is in paged pool, its storage must be resident"),
        );
        self.object(parameter, pointer)
    }
}

/// A structure that was found to be mapped and writable when a routine was
/// called. If its owner frees it meanwhile, the access faults, as it should.
pub(crate) struct Object<S>(*mut S);

impl<S> Clone for Object<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Object<S> {}

impl<S> Object<S> {
    /// A structure that the lab itself allocated and keeps.
    pub(crate) const fn own(pointer: *mut S) -> Self {
        Self(pointer)
    }

    /// Its address.
    pub(crate) fn address(self) -> u64 {
        self.0.addr() as u64
    }

    /// The structure, as a driver sees it.
    pub(crate) const fn pointer(self) -> *mut S {
        self.0
    }

    /// The value of a field.
    #[expect(clippy::needless_pass_by_value, reason = "a field is an offset")]
    pub(crate) fn get<T: Copy>(self, field: Field<S, T>) -> T {
        // SAFETY: the whole structure is mapped, see the type.
        unsafe { field.of(self.0).read_volatile() }
    }

    /// Sets a field.
    #[expect(clippy::needless_pass_by_value, reason = "a field is an offset")]
    pub(crate) fn set<T>(self, field: Field<S, T>, value: T) {
        // SAFETY: the whole structure is mapped and writable, see the type.
        unsafe { field.of(self.0).write_volatile(value) };
    }

    /// Everything.
    pub(crate) fn read(self) -> S
    where
        S: Copy,
    {
        // SAFETY: the whole structure is mapped, see the type.
        unsafe { self.0.read_volatile() }
    }

    /// Sets everything.
    pub(crate) fn write(self, value: S) {
        // SAFETY: the whole structure is mapped and writable, see the type.
        unsafe { self.0.write_volatile(value) };
    }
}
