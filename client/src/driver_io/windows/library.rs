//! Functions of libraries that are not in every program: they are looked for in the system's folder
//! alone.
//!
//! An import is bound before anything here runs, and looked for beside the program first. A
//! library of that name, put into the folder that the program was saved to, would run as an administrator.

#![expect(unsafe_code, reason = "the loader's functions take raw pointers")]

use std::ptr;

use windows_sys::Win32::Foundation::FARPROC;
use windows_sys::Win32::System::LibraryLoader::{
    GetProcAddress, LOAD_LIBRARY_SEARCH_SYSTEM32, LoadLibraryExW, SetDefaultDllDirectories,
};

use super::wide;

/// A function of a library in the system's folder. Where there is none, the thread's last error says
/// why.
pub(crate) fn function(library: &str, name: &str) -> FARPROC {
    // SAFETY: the function takes a number. What libraries load themselves is looked for there too.
    unsafe { SetDefaultDllDirectories(LOAD_LIBRARY_SEARCH_SYSTEM32) };
    let library = wide(library);
    // SAFETY: the name ends with a zero. The library is the system's, and is never unloaded.
    let library = unsafe {
        LoadLibraryExW(
            library.as_ptr(),
            ptr::null_mut(),
            LOAD_LIBRARY_SEARCH_SYSTEM32,
        )
    };
    if library.is_null() {
        return None;
    }
    let name = format!("{name}\0");
    // SAFETY: the library is loaded, and the name ends with a zero.
    unsafe { GetProcAddress(library, name.as_ptr()) }
}

/// Declares functions of a library that are bound when they are called, as `$declared` has them. Each
/// returns what stands behind `=>` where the system lacks it.
macro_rules! functions {
    ($library:literal as $declared:ident: $(
        fn $name:ident($($argument:ident: $type:ty),* $(,)?) -> $result:ty => $otherwise:expr;
    )*) => {$(
        #[expect(non_snake_case, reason = "the name is the system's")]
        unsafe fn $name($($argument: $type),*) -> $result {
            type Function = unsafe extern "system" fn($($type),*) -> $result;
            const _: Function = $declared::$name;
            let Some(address) =
                $crate::driver_io::windows::library::function($library, stringify!($name))
            else {
                return $otherwise;
            };
            // SAFETY: it is the function of this name, whose type is the one that is declared for it.
            let function = unsafe {
                std::mem::transmute::<unsafe extern "system" fn() -> isize, Function>(address)
            };
            // SAFETY: the caller keeps what the function demands.
            unsafe { function($($argument),*) }
        }
    )*};
}

pub(crate) use functions;
