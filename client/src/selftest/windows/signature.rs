//! The signature of a file that a catalog lists, as the system judges it.

#![expect(unsafe_code, reason = "the trust functions take raw pointers")]

use std::ffi::c_void;
use std::fmt::Write as _;
use std::fs::File;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::io::AsRawHandle;
use std::path::Path;
use std::ptr;

use windows_sys::Win32::Foundation::{HANDLE, HWND, INVALID_HANDLE_VALUE, TRUST_E_NOSIGNATURE};
use windows_sys::Win32::Security::Cryptography::CERT_STRONG_SIGN_PARA;
use windows_sys::Win32::Security::Cryptography::Catalog as declared;
use windows_sys::Win32::Security::Cryptography::Catalog::CATALOG_INFO;
use windows_sys::Win32::Security::WinTrust as declared_trust;
use windows_sys::Win32::Security::WinTrust::{
    WINTRUST_ACTION_GENERIC_VERIFY_V2, WINTRUST_CATALOG_INFO, WINTRUST_DATA, WINTRUST_DATA_0,
    WTD_CHOICE_CATALOG, WTD_REVOKE_NONE, WTD_STATEACTION_CLOSE, WTD_STATEACTION_VERIFY,
    WTD_UI_NONE,
};
use windows_sys::core::{BOOL, GUID, PCWSTR};
use windows_sys::w;

use crate::driver_io::windows::length_of;
use crate::driver_io::windows::library::functions;
use crate::selftest::machine::Signature;
use crate::setup::failure::Failure;

/// The digests by which catalogs list files, by the system's names: the second is that of old ones.
const ALGORITHMS: [PCWSTR; 2] = [w!("SHA256"), w!("SHA1")];

/// Bytes of the longest of them.
const LONGEST: usize = 32;

functions! { "wintrust.dll" as declared:
    fn CryptCATAdminAcquireContext2(
        context: *mut isize,
        subsystem: *const GUID,
        algorithm: PCWSTR,
        policy: *const CERT_STRONG_SIGN_PARA,
        flags: u32,
    ) -> BOOL => 0;
    fn CryptCATAdminCalcHashFromFileHandle2(
        context: isize,
        file: HANDLE,
        length: *mut u32,
        digest: *mut u8,
        flags: u32,
    ) -> BOOL => 0;
    fn CryptCATAdminEnumCatalogFromHash(
        context: isize,
        digest: *const u8,
        length: u32,
        flags: u32,
        previous: *mut isize,
    ) -> isize => 0;
    fn CryptCATCatalogInfoFromContext(
        catalog: isize,
        information: *mut CATALOG_INFO,
        flags: u32,
    ) -> BOOL => 0;
    fn CryptCATAdminReleaseCatalogContext(context: isize, catalog: isize, flags: u32) -> BOOL => 0;
    fn CryptCATAdminReleaseContext(context: isize, flags: u32) -> BOOL => 0;
}

functions! { "wintrust.dll" as declared_trust:
    fn WinVerifyTrust(
        window: HWND,
        action: *mut GUID,
        data: *mut c_void,
    ) -> i32 => TRUST_E_NOSIGNATURE;
}

/// Looks for an installed catalog that lists the file, and has it judged as `signtool verify /pa`
/// does.
pub(super) fn of(path: &Path) -> Result<Signature, Failure> {
    let file = File::open(path).map_err(|error| Failure::file(path, error))?;
    let mut judged = Signature {
        code: TRUST_E_NOSIGNATURE.cast_unsigned(),
        catalog: None,
        digest: String::new(),
    };
    for algorithm in ALGORITHMS {
        let catalogs = Catalogs::open(algorithm)?;
        let digest = catalogs.digest_of(&file)?;
        judged.digest.clear();
        for byte in &digest {
            // Text takes whatever is written.
            let _ = write!(judged.digest, "{byte:02X}");
        }
        if let Some(catalog) = catalogs.that_lists(&digest)? {
            judged.code = verify(&catalogs, &catalog, path, digest, &judged.digest);
            let name = catalog.split(|unit| *unit == 0).next();
            judged.catalog = name.map(String::from_utf16_lossy);
            break;
        }
    }
    Ok(judged)
}

/// `HRESULT` of the judgement: 0 if the file is trusted.
fn verify(
    catalogs: &Catalogs,
    catalog: &[u16],
    path: &Path,
    mut digest: Vec<u8>,
    tag: &str,
) -> u32 {
    let path: Vec<u16> = path.as_os_str().encode_wide().chain([0]).collect();
    let tag: Vec<u16> = tag.encode_utf16().chain([0]).collect();
    let mut member = WINTRUST_CATALOG_INFO {
        cbStruct: length_of::<WINTRUST_CATALOG_INFO>(),
        pcwszCatalogFilePath: catalog.as_ptr(),
        pcwszMemberTag: tag.as_ptr(),
        pcwszMemberFilePath: path.as_ptr(),
        pbCalculatedFileHash: digest.as_mut_ptr(),
        cbCalculatedFileHash: length(&digest),
        hCatAdmin: catalogs.0,
        ..WINTRUST_CATALOG_INFO::default()
    };
    let mut data = WINTRUST_DATA {
        cbStruct: length_of::<WINTRUST_DATA>(),
        dwUIChoice: WTD_UI_NONE,
        fdwRevocationChecks: WTD_REVOKE_NONE,
        dwUnionChoice: WTD_CHOICE_CATALOG,
        Anonymous: WINTRUST_DATA_0 {
            pCatalog: &raw mut member,
        },
        dwStateAction: WTD_STATEACTION_VERIFY,
        ..WINTRUST_DATA::default()
    };
    let mut action = WINTRUST_ACTION_GENERIC_VERIFY_V2;
    let mut ask = |data: &mut WINTRUST_DATA| {
        // SAFETY: no window is asked; the action is a constant's copy; the structure names its size
        // and has a catalog, as it says, whose texts end with zeros. All of them outlive the call.
        unsafe {
            WinVerifyTrust(
                INVALID_HANDLE_VALUE,
                &raw mut action,
                ptr::from_mut(data).cast(),
            )
        }
    };
    let code = ask(&mut data);
    data.dwStateAction = WTD_STATEACTION_CLOSE;
    ask(&mut data);
    code.cast_unsigned()
}

/// The system's list of catalogs.
struct Catalogs(isize);

impl Catalogs {
    /// The list that knows files by digests of this algorithm, whose name ends with a zero.
    fn open(algorithm: PCWSTR) -> Result<Self, Failure> {
        let mut context = 0;
        // SAFETY: the handle is written to `context`; no subsystem and no policy are named, and the
        // algorithm's name ends with a zero.
        let opened = unsafe {
            CryptCATAdminAcquireContext2(&raw mut context, ptr::null(), algorithm, ptr::null(), 0)
        };
        if opened == 0 {
            return Err(Failure::of_last_error("CryptCATAdminAcquireContext2"));
        }
        Ok(Self(context))
    }

    /// The digest by which catalogs list the file.
    fn digest_of(&self, file: &File) -> Result<Vec<u8>, Failure> {
        let mut digest = vec![0; LONGEST];
        let mut length = length(&digest);
        // SAFETY: the context and the file are open, and the buffer has the length that is passed.
        let calculated = unsafe {
            CryptCATAdminCalcHashFromFileHandle2(
                self.0,
                file.as_raw_handle(),
                &raw mut length,
                digest.as_mut_ptr(),
                0,
            )
        };
        if calculated == 0 {
            return Err(Failure::of_last_error(
                "CryptCATAdminCalcHashFromFileHandle2",
            ));
        }
        digest.truncate(length as usize);
        Ok(digest)
    }

    /// The path of the first catalog that lists a digest, which ends with a zero.
    fn that_lists(&self, digest: &[u8]) -> Result<Option<[u16; 260]>, Failure> {
        // SAFETY: the context is open, the digest has the length that is passed, and no catalog came
        // before.
        let found = unsafe {
            CryptCATAdminEnumCatalogFromHash(
                self.0,
                digest.as_ptr(),
                length(digest),
                0,
                ptr::null_mut(),
            )
        };
        if found == 0 {
            return Ok(None);
        }
        let mut catalog = CATALOG_INFO {
            cbStruct: length_of::<CATALOG_INFO>(),
            ..CATALOG_INFO::default()
        };
        // SAFETY: the catalog's context is open, and the structure names its size.
        let told = unsafe { CryptCATCatalogInfoFromContext(found, &raw mut catalog, 0) };
        let failure = (told == 0).then(|| Failure::of_last_error("CryptCATCatalogInfoFromContext"));
        // SAFETY: both contexts are open, and this one is not used after this.
        unsafe { CryptCATAdminReleaseCatalogContext(self.0, found, 0) };
        match failure {
            Some(failure) => Err(failure),
            None => Ok(Some(catalog.wszCatalogFile)),
        }
    }
}

impl Drop for Catalogs {
    fn drop(&mut self) {
        // SAFETY: the context is open, and not used after this.
        unsafe { CryptCATAdminReleaseContext(self.0, 0) };
    }
}

/// The length of a digest, as functions of the system take it.
#[expect(clippy::cast_possible_truncation, reason = "a few bytes")]
fn length(digest: &[u8]) -> u32 {
    digest.len() as u32
}
