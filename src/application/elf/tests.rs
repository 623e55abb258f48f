use super::{ET_DYN, Elf, Layout, MAGIC, OWN_MACHINES, loader_hint, read};
use proptest::prelude::*;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The parts of an ELF file that are read here.
struct Image {
    layout: Layout,
    kind: u64,
    machine: u64,
    loader: &'static [u8],
    entries: u64,
}

impl Image {
    /// A dynamic program for this machine.
    fn own() -> Self {
        let layout = Layout { is_64: true, is_little: true };
        let machine = OWN_MACHINES.first().copied().unwrap_or_default();
        Self { layout, kind: ET_DYN, machine, loader: b"/lib/ld-test.so\0", entries: 1 }
    }

    fn bytes(&self) -> Vec<u8> {
        let Layout { is_64, is_little } = self.layout;
        let (header, entry, word) = if is_64 { (64, 56, 8) } else { (52, 32, 4) };
        let mut bytes = vec![0; header + entry];
        let mut put = |at: usize, size: usize, value: u64| {
            for index in 0..size {
                bytes[at + index] = value.to_le_bytes()[if is_little { index } else { size - 1 - index }];
            }
        };
        put(16, 2, self.kind);
        put(18, 2, self.machine);
        put(if is_64 { 32 } else { 28 }, word, header as u64);
        put(if is_64 { 54 } else { 42 }, 2, entry as u64);
        put(if is_64 { 56 } else { 44 }, 2, self.entries);
        put(header, 4, 3);
        put(header + if is_64 { 8 } else { 4 }, word, (header + entry) as u64);
        put(header + if is_64 { 32 } else { 16 }, word, self.loader.len() as u64);
        bytes[..4].copy_from_slice(MAGIC);
        bytes[4] = if is_64 { 2 } else { 1 };
        bytes[5] = if is_little { 1 } else { 2 };
        bytes.extend_from_slice(self.loader);
        bytes
    }

    fn read(&self) -> Elf {
        read_bytes(&self.bytes())
    }
}

fn read_bytes(bytes: &[u8]) -> Elf {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    read(&bytes[..bytes.len().min(256)], &file)
}

#[test]
fn the_loader_is_read_from_either_class_and_byte_order() {
    for (is_64, is_little) in [(true, true), (true, false), (false, true), (false, false)] {
        let image = Image { layout: Layout { is_64, is_little }, ..Image::own() };
        assert_eq!(image.read(), Elf::Program { loader: Some(PathBuf::from("/lib/ld-test.so")) });
    }
}

#[test]
fn a_program_without_a_loader_is_static() {
    let mut bytes = Image::own().bytes();
    bytes[64] = 1;
    assert_eq!(read_bytes(&bytes), Elf::Program { loader: None });
}

#[test]
fn this_very_program_can_be_started() {
    let path = std::env::current_exe().unwrap();
    let head = std::fs::read(&path).unwrap()[..256].to_vec();
    let Elf::Program { loader } = read(&head, &File::open(path).unwrap()) else { panic!("no program") };
    assert!(loader.is_none_or(|loader| loader.exists()));
}

#[test]
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn another_machines_program_is_told_apart() {
    let riscv = Image { machine: 243, ..Image::own() };
    assert_eq!(riscv.read(), Elf::WrongMachine("riscv64".to_owned()));
    let unheard_of = Image { machine: 9999, ..Image::own() };
    assert_eq!(unheard_of.read(), Elf::WrongMachine("another machine (ELF number 9999)".to_owned()));
}

#[test]
fn what_the_kernel_would_not_start_is_no_program() {
    let is_no_program = |image: Image| matches!(image.read(), Elf::NoProgram(_));
    assert!(is_no_program(Image { kind: 1, ..Image::own() }), "an object file");
    assert!(is_no_program(Image { entries: 0, ..Image::own() }), "no program headers");
    assert!(is_no_program(Image { entries: 1000, ..Image::own() }), "headers beyond the end");
    assert!(is_no_program(Image { entries: 65535, ..Image::own() }), "too many headers");
    assert!(is_no_program(Image { loader: b"/lib/ld.so", ..Image::own() }), "a loader without its NUL");
    assert!(is_no_program(Image { loader: b"\0", ..Image::own() }), "a loader without a name");
    for cut in [5, 17, 63, 100, 125] {
        assert!(matches!(read_bytes(&Image::own().bytes()[..cut]), Elf::NoProgram(_)), "cut at {cut}");
    }
}

#[test]
fn the_hint_knows_both_c_libraries() {
    assert!(loader_hint(Path::new("/lib64/ld-linux-x86-64.so.2")).contains("built for glibc"));
    assert!(loader_hint(Path::new("/lib/ld-musl-aarch64.so.1")).contains("built for musl"));
    assert!(loader_hint(Path::new("/system/bin/linker64")).contains("statically"));
}

/// Whatever the content, the answer is one `execve` could act on.
fn is_sane(elf: &Elf) -> bool {
    !matches!(elf, Elf::Program { loader: Some(loader) } if loader.as_os_str().len() >= super::LONGEST_PATH)
}

proptest! {
    #[test]
    fn no_content_makes_the_reader_panic(mut bytes in proptest::collection::vec(any::<u8>(), 4..400)) {
        bytes[..4].copy_from_slice(MAGIC);
        prop_assert!(is_sane(&read_bytes(&bytes)));
    }

    #[test]
    fn no_damage_to_a_program_makes_the_reader_panic(at in 4_usize..120, damage in any::<[u8; 8]>()) {
        let mut bytes = Image::own().bytes();
        let end = (at + 8).min(bytes.len());
        bytes[at..end].copy_from_slice(&damage[..end - at]);
        prop_assert!(is_sane(&read_bytes(&bytes)));
    }
}
