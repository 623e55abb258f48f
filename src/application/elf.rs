//! As much of an ELF file as tells whether this kernel can start it, and through which dynamic loader (`elf(5)`).

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The first four bytes of every ELF file.
pub(super) const MAGIC: &[u8] = b"\x7fELF";

/// The longest loader path the kernel takes, with its NUL (`PATH_MAX`).
const LONGEST_PATH: usize = 4096;

/// The largest table of program headers the kernel takes, in bytes (`load_elf_phdrs`).
const LARGEST_TABLE: usize = 65536;

const ET_EXEC: u64 = 2;
const ET_DYN: u64 = 3;
const PT_INTERP: u64 = 3;

/// The machines this kernel can run, by their ELF numbers: its own and the 32-bit one of its family. Empty where we do
/// not know, and then everything is left to the kernel.
const OWN_MACHINES: &[u64] = if cfg!(target_arch = "x86_64") {
    &[62, 3]
} else if cfg!(target_arch = "aarch64") {
    &[183, 40]
} else {
    &[]
};

/// What an ELF file is to `execve`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Elf {
    /// A program, and the loader it asks for; `None` if it is static.
    Program { loader: Option<PathBuf> },
    /// The kernel would not start it; why.
    NoProgram(&'static str),
    /// Made for another machine; which.
    WrongMachine(String),
}

/// Reads the headers of an ELF file whose first bytes are `head`. Any content is taken; none is trusted.
pub(super) fn read(head: &[u8], file: &File) -> Elf {
    const CUT_OFF: Elf = Elf::NoProgram("it is cut off or damaged");
    let Some(header) = Header::parse(head) else { return CUT_OFF };
    if !OWN_MACHINES.is_empty() && !OWN_MACHINES.contains(&header.machine) {
        return Elf::WrongMachine(machine_name(header.machine));
    }
    if !matches!(header.kind, ET_EXEC | ET_DYN) {
        return Elf::NoProgram("it is an object file or a core dump");
    }
    match header.loader(file) {
        Some(loader) => Elf::Program { loader },
        None => CUT_OFF,
    }
}

/// What to do about a loader that is missing, which its name tells.
pub(super) fn loader_hint(loader: &Path) -> String {
    let name = loader.file_name().unwrap_or_default().as_bytes();
    if name.starts_with(b"ld-musl") {
        "it was built for musl (Alpine) and this image has none: build it in a stage of the image's own \
         distribution, or statically"
            .to_owned()
    } else if name.starts_with(b"ld-linux") || name.starts_with(b"ld64") {
        "it was built for glibc and this image has none (Alpine, scratch, distroless/static): use a Debian-based or \
         distroless/base image, or build it statically (Go: CGO_ENABLED=0; Rust: a musl target)"
            .to_owned()
    } else {
        "build it statically, or use an image that has this loader".to_owned()
    }
}

/// The fields of the file header that matter, from either class and byte order.
struct Header {
    layout: Layout,
    kind: u64,
    machine: u64,
    table_offset: u64,
    entry_size: u64,
    entries: u64,
}

#[derive(Clone, Copy)]
struct Layout {
    is_64: bool,
    is_little: bool,
}

impl Header {
    fn parse(head: &[u8]) -> Option<Self> {
        let is_64 = match head.get(4)? {
            1 => false,
            2 => true,
            _ => return None,
        };
        let is_little = match head.get(5)? {
            1 => true,
            2 => false,
            _ => return None,
        };
        let layout = Layout { is_64, is_little };
        let (table, entry_size, entries) = if is_64 { (32, 54, 56) } else { (28, 42, 44) };
        Some(Self {
            layout,
            kind: layout.number(head, 16, 2)?,
            machine: layout.number(head, 18, 2)?,
            table_offset: layout.word(head, table)?,
            entry_size: layout.number(head, entry_size, 2)?,
            entries: layout.number(head, entries, 2)?,
        })
    }

    /// The loader named by the first `PT_INTERP`; `Some(None)` without such an entry, `None` from a damaged file.
    #[expect(clippy::option_option, reason = "damaged, static and dynamic are three different answers")]
    fn loader(&self, file: &File) -> Option<Option<PathBuf>> {
        let expected_size = if self.layout.is_64 { 56 } else { 32 };
        if self.entry_size != expected_size || self.entries == 0 {
            return None;
        }
        let size = usize::try_from(self.entry_size.checked_mul(self.entries)?).ok()?;
        if size > LARGEST_TABLE {
            return None;
        }
        let table = read_at(file, self.table_offset, size)?;
        let (offset_at, size_at) = if self.layout.is_64 { (8, 32) } else { (4, 16) };
        for entry in table.chunks_exact(usize::try_from(self.entry_size).ok()?) {
            if self.layout.number(entry, 0, 4)? != PT_INTERP {
                continue;
            }
            let offset = self.layout.word(entry, offset_at)?;
            let size = usize::try_from(self.layout.word(entry, size_at)?).ok()?;
            if !(2..=LONGEST_PATH).contains(&size) {
                return None;
            }
            let path = read_at(file, offset, size)?;
            let path = path.strip_suffix(b"\0")?.split(|byte| *byte == 0).next()?;
            return Some(Some(PathBuf::from(OsStr::from_bytes(path))));
        }
        Some(None)
    }
}

impl Layout {
    /// An address or size: eight bytes in the 64-bit class, four in the other.
    fn word(self, bytes: &[u8], at: usize) -> Option<u64> {
        self.number(bytes, at, if self.is_64 { 8 } else { 4 })
    }

    fn number(self, bytes: &[u8], at: usize, size: usize) -> Option<u64> {
        let field = bytes.get(at..at.checked_add(size)?)?;
        let shift_in = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(if self.is_little {
            field.iter().rev().fold(0, shift_in)
        } else {
            field.iter().fold(0, shift_in)
        })
    }
}

fn read_at(file: &File, offset: u64, size: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; size];
    // The offset is signed in the system call; beyond that there is nothing to read.
    i64::try_from(offset).ok()?;
    file.read_exact_at(&mut bytes, offset).ok()?;
    Some(bytes)
}

/// A machine as Docker's platforms and `uname -m` name it (`EM_*` in `elf.h`).
fn machine_name(number: u64) -> String {
    match number {
        3 => "x86 (386)".to_owned(),
        8 => "mips".to_owned(),
        20 | 21 => "powerpc (ppc64le)".to_owned(),
        22 => "s390x".to_owned(),
        40 => "arm (arm/v7)".to_owned(),
        62 => "x86_64 (amd64)".to_owned(),
        183 => "aarch64 (arm64)".to_owned(),
        243 => "riscv64".to_owned(),
        258 => "loongarch64".to_owned(),
        other => format!("another machine (ELF number {other})"),
    }
}

#[cfg(test)]
mod tests;
