//! What can keep a question from being answered.

use std::io;
use std::path::{Path, PathBuf};

use amd_svm::vmcb::VMCB_SIZE;
use protocol::MalformedReply;

use super::kernel_module::printable;
use super::{
    Driver, Field, Format, OLDEST_SCHEMA, ProcessorId, ProcessorModel, SCHEMA, UnknownProcessor,
};

/// Five times what 4096 processors take.
pub(crate) const LARGEST_FILE: u64 = 64 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The device was not opened, or did not carry out the request.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Driver and client are of different ages.
    #[error(
        "the driver ({0}) and this client (protocol {own}) do not understand each other",
        own = protocol::VERSION
    )]
    OtherProtocol(Driver),
    /// The driver sent something that is no reply.
    #[error("the driver's reply makes no sense: {0}")]
    Malformed(#[from] MalformedReply),
    /// The driver sent a reply about no processor.
    #[error("the driver's reply is about no processor")]
    NoProcessors,
    /// The driver sent two records about one processor.
    #[error("the driver's reply has two records about processor {0}")]
    Repeated(ProcessorId),
    /// The driver wants a buffer larger than any machine can need.
    #[error("the driver's reply does not fit into {limit} bytes")]
    TooLarge {
        /// Size in bytes of the largest buffer that was, or would have been, tried.
        limit: usize,
    },
    /// The caller named a processor that does not exist.
    #[error(transparent)]
    UnknownProcessor(#[from] UnknownProcessor),
    /// The snapshot has no cycles to sum up.
    #[error("the snapshot was saved without the cycles that it took")]
    NoCycles,
    /// The answer could not be put into JSON.
    #[error("no JSON can be made of the answer: {0}")]
    Json(#[from] serde_json::Error),
    /// The answer could not be put into a page.
    #[error("no page can be made of the answer: {0}")]
    Page(#[from] askama::Error),
    /// What was printed along the way did not reach its reader.
    #[error("the output cannot be written: {0}")]
    Output(io::Error),
    /// A form of output that has room for one snapshot was asked for, of many.
    #[error("--json prints one snapshot: --jsonl prints lines for any number of them")]
    OneSnapshot,
    /// A file was not read or written.
    #[error("{}: {reason}", printable_path(path))]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: FileError,
    },
}

impl Error {
    pub(crate) fn file(path: impl AsRef<Path>, reason: impl Into<FileError>) -> Self {
        Self::File {
            path: path.as_ref().to_owned(),
            reason: reason.into(),
        }
    }
}

/// A file's name in printable ASCII.
pub(crate) fn printable_path(path: &Path) -> String {
    printable(&path.display().to_string())
}

/// Why a device was not opened or did not carry out a request.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// There is no such device: the driver is not running.
    #[error("the driver is not running")]
    NotFound,
    /// The system has no such driver.
    #[error("the driver is not installed")]
    NotInstalled,
    /// The driver is installed, and not running.
    #[error("the driver is not started")]
    NotStarted,
    /// This is not Windows: there is nowhere for the driver to run.
    #[error("the driver runs on Windows")]
    NotWindows,
    /// The caller may not use the device.
    #[error("access to the driver was denied")]
    AccessDenied,
    /// VMSAVE may reset the host of this virtual machine, and the caller has not agreed to that.
    #[error(
        "this virtual machine runs on {0}, whose host VMSAVE may reset with all that runs on it \
         (CVE-2024-53114)"
    )]
    MayResetHost(ProcessorModel),
    /// The reply did not fit into the output.
    #[error("the buffer is too small for the driver's reply")]
    BufferTooSmall {
        /// Bytes of the output that were written nevertheless: enough for a
        /// [`ReplyHeader`](protocol::ReplyHeader), which says what is needed, or none.
        returned: usize,
    },
    /// The driver does not speak this version of the protocol.
    #[error("the driver does not speak protocol version {}", protocol::VERSION)]
    RevisionMismatch,
    /// The driver answered with another status.
    #[error("the driver answered with status 0x{0:08X}")]
    NtStatus(u32),
    /// The system reported another error.
    #[error(transparent)]
    Other(#[from] Box<dyn std::error::Error + Send + Sync>),
}

impl DeviceError {
    /// The error that a request ended with, from a status that is not a success and the number of
    /// bytes that came back in spite of it.
    #[must_use]
    pub fn from_ntstatus(status: u32, returned: usize) -> Self {
        const STATUS_BUFFER_OVERFLOW: u32 = 0x8000_0005;
        const STATUS_ACCESS_DENIED: u32 = 0xC000_0022;
        const STATUS_BUFFER_TOO_SMALL: u32 = 0xC000_0023;
        const STATUS_OBJECT_NAME_NOT_FOUND: u32 = 0xC000_0034;
        const STATUS_REVISION_MISMATCH: u32 = 0xC000_0059;
        match status {
            STATUS_BUFFER_OVERFLOW | STATUS_BUFFER_TOO_SMALL => Self::BufferTooSmall { returned },
            STATUS_ACCESS_DENIED => Self::AccessDenied,
            STATUS_OBJECT_NAME_NOT_FOUND => Self::NotFound,
            STATUS_REVISION_MISMATCH => Self::RevisionMismatch,
            _ => Self::NtStatus(status),
        }
    }
}

/// Why a file is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system did not open, read or write it.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is too large to be a snapshot.
    #[error("it is larger than {} MiB: no snapshot is", LARGEST_FILE >> 20)]
    TooLarge,
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// It is JSON, or looks like it, and no snapshot.
    #[error("it is no snapshot: {}", json_in_words(.0))]
    NotJson(#[from] serde_json::Error),
    /// It is JSON, and something else than a snapshot.
    #[error("it is JSON, and no snapshot: {0}")]
    OtherJson(String),
    /// Behind the JSON is something that belongs to no text.
    #[error(
        "it is JSON with {padding} NULs or Ctrl-Zs behind its end, as of a buffer that was written \
         whole: cut them off"
    )]
    Padded {
        /// How many there are.
        padding: usize,
    },
    /// It is a snapshot that the command line does not fit, for a reason that is told.
    #[error("{0}")]
    NotFit(String),
    /// It stands for files, and there is none.
    #[error("no file has a name of this pattern")]
    NoMatch,
    /// It is no pattern.
    #[error("it is neither a file nor a pattern: {0}")]
    Pattern(glob::PatternError),
    /// It is a folder where a file is to be read or written, with what helps.
    #[error("it is a folder: {0}")]
    Folder(&'static str),
    /// It is a folder without a file.
    #[error("the folder has no file in it")]
    EmptyFolder,
    /// It is in a folder, or of a pattern, and neither a file nor a folder there.
    #[error("it is {0}: to have it read, name it")]
    NoFile(&'static str),
    /// It is something else.
    #[error("{}", unrecognised_in_words(.0))]
    Unrecognised(&'static str),
    /// It has pages, and one of them is no VMCB.
    #[error(
        "page {page} is neither a VMCB nor a save area of SEV-ES: {reason} (encrypted pages and \
         other memory look like that); --format vmcb or vmsa insists"
    )]
    NoVmcb {
        /// The page, from 0.
        page: u32,
        /// What speaks against it.
        reason: String,
    },
    /// It has bytes that are no text.
    #[error("it is no text, which the format asks for")]
    NotText,
    /// It is text, and nothing in it is of the format that was asked for.
    #[error("nothing in it is what the format `{0}` stands for: {title}", title = .0.title())]
    NoDump(Format),
    /// It is standard input, which another argument has read already.
    #[error("standard input can be read but once: give one of the snapshots as a file")]
    ReadTwice,
    /// It is there, and would be lost.
    #[error(
        "it is there, and would be replaced: choose another name, or --force; what is to be read is \
         named with --from"
    )]
    WouldReplace,
    /// Its name says that it is something else than what would be written.
    #[error("its name is that of {0}, and {1} would be written: choose another name, or --force")]
    OtherName(&'static str, &'static str),
    /// Its lines are not those of one dump after the other.
    #[error(
        "line {line} is out of order: the lines of two dumps are mixed, or the dump before was cut \
         off; give the lines of one dump alone, or a log that names the caller of each line"
    )]
    MixedDumps {
        /// The line, from 1.
        line: usize,
    },
    /// Its dumps are of several domains of Xen's.
    #[error(
        "it has dumps of several virtual machines, which are not to be judged as one: {0}; cut the file to \
         one of them"
    )]
    SeveralDomains(String),
    /// A number in a dump is not as its tool prints it.
    #[error(
        "line {line}: the number behind `{}` has not as many digits as are printed there: the line \
         was broken or cut; give the lines as they were printed",
        word.escape_default()
    )]
    BrokenLine {
        /// The line, from 1.
        line: usize,
        /// What is printed before the number.
        word: String,
    },
    /// Among rows that follow one another is something else.
    #[error(
        "line {line} is no row of digits, and stands among some that have no offsets: how many bytes \
         it stands for is not known; give a dump with offsets, or one without such lines"
    )]
    ForeignLine {
        /// The line, from 1.
        line: usize,
    },
    /// Where rows are missing, or beside an asterisk, is something else.
    #[error(
        "line {line} is no row of digits, and stands where rows are missing or repeated: what it stands \
         for is not known; give the lines as they were printed"
    )]
    ForeignRow {
        /// The line, from 1.
        line: usize,
    },
    /// A row is not as its tool prints it.
    #[error(
        "line {line} is not printed as the rows beside it are: it was broken, cut or changed; give the \
         lines as they were printed"
    )]
    BrokenRow {
        /// The line, from 1.
        line: usize,
    },
    /// A row would be one of those that an asterisk stands for.
    #[error(
        "line {line} has what the asterisk before it stands for: lines between them are missing; give \
         the lines as they were printed"
    )]
    LostRows {
        /// The line, from 1.
        line: usize,
    },
    /// The offsets of rows say nothing, and the rows do not make up whole pages.
    #[error(
        "the offsets of its rows do not follow one another, as where Linux prints hashed addresses \
         (DUMP_PREFIX_ADDRESS since 4.15), and the {length} bytes are no whole pages of {VMCB_SIZE}; \
         give a dump with offsets (DUMP_PREFIX_OFFSET)"
    )]
    UnrelatedRows {
        /// How many bytes there are.
        length: usize,
    },
    /// Rows without offsets do not make up whole pages.
    #[error(
        "it has {length} bytes in hexadecimal without offsets, which are no whole pages of {VMCB_SIZE}: \
         the beginning or the end is missing, and it does not say which; give a dump with offsets"
    )]
    PartialDump {
        /// How many bytes there are.
        length: usize,
    },
    /// It claims more than it can have.
    #[error("it claims to have more processors than its length has room for")]
    TooManyDumps,
    /// It has values of a processor, and others beside them that follow from them.
    #[error(
        "`vmsave` or `guest` says something else than the page of processor {0}: remove the page or \
         the others"
    )]
    TwoStates(ProcessorId),
    /// A page has what no page has.
    #[error("{0}")]
    Page(String),
    /// Not all bytes of a page are known.
    #[error(
        "a file of pages cannot say that parts of processor {0}'s page are not known: save JSON"
    )]
    UnknownBytes(ProcessorId),
    /// It is JSON of another age.
    #[error("its schema is {found}, and this client reads schemas {OLDEST_SCHEMA} to {SCHEMA}")]
    OtherSchema {
        /// What the file says.
        found: u32,
    },
    /// It has bytes that are not text, and is no row of VMCB pages.
    #[error(
        "it is no snapshot: {length} bytes that are neither text nor whole pages of {VMCB_SIZE} bytes"
    )]
    PartialPage {
        /// Length in bytes.
        length: usize,
    },
    /// It is about no processor.
    #[error("it is about no processor")]
    NoProcessors,
    /// It says two things about one processor.
    #[error("it has two entries about processor {0}")]
    Repeated(ProcessorId),
    /// It counts a processor within its group as no system does.
    #[error("processor {0} has a number within its group that is not between 0 and 63")]
    NumberInGroup(ProcessorId),
    /// It declares a field hidden that the driver does not hide.
    #[error(
        "`redacted` names `{}`, which the driver never hides: remove the name, and the value is \
         judged",
        .0.escape_default()
    )]
    NotRedactable(String),
    /// It lists a disagreement about something else than a field.
    #[error("`disagreements` names `{}`, which is no field", .0.escape_default())]
    UnknownField(String),
    /// It lists a disagreement that its own values do not have.
    #[error(
        "what `disagreements` says of `{field}` of processor {id} is not what the values say: remove \
         the entry, and the values are judged"
    )]
    NoDisagreement {
        /// The processor.
        id: ProcessorId,
        /// The field.
        field: Field,
    },
    /// It says nothing, or two contrary things, about a processor.
    #[error("it has neither `vmsave` nor `error` about processor {0}, or both")]
    Ambiguous(ProcessorId),
    /// It has values beside the reason why there are none.
    #[error(
        "it has values of processor {0} beside its `error`: remove the one or the other, so that it \
         is clear what there is to judge"
    )]
    ValuesBesideError(ProcessorId),
    /// It has the witness, and the reason why there is none.
    #[error(
        "it has both `witness` and `witness_error` about processor {0}: remove `witness_error`, and \
         the values are judged"
    )]
    TwoWitnesses(ProcessorId),
    /// It has some of what the driver noted.
    #[error(
        "of `tsc`, `efer_found` and `efer_left`, which the driver notes together, it has not all \
         about processor {0}"
    )]
    PartlyNoted(ProcessorId),
    /// The snapshot cannot be written as pages.
    #[error(
        "a file of pages cannot say that processor {0} has none: save JSON, or name the other \
         processors with -p, whose pages are numbered from 0 then"
    )]
    NoPage(ProcessorId),
    /// The driver hid values, and zeros would stand for them in pages.
    #[error("a file of pages cannot say that values of processor {0} are hidden: save JSON")]
    HiddenValues(ProcessorId),
}

/// What a file is, with what is to be done about it behind a colon, if more is known than what is
/// read.
fn unrecognised_in_words(what: &str) -> String {
    const READ: &str =
        "what is read is JSON, VMCB pages, dumps of KVM, Xen and QEMU, and hex dumps of pages";
    let (what, advice) = what.split_once(": ").unwrap_or((what, READ));
    format!("it is {what}, and no snapshot: {advice}")
}

/// What is wrong with JSON, in words that do not name what programs call it.
fn json_in_words(error: &serde_json::Error) -> String {
    const RANGES: [(&str, &str); 4] = [
        ("expected u8", "expected a whole number from 0 to 255"),
        ("expected u16", "expected a whole number from 0 to 65535"),
        (
            "expected u32",
            "expected a whole number from 0 to 4294967295",
        ),
        ("expected a borrowed string", "expected a string"),
    ];
    let mut message = printable(&error.to_string());
    for (name, words) in RANGES {
        // Longer names begin with shorter ones.
        if let Some(at) = message.find(name)
            && !message[at + name.len()..].starts_with(|next: char| next.is_ascii_digit())
        {
            message.replace_range(at..at + name.len(), words);
        }
    }
    if error.is_eof() {
        return format!("it is JSON that ends in its middle: {message}");
    }
    message
}
