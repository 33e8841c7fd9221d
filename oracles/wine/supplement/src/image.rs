//! A loaded image: its tables of imports and of functions. Addresses in it are offsets.

use object::pe::{
    IMAGE_DIRECTORY_ENTRY_EXCEPTION, IMAGE_DIRECTORY_ENTRY_IMPORT, ImageDataDirectory,
    ImageDosHeader, ImageImportDescriptor, ImageNtHeaders64, ImageRuntimeFunctionEntry,
    ImageThunkData64,
};
use object::{LittleEndian as LE, Pod, pod};

/// The bytes of an image, as they are mapped.
pub(crate) struct Image<'a>(pub(crate) &'a [u8]);

/// `UNW_FLAG_EHANDLER`, above the three bits of the version.
const HAS_HANDLER: u8 = 1 << 3;

impl<'a> Image<'a> {
    fn at<T: Pod>(&self, offset: usize) -> Option<&'a T> {
        let (value, _) = pod::from_bytes(self.0.get(offset..)?).ok()?;
        Some(value)
    }

    fn directory(&self, index: usize) -> Option<&'a ImageDataDirectory> {
        let dos: &ImageDosHeader = self.at(0)?;
        let first = dos.nt_headers_offset() as usize + size_of::<ImageNtHeaders64>();
        self.at(first + index * size_of::<ImageDataDirectory>())
    }

    /// Calls `with` with the name of every routine that is imported, and the offset of its slot.
    pub(crate) fn each_import(&self, mut with: impl FnMut(&[u8], usize)) -> Option<()> {
        let directory = self.directory(IMAGE_DIRECTORY_ENTRY_IMPORT)?;
        let mut at = directory.virtual_address.get(LE) as usize;
        loop {
            let descriptor: &ImageImportDescriptor = self.at(at)?;
            if descriptor.is_null() {
                return Some(());
            }
            let names = descriptor.original_first_thunk.get(LE) as usize;
            let slots = descriptor.first_thunk.get(LE) as usize;
            for index in 0.. {
                let place = index * size_of::<ImageThunkData64>();
                let thunk: &ImageThunkData64 = self.at(names + place)?;
                let name = usize::try_from(thunk.0.get(LE)).ok()?;
                if name == 0 {
                    break;
                }
                // The name follows a hint of two bytes.
                let name = self.0.get(name + 2..)?;
                let end = name.iter().position(|&byte| byte == 0)?;
                with(&name[..end], slots + place);
            }
            at += size_of::<ImageImportDescriptor>();
        }
    }

    /// Calls `with` with the offset and the code of every function that has an exception handler.
    pub(crate) fn each_guarded_function(&self, mut with: impl FnMut(usize, &[u8])) -> Option<()> {
        let directory = self.directory(IMAGE_DIRECTORY_ENTRY_EXCEPTION)?;
        let table = directory.virtual_address.get(LE) as usize;
        let count = directory.size.get(LE) as usize / size_of::<ImageRuntimeFunctionEntry>();
        for index in 0..count {
            let place = table + index * size_of::<ImageRuntimeFunctionEntry>();
            let entry: &ImageRuntimeFunctionEntry = self.at(place)?;
            let begin = entry.begin_address.get(LE) as usize;
            let body = self.0.get(begin..entry.end_address.get(LE) as usize)?;
            let unwind = entry.unwind_info_address_or_data.get(LE) as usize;
            if self.0.get(unwind)? & HAS_HANDLER != 0 {
                with(begin, body);
            }
        }
        Some(())
    }
}
