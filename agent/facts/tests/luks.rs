//! LUKS headers against cryptsetup, which writes them.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "cryptsetup makes the headers, and a test may fail where it stands"
)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use plumbline_facts::Host;
use plumbline_facts::volumes::{LuksHeader, read_header};

/// Size of the file that is formatted, in bytes: room for the largest header.
const SIZE: u64 = 24 << 20;

/// Runs cryptsetup on `file`, with a passphrase on standard input; `None` where there is no cryptsetup.
fn cryptsetup(arguments: &[&str], file: &Path, input: &str) -> Option<bool> {
    let mut child = Command::new("cryptsetup")
        .args(arguments)
        .arg(file)
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Some(child.wait().unwrap().success())
}

fn formatted(file: &Path, arguments: &[&str]) -> Option<LuksHeader> {
    std::fs::File::create(file).unwrap().set_len(SIZE).unwrap();
    let mut all = vec!["luksFormat", "--batch-mode", "--key-file", "-"];
    all.extend(arguments);
    assert!(cryptsetup(&all, file, "passphrase")?, "{arguments:?}");
    Some(read_header(&Host::live().unwrap(), file).unwrap())
}

#[test]
fn what_cryptsetup_formats_is_read_as_it_was_asked_for() {
    const PBKDF2: [&str; 2] = ["--pbkdf-force-iterations", "1000"];
    const ARGON2ID: [&str; 8] = [
        "--pbkdf",
        "argon2id",
        "--pbkdf-memory",
        "32",
        "--pbkdf-parallel",
        "1",
        "--pbkdf-force-iterations",
        "4",
    ];
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("volume");
    for (version, cipher, bits, strength, derivation) in [
        ("luks1", "aes-xts-plain64", 512, 256, "pbkdf2"),
        ("luks1", "aes-xts-plain64", 256, 128, "pbkdf2"),
        ("luks1", "aes-cbc-essiv:sha256", 256, 256, "pbkdf2"),
        ("luks2", "aes-xts-plain64", 512, 256, "argon2id"),
        ("luks2", "aes-xts-plain64", 256, 128, "pbkdf2"),
        ("luks2", "aes-cbc-essiv:sha256", 128, 128, "argon2id"),
    ] {
        let size = bits.to_string();
        let mut arguments = vec!["--type", version, "--cipher", cipher, "--key-size", &size];
        match (version, derivation) {
            ("luks2", "pbkdf2") => arguments.extend(["--pbkdf", "pbkdf2"].iter().chain(&PBKDF2)),
            (_, "pbkdf2") => arguments.extend(PBKDF2),
            _ => arguments.extend(ARGON2ID),
        }
        let Some(header) = formatted(&file, &arguments) else {
            eprintln!("SKIPPED: cryptsetup is not installed; headers were not compared with it");
            return;
        };
        let found = header.cipher.unwrap();
        assert_eq!(format!("luks{}", header.version), version);
        assert_eq!(
            (found.name.as_str(), found.key_bits, found.strength),
            (cipher, Some(bits), Some(strength))
        );
        assert_eq!(header.key_derivation.as_deref(), Some(derivation));
        assert_eq!(header.damaged_copy, None);
    }
}

#[test]
fn tokens_larger_areas_and_a_wiped_first_copy_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("volume");
    let arguments = [
        "--type",
        "luks2",
        "--luks2-metadata-size",
        "64k",
        "--pbkdf",
        "pbkdf2",
        "--pbkdf-force-iterations",
        "1000",
    ];
    if formatted(&file, &arguments).is_none() {
        eprintln!("SKIPPED: cryptsetup is not installed; headers were not compared with it");
        return;
    }
    let token = r#"{"type":"clevis","keyslots":["0"],"jwe":{}}"#;
    assert_eq!(
        cryptsetup(&["token", "import", "--json-file", "-"], &file, token),
        Some(true)
    );
    let host = Host::live().unwrap();
    let whole = read_header(&host, &file).unwrap();
    assert_eq!(whole.tokens, ["clevis"]);
    let volume = std::fs::OpenOptions::new().write(true).open(&file).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&volume, &[0; 4096], 0).unwrap();
    let second = read_header(&host, &file).unwrap();
    assert_eq!((second.tokens, second.cipher), (whole.tokens, whole.cipher));
    assert!(second.damaged_copy.is_some());
}
