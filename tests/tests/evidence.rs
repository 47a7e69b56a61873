//! Evidence on a real S3 server with object lock, over a way that breaks; and on a disk that fills up.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

use std::path::Path;
use std::process::{Command, Output};

use jiff::{Timestamp, ToSpan};
use plumbline_collector::evidence::{Declared, Evidence, EvidenceError, EvidenceFile, Kept};
use plumbline_config::interval::{Interval, Unit};
use plumbline_config::settings::CollectorSettings;
use plumbline_tests::lab::free_port;
use plumbline_tests::namespace;
use plumbline_tests::programs::program;
use plumbline_tests::s3::S3;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const MIB: usize = 1024 * 1024;
const FIVE_YEARS: Interval = Interval::new(5, Unit::Year);

/// Evidence in a bucket that locks.
struct Scene {
    runtime: Runtime,
    evidence: Evidence,
    s3: S3,
    dir: TempDir,
}

impl Scene {
    fn set() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let s3 = S3::start(dir.path())?;
        s3.make_bucket("locked", true);
        let evidence = Evidence::open(&settings(dir.path(), &s3.settings("locked", "compliance"))).unwrap();
        let runtime = Runtime::new().unwrap();
        Some(Self {
            runtime,
            evidence,
            s3,
            dir,
        })
    }

    fn take(&self, bytes: &[u8]) -> Result<EvidenceFile, EvidenceError> {
        let declared = Declared {
            name: "會議紀錄.txt",
            media_type: "application/octet-stream",
            retention: FIVE_YEARS,
        };
        self.runtime.block_on(self.evidence.take(bytes, &declared))
    }

    fn read(&self, kept: Kept) -> Result<Vec<u8>, EvidenceError> {
        self.runtime.block_on(async {
            let mut bytes = Vec::new();
            let mut reading = self.evidence.read(kept).await?;
            while let Some(chunk) = reading.chunk().await? {
                bytes.extend_from_slice(&chunk);
            }
            Ok(bytes)
        })
    }

    fn damage(&self, how: &str, file: &EvidenceFile) {
        self.s3
            .damage(how, "locked", &format!("evidence/{}", file.sha256));
    }

    /// Files that wait to be sent.
    fn waiting(&self) -> usize {
        self.dir
            .path()
            .join("data/evidence/incoming")
            .read_dir()
            .unwrap()
            .count()
    }
}

fn settings(directory: &Path, more: &str) -> CollectorSettings {
    let file = directory.join("collector.toml");
    let data = directory.join("data");
    let text = format!(
        "data_dir = \"{}\"\nagent_listen = \"127.0.0.1:{}\"\nweb_listen = \"127.0.0.1:{}\"\n{more}",
        data.display(),
        free_port(),
        free_port(),
    );
    std::fs::write(&file, text).unwrap();
    CollectorSettings::load(&file).unwrap()
}

/// Bytes that are no format of anything.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(count).collect()
}

#[test]
fn a_file_is_kept_locked_and_reads_back() {
    let Some(scene) = Scene::set() else { return };
    let bytes = noise(300_000);
    let file = scene.take(&bytes).unwrap();
    let asked = scene.s3.asked();
    assert!(
        asked.iter().any(|asked| asked.ends_with(" 300000"))
            && !asked.iter().any(|asked| asked.contains("retention")),
        "it is locked as it comes, not afterwards: {asked:?}"
    );
    assert_eq!((file.size, file.name.as_str()), (300_000, "會議紀錄.txt"));
    assert_eq!(scene.read(file.kept()).unwrap(), bytes);
    assert_eq!(scene.waiting(), 0);

    let until = scene
        .runtime
        .block_on(scene.evidence.locked_until(file.sha256, FIVE_YEARS));
    let least = Timestamp::now().checked_add((5 * 365 * 24).hours()).unwrap();
    assert!(until.unwrap() > least);
    // By this program's own clock the time is over; the server knows better.
    let later = Timestamp::now().checked_add((9 * 366 * 24).hours()).unwrap();
    let refused = scene
        .runtime
        .block_on(scene.evidence.delete(file.sha256, FIVE_YEARS, Timestamp::now()));
    assert!(
        matches!(refused, Err(EvidenceError::Locked { .. })),
        "{refused:?}"
    );
    let refused = scene
        .runtime
        .block_on(scene.evidence.delete(file.sha256, FIVE_YEARS, later));
    assert!(
        matches!(&refused, Err(EvidenceError::Refused { status: 403, .. })),
        "{refused:?}"
    );
    assert_eq!(scene.read(file.kept()).unwrap(), bytes);

    scene.s3.asked();
    assert_eq!(scene.take(&bytes).unwrap(), file);
    let again = scene.s3.asked();
    assert!(
        !again.iter().any(|asked| asked.ends_with(" 300000")),
        "sent once: {again:?}"
    );
}

#[test]
fn a_large_file_goes_in_parts_and_a_part_that_breaks_goes_alone() {
    let Some(scene) = Scene::set() else { return };
    let bytes = noise(40 * MIB + 5);
    scene.s3.asked();
    scene.s3.gate().cut_after(20 * MIB as u64);
    let file = scene.take(&bytes).unwrap();
    assert!(scene.s3.gate().has_cut());
    let parts: Vec<String> = scene.s3.asked();
    let sizes = |size: usize| {
        parts
            .iter()
            .filter(|asked| asked.ends_with(&format!("partNumber,uploadId {size}")))
            .count()
    };
    assert_eq!((sizes(16 * MIB), sizes(8 * MIB + 5)), (2, 1), "{parts:?}");
    assert!(
        scene.read(file.kept()).unwrap() == bytes,
        "the same bytes come back"
    );
    let verified = scene
        .runtime
        .block_on(scene.evidence.verify([file.kept()], |_| {}))
        .unwrap();
    assert!(verified.is_sound(), "it is locked, too: {verified:?}");
}

#[test]
fn a_server_that_stumbles_is_asked_again_and_one_that_lost_its_answer_is_believed_once() {
    let Some(scene) = Scene::set() else { return };
    scene.s3.fail("PUT", 2);
    scene.s3.fail("HEAD", 1);
    let file = scene.take(b"minutes of the 3rd").unwrap();
    scene.s3.fail("GET", 3);
    assert_eq!(scene.read(file.kept()).unwrap(), b"minutes of the 3rd");

    scene.s3.lose("PUT", 1);
    let lost = scene.take(b"minutes of the 4th").unwrap();
    assert_eq!(scene.read(lost.kept()).unwrap(), b"minutes of the 4th");
    scene.s3.lose("POST", 2);
    let large = noise(33 * MIB);
    let lost = scene.take(&large).unwrap();
    assert!(
        scene.read(lost.kept()).unwrap() == large,
        "the same bytes come back"
    );
    let all = [file.kept(), lost.kept()];
    assert!(
        scene
            .runtime
            .block_on(scene.evidence.verify(all, |_| {}))
            .unwrap()
            .is_sound()
    );
}

#[test]
fn a_server_that_is_away_is_said_so_and_nothing_is_lost() {
    let Some(scene) = Scene::set() else { return };
    let file = scene.take(b"minutes").unwrap();
    scene.s3.gate().shut();
    let refused = scene.take(b"more minutes").unwrap_err();
    let said = refused.to_string();
    assert!(matches!(refused, EvidenceError::Away { .. }), "{said}");
    assert!(
        said.contains("nothing was lost, try again when the server is back"),
        "{said}"
    );
    assert!(
        !said.contains("Signature") && !said.contains(scene.s3.secret()),
        "{said}"
    );
    assert_eq!(scene.waiting(), 0);
    assert!(
        matches!(scene.read(file.kept()), Err(EvidenceError::Away { .. })),
        "away is not missing"
    );
    let verified = scene
        .runtime
        .block_on(scene.evidence.verify([file.kept()], |_| {}));
    assert!(
        matches!(verified, Err(EvidenceError::Away { .. })),
        "{verified:?}"
    );
    scene.s3.gate().open();
    assert_eq!(scene.read(file.kept()).unwrap(), b"minutes");
    scene.take(b"more minutes").unwrap();
}

#[test]
fn what_happens_to_an_object_is_seen() {
    let Some(scene) = Scene::set() else { return };
    let whats = ["alter", "cut", "unlock", "replace", "nothing"];
    let files = whats.map(|what| scene.take(what.as_bytes()).unwrap());
    let stray = scene.take(b"nobody speaks of this").unwrap();
    for (what, file) in whats.iter().zip(&files).take(4) {
        scene.damage(what, file);
    }
    assert!(
        matches!(scene.read(files[0].kept()), Err(EvidenceError::Altered(digest)) if digest == files[0].sha256)
    );
    let missing = Kept {
        sha256: "ab".repeat(32).parse().unwrap(),
        size: 1,
    };
    assert!(matches!(scene.read(missing), Err(EvidenceError::Missing(_))));
    let expected = files.iter().map(EvidenceFile::kept).chain([missing]);
    let found = scene
        .runtime
        .block_on(scene.evidence.verify(expected, |_| {}))
        .unwrap();
    assert_eq!(found.intact, 1);
    assert_eq!(found.unexpected, [stray.kept()]);
    let faults: Vec<String> = found.faults.iter().map(ToString::to_string).collect();
    for (fault, what) in faults.iter().zip([
        "altered",
        "truncated",
        "not locked in locked",
        "has grown",
        "missing",
    ]) {
        assert!(fault.contains(what), "{what}: {fault}");
    }
    assert_eq!(faults.len(), 5);
    // What was damaged can't be covered up by sending it again, and is not taken for kept.
    assert!(matches!(scene.take(b"alter"), Err(EvidenceError::Altered(_))));
}

#[test]
fn a_collector_does_not_start_over_a_bucket_that_can_not_lock() {
    let dir = tempfile::tempdir().unwrap();
    let Some(s3) = S3::start(dir.path()) else { return };
    s3.make_bucket("open", false);
    s3.make_bucket("locked", true);
    let collector = |arguments: &[&str]| -> Output {
        Command::new("timeout")
            .arg("60")
            .arg(program("plumbline-collector"))
            .args(arguments)
            .arg("--config")
            .arg(dir.path().join("collector.toml"))
            .output()
            .unwrap()
    };
    settings(dir.path(), &s3.settings("open", "compliance"));
    assert!(collector(&["init"]).status.success());
    let refused = |with: &str| {
        settings(dir.path(), with);
        let output = collector(&["serve"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(
            !said.contains(s3.secret()) && !said.contains("Signature="),
            "{said}"
        );
        said
    };
    let said = refused(&s3.settings("open", "compliance"));
    assert!(said.contains("the bucket open has no object lock"), "{said}");
    let said = refused(&s3.settings("nowhere", "governance"));
    assert!(
        said.contains("nowhere") && said.contains("NoSuchBucket"),
        "{said}"
    );
    let secret = dir.path().join("s3.secret");
    std::fs::write(&secret, "another secret").unwrap();
    let said = refused(&s3.settings("locked", "compliance"));
    assert!(said.contains("SignatureDoesNotMatch (403)"), "{said}");
}

#[test]
fn a_collector_starts_without_the_server_and_checks_the_lock_before_the_first_file() {
    let Some(scene) = Scene::set() else { return };
    scene.s3.make_bucket("open", false);
    let more = scene.s3.settings("open", "compliance");
    let evidence = Evidence::open(&settings(scene.dir.path(), &more)).unwrap();
    scene.s3.gate().shut();
    let away = scene.runtime.block_on(evidence.ready());
    assert!(matches!(away, Err(EvidenceError::Away { .. })), "{away:?}");
    scene.s3.gate().open();
    let declared = Declared {
        name: "x",
        media_type: "",
        retention: FIVE_YEARS,
    };
    let refused = scene.runtime.block_on(evidence.take(&b"minutes"[..], &declared));
    assert!(
        matches!(refused, Err(EvidenceError::NoObjectLock { .. })),
        "{refused:?}"
    );
    assert!(
        !scene
            .s3
            .asked()
            .iter()
            .any(|asked| asked.starts_with("PUT /open"))
    );
}

#[test]
fn a_file_never_takes_the_last_room_on_the_disk() {
    const NAME: &str = "a_file_never_takes_the_last_room_on_the_disk";
    if !namespace::entered(NAME) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let volume = dir.path().join("volume");
    std::fs::create_dir(&volume).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=80m", "tmpfs"])
        .arg(&volume)
        .status()
        .expect("mount can be run");
    assert!(mounted.success());
    let more = format!("[evidence]\nfolder = \"{}\"\n", volume.join("evidence").display());
    let evidence = Evidence::open(&settings(dir.path(), &more)).unwrap();
    let runtime = Runtime::new().unwrap();
    let take = |size| {
        let declared = Declared {
            name: "x",
            media_type: "",
            retention: FIVE_YEARS,
        };
        runtime.block_on(evidence.take(&noise(size)[..], &declared))
    };
    let kept = take(8 * MIB).unwrap();
    let refused = take(30 * MIB).unwrap_err();
    assert!(matches!(refused, EvidenceError::Full { .. }), "{refused}");
    assert!(
        refused.to_string().contains("the disk is full; free some space"),
        "{refused}"
    );
    assert_eq!(volume.join("evidence/incoming").read_dir().unwrap().count(), 0);
    take(MIB).unwrap();
    let verified = runtime.block_on(evidence.verify([kept.kept()], |_| {})).unwrap();
    assert!(verified.is_sound());
}

#[test]
fn without_a_lock_a_file_is_deleted_with_all_its_versions_when_its_time_is_over() {
    let Some(scene) = Scene::set() else { return };
    let more = scene.s3.settings("locked", "none");
    let evidence = Evidence::open(&settings(scene.dir.path(), &more)).unwrap();
    let declared = Declared {
        name: "x",
        media_type: "",
        retention: FIVE_YEARS,
    };
    let later = Timestamp::now().checked_add((6 * 366 * 24).hours()).unwrap();
    scene.runtime.block_on(async {
        let file = evidence.take(&b"minutes"[..], &declared).await.unwrap();
        let other = evidence.take(&b"others"[..], &declared).await.unwrap();
        scene
            .s3
            .damage("replace", "locked", &format!("evidence/{}", file.sha256));
        let early = evidence.delete(file.sha256, FIVE_YEARS, Timestamp::now()).await;
        assert!(matches!(early, Err(EvidenceError::Locked { .. })), "{early:?}");
        evidence.delete(file.sha256, FIVE_YEARS, later).await.unwrap();
        assert!(!evidence.holds(file.sha256).await.unwrap());
        assert!(evidence.holds(other.sha256).await.unwrap());
    });
    let asked = scene.s3.asked();
    let deleted = asked.iter().filter(|asked| asked.starts_with("DELETE ")).count();
    assert_eq!(deleted, 2, "both versions: {asked:?}");
}
