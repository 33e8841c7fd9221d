//! The ways of reading the same registers of all processors.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::FileExt;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::time_stamp;

/// Has a folder for each processor, beside other things.
const PROCESSORS: &str = "/dev/cpu";

/// Where msr-tools has its program.
const RDMSR: &str = "/usr/sbin/rdmsr";

/// Where values are printed to, in memory.
const OUTPUT: &str = "/values";

/// What one way took, in instructions of all processors together, and what it read.
pub(crate) struct Reading {
    /// From the beginning to the end.
    pub cost: u64,
    /// Between the first reading and the last, at least.
    pub set: Option<u64>,
    /// Between the readings of one register on the first processor and on the last, at least,
    /// where it can be told.
    pub register: Option<u64>,
    /// By register and processor.
    pub values: Vec<Vec<u64>>,
}

/// How far apart the first and the last of several readings are, at least: when a register is read
/// inside a system call or a process, only the kernel knows, but it is not before that begins and
/// not after it has ended.
#[derive(Default)]
struct Span {
    readings: usize,
    first_ended: Option<u64>,
    last_began: u64,
}

impl Span {
    fn reading<T>(&mut self, read: impl FnOnce() -> T) -> T {
        self.last_began = time_stamp::now();
        let result = read();
        self.readings += 1;
        self.first_ended.get_or_insert_with(time_stamp::now);
        result
    }

    /// Nothing of two readings, between which there is nothing to measure.
    fn length(&self) -> Option<u64> {
        let first_ended = self.first_ended.filter(|_| self.readings > 2)?;
        Some(self.last_began - first_ended)
    }
}

/// A way of reading some registers.
pub(crate) type Way = fn(&[u32]) -> Result<Reading>;

/// All of them, by name.
pub(crate) const ALL: [(&str, Way); 3] =
    [("typed", typed), ("in_process", in_process), ("lean", lean)];

/// The processors that have registers to read, in whatever order the folder has.
pub(crate) fn processors() -> Result<Vec<u32>> {
    let entries = fs::read_dir(PROCESSORS).context("no registers to read")?;
    let mut processors = Vec::new();
    for entry in entries {
        let name: OsString = entry?.file_name();
        processors.extend(name.to_str().and_then(|name| name.parse::<u32>().ok()));
    }
    Ok(processors)
}

/// `rdmsr -a`, a process for each register: as people type it.
fn typed(registers: &[u32]) -> Result<Reading> {
    let place = |register: &u32| format!("{OUTPUT}.{register:#x}");
    let mut set = Span::default();
    let begun = time_stamp::now();
    for register in registers {
        let mut rdmsr = Command::new(RDMSR);
        rdmsr.args(["-a", &format!("{register:#x}")]);
        rdmsr
            .stdin(Stdio::null())
            .stdout(File::create(place(register))?);
        let status = set.reading(|| rdmsr.status()).context("starting rdmsr")?;
        if !status.success() {
            bail!("rdmsr -a {register:#x}: {status}");
        }
    }
    let ended = time_stamp::now();
    let values = registers
        .iter()
        .map(|register| values(&fs::read_to_string(place(register))?));
    Ok(Reading {
        cost: ended - begun,
        set: set.length(),
        register: None,
        values: values.collect::<Result<_>>()?,
    })
}

/// One process that does for each register what `rdmsr -a` does: it looks which processors there
/// are, and opens, reads, closes and prints for each of them.
fn in_process(registers: &[u32]) -> Result<Reading> {
    let mut all = Vec::with_capacity(registers.len());
    let mut set = Span::default();
    let mut alone = Vec::with_capacity(registers.len());
    let begun = time_stamp::now();
    for register in registers {
        let mut values = Vec::new();
        let mut text = String::new();
        let mut one = Span::default();
        for processor in processors()? {
            let file = File::open(format!("{PROCESSORS}/{processor}/msr"))?;
            let value = one.reading(|| set.reading(|| read(&file, *register)))?;
            drop(file);
            writeln!(text, "CPU {processor}: {value:x}")?;
            values.push(value);
        }
        File::create(OUTPUT)?.write_all(text.as_bytes())?;
        alone.push(one.length());
        all.push(values);
    }
    let ended = time_stamp::now();
    Ok(Reading {
        cost: ended - begun,
        set: set.length(),
        register: alone.into_iter().flatten().min(),
        values: all,
    })
}

/// One process that opens the file of each processor once, reads each register, and closes: the
/// least that can be done with these files. It knows which processors there are, and prints
/// nothing.
fn lean(registers: &[u32]) -> Result<Reading> {
    let mut numbers = processors()?;
    numbers.sort_unstable();
    let paths = numbers.iter();
    let paths = paths.map(|number| format!("{PROCESSORS}/{number}/msr"));
    let paths: Vec<String> = paths.collect();
    let values = registers.iter().map(|_| Vec::with_capacity(paths.len()));
    let mut values: Vec<Vec<u64>> = values.collect();
    let mut files = Vec::with_capacity(paths.len());
    let mut set = Span::default();
    let begun = time_stamp::now();
    for path in &paths {
        files.push(File::open(path)?);
    }
    for file in &files {
        for (register, values) in registers.iter().zip(&mut values) {
            values.push(set.reading(|| read(file, *register))?);
        }
    }
    files.clear();
    let ended = time_stamp::now();
    Ok(Reading {
        cost: ended - begun,
        set: set.length(),
        register: alone(&paths, registers)?,
        values,
    })
}

/// How far apart the first of some registers is read on the first processor and on the last, if
/// nothing else is read between.
fn alone(paths: &[String], registers: &[u32]) -> Result<Option<u64>> {
    let register = *registers.first().context("no registers")?;
    let files = paths.iter().map(File::open);
    let files = files.collect::<Result<Vec<File>, _>>()?;
    let mut span = Span::default();
    for file in &files {
        span.reading(|| read(file, register))?;
    }
    Ok(span.length())
}

/// Reads a register of the processor that a file is of.
fn read(file: &File, register: u32) -> Result<u64> {
    let mut bytes = [0; 8];
    file.read_exact_at(&mut bytes, register.into())?;
    Ok(u64::from_ne_bytes(bytes))
}

/// What `rdmsr -a` prints: `CPU 0: 2300100000`, a line for each processor.
fn values(text: &str) -> Result<Vec<u64>> {
    let values = text.lines().map(|line| {
        let value = line.rsplit(' ').next().unwrap_or_default();
        u64::from_str_radix(value, 16).with_context(|| format!("`{line}` has no value"))
    });
    values.collect()
}
