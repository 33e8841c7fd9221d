//! The certificate stores of the local machine.

#![expect(unsafe_code, reason = "the certificate functions take raw pointers")]

use std::ffi::c_void;
use std::ptr;

use windows_sys::Win32::Foundation::ERROR_FILE_NOT_FOUND;
use windows_sys::Win32::Security::Cryptography as declared;
use windows_sys::Win32::Security::Cryptography::{
    CERT_CONTEXT, CERT_CONTROL_STORE_FLAGS, CERT_FIND_EXISTING, CERT_FIND_FLAGS,
    CERT_OPEN_STORE_FLAGS, CERT_QUERY_ENCODING_TYPE, CERT_STORE_ADD_USE_EXISTING,
    CERT_STORE_CTRL_COMMIT, CERT_STORE_OPEN_EXISTING_FLAG, CERT_STORE_PROV_SYSTEM_W,
    CERT_STORE_READONLY_FLAG, CERT_SYSTEM_STORE_LOCAL_MACHINE, HCERTSTORE, HCRYPTPROV_LEGACY,
    X509_ASN_ENCODING,
};
use windows_sys::core::{BOOL, PCSTR};

use crate::driver_io::windows::library::functions;
use crate::driver_io::windows::wide;
use crate::setup::failure::Failure;
use crate::setup::package::Certificate;
use crate::setup::record;

functions! { "crypt32.dll" as declared:
    fn CertOpenStore(
        provider: PCSTR,
        encoding: CERT_QUERY_ENCODING_TYPE,
        cryptography: HCRYPTPROV_LEGACY,
        flags: CERT_OPEN_STORE_FLAGS,
        parameter: *const c_void,
    ) -> HCERTSTORE => ptr::null_mut();
    fn CertCloseStore(store: HCERTSTORE, flags: u32) -> BOOL => 0;
    fn CertControlStore(
        store: HCERTSTORE,
        flags: CERT_CONTROL_STORE_FLAGS,
        control: u32,
        parameter: *const c_void,
    ) -> BOOL => 0;
    fn CertAddEncodedCertificateToStore(
        store: HCERTSTORE,
        encoding: CERT_QUERY_ENCODING_TYPE,
        certificate: *const u8,
        length: u32,
        disposition: u32,
        added: *mut *mut CERT_CONTEXT,
    ) -> BOOL => 0;
    fn CertFindCertificateInStore(
        store: HCERTSTORE,
        encoding: CERT_QUERY_ENCODING_TYPE,
        find_flags: u32,
        find_by: CERT_FIND_FLAGS,
        wanted: *const c_void,
        previous: *const CERT_CONTEXT,
    ) -> *mut CERT_CONTEXT => ptr::null_mut();
    fn CertDeleteCertificateFromStore(context: *const CERT_CONTEXT) -> BOOL => 0;
    fn CertCreateCertificateContext(
        encoding: CERT_QUERY_ENCODING_TYPE,
        certificate: *const u8,
        length: u32,
    ) -> *mut CERT_CONTEXT => ptr::null_mut();
    fn CertFreeCertificateContext(context: *const CERT_CONTEXT) -> BOOL => 0;
}

/// Whether the store has it.
pub(super) fn has(store: record::Store, certificate: &Certificate) -> Result<bool, Failure> {
    let flags = CERT_STORE_READONLY_FLAG | CERT_STORE_OPEN_EXISTING_FLAG;
    let Some(store) = Store::open(store, flags)? else {
        return Ok(false);
    };
    Ok(store.find(certificate)?.is_some())
}

/// Adds it; one that is there stays.
pub(super) fn add(store: record::Store, certificate: &Certificate) -> Result<(), Failure> {
    let Some(store) = Store::open(store, 0)? else {
        return Err(Failure::of_last_error("CertOpenStore"));
    };
    let length = length(certificate)?;
    // SAFETY: the store is open; the pointer and the length are those of the certificate's bytes;
    // the context that was made is not asked for.
    let added = unsafe {
        CertAddEncodedCertificateToStore(
            store.0,
            X509_ASN_ENCODING,
            certificate.der.as_ptr(),
            length,
            CERT_STORE_ADD_USE_EXISTING,
            ptr::null_mut(),
        )
    };
    if added == 0 {
        return Err(Failure::of_last_error("CertAddEncodedCertificateToStore"));
    }
    store.commit()
}

/// Removes it, if the store has it.
pub(super) fn remove(store: record::Store, certificate: &Certificate) -> Result<(), Failure> {
    let Some(store) = Store::open(store, CERT_STORE_OPEN_EXISTING_FLAG)? else {
        return Ok(());
    };
    let Some(found) = store.find(certificate)? else {
        return Ok(());
    };
    // SAFETY: the context is one of an open store. The function frees it, whether it succeeds or
    // not, so that it is not dropped.
    let deleted = unsafe { CertDeleteCertificateFromStore(found.into_raw()) };
    if deleted == 0 {
        return Err(Failure::of_last_error("CertDeleteCertificateFromStore"));
    }
    store.commit()
}

/// An open store.
struct Store(HCERTSTORE);

impl Store {
    /// Opens a store; with the flag for it, only one that exists.
    fn open(store: record::Store, flags: CERT_OPEN_STORE_FLAGS) -> Result<Option<Self>, Failure> {
        let name = wide(store.name());
        // SAFETY: the provider takes the store's name, which ends with a zero and outlives the call.
        let store = unsafe {
            CertOpenStore(
                CERT_STORE_PROV_SYSTEM_W,
                0,
                0,
                CERT_SYSTEM_STORE_LOCAL_MACHINE | flags,
                name.as_ptr().cast(),
            )
        };
        if store.is_null() {
            return match Failure::of_last_error("CertOpenStore") {
                Failure::System {
                    code: ERROR_FILE_NOT_FOUND,
                    ..
                } => Ok(None),
                failure => Err(failure),
            };
        }
        Ok(Some(Self(store)))
    }

    /// Has the system write what was changed: closing the store would do so too, without a word when it
    /// fails.
    fn commit(&self) -> Result<(), Failure> {
        // SAFETY: the store is open, and this control takes no parameter.
        let done = unsafe { CertControlStore(self.0, 0, CERT_STORE_CTRL_COMMIT, ptr::null()) };
        if done == 0 {
            return Err(Failure::of_last_error("CertControlStore"));
        }
        Ok(())
    }

    /// The store's own context of a certificate.
    fn find(&self, certificate: &Certificate) -> Result<Option<Context>, Failure> {
        let wanted = Context::new(certificate)?;
        // SAFETY: the store is open, and the context is what this way of finding takes.
        let found = unsafe {
            CertFindCertificateInStore(
                self.0,
                X509_ASN_ENCODING,
                0,
                CERT_FIND_EXISTING,
                wanted.0.cast(),
                ptr::null(),
            )
        };
        Ok((!found.is_null()).then_some(Context(found)))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: the store is open, and not used after this. Contexts of it keep what they need.
        unsafe { CertCloseStore(self.0, 0) };
    }
}

/// A certificate as the system has it in memory.
struct Context(*const CERT_CONTEXT);

impl Context {
    fn new(certificate: &Certificate) -> Result<Self, Failure> {
        let length = length(certificate)?;
        // SAFETY: the pointer and the length are those of the certificate's bytes, which are copied.
        let context = unsafe {
            CertCreateCertificateContext(X509_ASN_ENCODING, certificate.der.as_ptr(), length)
        };
        if context.is_null() {
            return Err(Failure::of_last_error("CertCreateCertificateContext"));
        }
        Ok(Self(context))
    }

    fn into_raw(self) -> *const CERT_CONTEXT {
        let context = self.0;
        std::mem::forget(self);
        context
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the context is owned by this value, and not used after this.
        unsafe { CertFreeCertificateContext(self.0) };
    }
}

fn length(certificate: &Certificate) -> Result<u32, Failure> {
    u32::try_from(certificate.der.len()).map_err(|_| Failure::System {
        function: "CertCreateCertificateContext",
        code: windows_sys::Win32::Foundation::ERROR_INVALID_PARAMETER,
    })
}
