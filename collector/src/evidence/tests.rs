use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::SystemTime;

use axum::body::Bytes;
use futures_util::TryStreamExt;
use jiff::{SignedDuration, ToSpan};
use plumbline_config::interval::Unit;
use plumbline_config::seal::sha256_hex;
use proptest::prelude::*;
use tempfile::TempDir;
use tokio::io::ReadBuf;

use super::*;

const FIVE_YEARS: Interval = SHORTEST_RETENTION;

/// A folder of evidence that takes files of up to a mebibyte.
struct Scene {
    dir: TempDir,
    settings: CollectorSettings,
    evidence: Evidence,
}

impl Scene {
    fn set() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = CollectorSettings {
            data_dir: dir.path().to_owned(),
            ..CollectorSettings::default()
        };
        settings.evidence.largest_bytes = 1024 * 1024;
        let evidence = Evidence::open(&settings).unwrap();
        Self {
            dir,
            settings,
            evidence,
        }
    }

    async fn take(&self, bytes: &[u8]) -> EvidenceFile {
        self.evidence.take(bytes, &declared("x.bin", "")).await.unwrap()
    }

    /// Where a file lies.
    fn place(&self, file: &EvidenceFile) -> PathBuf {
        let name = file.sha256.to_string();
        self.dir.path().join("evidence").join(&name[..2]).join(name)
    }

    /// Everything below the folder of evidence that is a file.
    fn files(&self) -> Vec<PathBuf> {
        let root = self.dir.path().join("evidence");
        let folders = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
        let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap());
        files.map(|entry| entry.unwrap().path()).collect()
    }
}

fn declared<'a>(name: &'a str, media_type: &'a str) -> Declared<'a> {
    Declared {
        name,
        media_type,
        retention: FIVE_YEARS,
    }
}

/// What reading gives out, and how it ends.
async fn read(evidence: &Evidence, kept: Kept) -> (Vec<u8>, Result<(), EvidenceError>) {
    let mut given = Vec::new();
    let mut reading = match evidence.read(kept).await {
        Ok(reading) => reading,
        Err(error) => return (given, Err(error)),
    };
    loop {
        match reading.chunk().await {
            Ok(Some(chunk)) => given.extend_from_slice(&chunk),
            Ok(None) => return (given, Ok(())),
            Err(error) => return (given, Err(error)),
        }
    }
}

#[tokio::test]
async fn a_file_is_kept_under_its_hash_for_its_owner_alone_and_reads_back() {
    let scene = Scene::set();
    let bytes: Vec<u8> = (0..300_000_u32)
        .flat_map(u32::to_le_bytes)
        .take(700_000)
        .collect();
    let file = scene.take(&bytes).await;
    assert_eq!(file.sha256.to_string(), sha256_hex(&bytes));
    assert_eq!(file.size, 700_000);
    let place = scene.place(&file);
    assert_eq!(fs::read(&place).unwrap(), bytes);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode(&place), mode(place.parent().unwrap())), (0o600, 0o700));
    assert_eq!(scene.files(), [place], "nothing temporary stays");
    assert!(scene.evidence.holds(file.sha256).await.unwrap());
    let stream = scene.evidence.read(file.kept()).await.unwrap().into_stream();
    let chunks: Vec<Bytes> = stream.try_collect().await.unwrap();
    assert_eq!(chunks.concat(), bytes);
}

#[tokio::test]
async fn the_same_file_twice_is_kept_once_and_longer() {
    let scene = Scene::set();
    let first = scene
        .evidence
        .take(&b"minutes"[..], &declared("a.txt", "text/plain"))
        .await
        .unwrap();
    let place = scene.place(&first);
    let long_ago = SystemTime::now() - std::time::Duration::from_secs(6 * 366 * 86_400);
    File::open(&place).unwrap().set_modified(long_ago).unwrap();
    let second = scene
        .evidence
        .take(&b"minutes"[..], &declared("b.txt", "text/plain"))
        .await
        .unwrap();
    assert_eq!((first.sha256, second.name.as_str()), (second.sha256, "b.txt"));
    assert_eq!(scene.files(), [place]);
    let now = Timestamp::now();
    let until = scene
        .evidence
        .locked_until(first.sha256, FIVE_YEARS)
        .await
        .unwrap();
    assert!(until > now, "it is kept anew: {until}");
}

#[tokio::test]
async fn what_is_kept_twice_is_proved_before_it_counts() {
    let scene = Scene::set();
    let file = scene.take(b"minutes").await;
    fs::write(scene.place(&file), b"minuteS").unwrap();
    let again = scene.evidence.take(&b"minutes"[..], &declared("x", "")).await;
    assert!(matches!(again, Err(EvidenceError::Altered(digest)) if digest == file.sha256));
    assert_eq!(
        fs::read(scene.place(&file)).unwrap(),
        b"minuteS",
        "nothing is overwritten"
    );
}

#[tokio::test]
async fn an_empty_file_is_refused() {
    let scene = Scene::set();
    let refused = scene
        .evidence
        .take(&b""[..], &declared("x.pdf", "application/pdf"))
        .await;
    assert!(matches!(refused, Err(EvidenceError::Empty)));
    assert!(scene.files().is_empty());
}

/// Two gibibytes that nobody has; counts what is read of them.
struct Endless(u64);

impl AsyncRead for Endless {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let count = buffer.remaining();
        if self.0 < 2 << 30 {
            buffer.put_slice(&vec![b'x'; count]);
            self.0 += count as u64;
        }
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_file_beyond_the_bound_is_refused_when_it_gets_there() {
    let scene = Scene::set();
    let mut endless = Endless(0);
    let refused = scene.evidence.take(&mut endless, &declared("x", "")).await;
    assert!(matches!(
        refused,
        Err(EvidenceError::TooLarge { largest: 1_048_576 })
    ));
    assert!(endless.0 < 2 * 1024 * 1024, "read {} bytes of it", endless.0);
    assert!(scene.files().is_empty());
    let mut intake = scene.evidence.intake(&declared("x", "")).await.unwrap();
    intake.write(&vec![0; 1024 * 1024]).await.unwrap();
    assert!(intake.write(b"x").await.is_err() && intake.write(b"x").await.is_err());
    assert!(
        intake.finish().await.is_err(),
        "what was refused once is not kept"
    );
    assert!(scene.files().is_empty());
}

#[tokio::test]
async fn a_file_of_just_the_bound_is_taken_and_an_abandoned_one_leaves_nothing() {
    let scene = Scene::set();
    let mut intake = scene.evidence.intake(&declared("x", "")).await.unwrap();
    intake.write(&vec![7; 500_000]).await.unwrap();
    assert_eq!(scene.files().len(), 1);
    drop(intake);
    assert!(scene.files().is_empty());
    assert_eq!(scene.take(&vec![0; 1024 * 1024]).await.size, 1024 * 1024);
}

#[tokio::test]
async fn a_disguise_is_refused_and_a_mistake_is_told() {
    let scene = Scene::set();
    let page = scene
        .evidence
        .take(&b"<html><script>"[..], &declared("x.png", "image/png"))
        .await;
    assert!(matches!(page, Err(EvidenceError::Disguised { .. })));
    assert!(scene.files().is_empty());
    let named_wrong = declared("..\\x.jpg", "image/jpeg");
    let picture = scene
        .evidence
        .take(&b"\x89PNG\r\n\x1a\n.."[..], &named_wrong)
        .await
        .unwrap();
    assert_eq!(
        (picture.media_type.as_str(), picture.name.as_str()),
        ("image/png", "x.jpg")
    );
    assert_eq!(picture.declared_otherwise, Some(MediaType::of("image/jpeg")));
}

#[tokio::test]
async fn nothing_that_happens_to_a_file_goes_unseen() {
    let scene = Scene::set();
    let bytes = vec![b'e'; 200_000];
    let file = scene.take(&bytes).await;
    let place = scene.place(&file);
    let kept = file.kept();

    let mut open = OpenOptions::new().write(true).open(&place).unwrap();
    open.seek(SeekFrom::Start(150_000)).unwrap();
    open.write_all(b"E").unwrap();
    let (given, end) = read(&scene.evidence, kept).await;
    assert!(matches!(end, Err(EvidenceError::Altered(digest)) if digest == kept.sha256));
    assert!(
        given.len() < bytes.len(),
        "the end is held back until all is proved"
    );

    open.set_len(100).unwrap();
    let (_, end) = read(&scene.evidence, kept).await;
    let said = end.unwrap_err().to_string();
    assert!(
        said.contains("was truncated (100 bytes, 200000 when it was kept)"),
        "{said}"
    );
    fs::write(&place, vec![b'e'; 200_001]).unwrap();
    assert!(
        read(&scene.evidence, kept)
            .await
            .1
            .unwrap_err()
            .to_string()
            .contains("has grown")
    );

    fs::remove_file(&place).unwrap();
    assert!(matches!(
        read(&scene.evidence, kept).await.1,
        Err(EvidenceError::Missing(_))
    ));
    assert!(!scene.evidence.holds(kept.sha256).await.unwrap());
    let elsewhere = scene.dir.path().join("elsewhere");
    fs::write(&elsewhere, &bytes).unwrap();
    symlink(&elsewhere, &place).unwrap();
    assert!(matches!(
        read(&scene.evidence, kept).await.1,
        Err(EvidenceError::NotAFile(_))
    ));
    fs::remove_file(&place).unwrap();
    nix::unistd::mkfifo(&place, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(matches!(
        read(&scene.evidence, kept).await.1,
        Err(EvidenceError::NotAFile(_))
    ));
    fs::remove_file(&place).unwrap();
    fs::create_dir(&place).unwrap();
    assert!(matches!(
        read(&scene.evidence, kept).await.1,
        Err(EvidenceError::NotAFile(_))
    ));
}

#[tokio::test]
async fn a_file_that_shrinks_while_it_is_read_is_not_given_out_whole() {
    let scene = Scene::set();
    let file = scene.take(&vec![b'e'; 300_000]).await;
    let mut reading = scene.evidence.read(file.kept()).await.unwrap();
    reading.chunk().await.unwrap();
    File::options()
        .write(true)
        .open(scene.place(&file))
        .unwrap()
        .set_len(0)
        .unwrap();
    let end = loop {
        match reading.chunk().await {
            Ok(Some(_)) => {}
            end => break end,
        }
    };
    assert!(matches!(end, Err(EvidenceError::WrongSize { .. })));
    assert!(
        matches!(reading.chunk().await, Ok(None)),
        "nothing comes after an error"
    );
}

#[tokio::test]
async fn verifying_names_each_damage_and_what_nobody_speaks_of() {
    let scene = Scene::set();
    let mut files = Vec::new();
    for number in 0..40_u8 {
        files.push(scene.take(&[number; 50]).await.kept());
    }
    let stray = scene.take(b"nobody speaks of this").await.kept();
    let path = |kept: &Kept| {
        let name = kept.sha256.to_string();
        scene.dir.path().join("evidence").join(&name[..2]).join(name)
    };
    fs::write(path(&files[3]), [0xFF; 50]).unwrap();
    fs::write(path(&files[5]), [5; 49]).unwrap();
    fs::remove_file(path(&files[7])).unwrap();
    let mut seen = 0;
    let twice = files.iter().chain(&files).copied();
    let found = scene.evidence.verify(twice, |_| seen += 1).await.unwrap();
    assert_eq!((found.intact, found.faults.len(), seen), (37, 3, 40));
    assert!(!found.is_sound());
    assert!(matches!(found.faults[0], EvidenceError::Altered(digest) if digest == files[3].sha256));
    assert!(matches!(found.faults[1], EvidenceError::WrongSize { digest, .. } if digest == files[5].sha256));
    assert!(matches!(found.faults[2], EvidenceError::Missing(digest) if digest == files[7].sha256));
    assert_eq!(found.unexpected, [stray]);
}

#[tokio::test]
async fn a_file_is_deleted_when_its_time_is_over_and_not_before() {
    let scene = Scene::set();
    let file = scene.take(b"minutes").await;
    let now = Timestamp::now();
    let almost = now.checked_add((5 * 365 * 24 - 1).hours()).unwrap();
    let refused = scene.evidence.delete(file.sha256, FIVE_YEARS, almost).await;
    assert!(matches!(refused, Err(EvidenceError::Locked { until, .. }) if until > almost));
    // The plan may ask for longer than the settings, and for nothing shorter.
    let later = now.checked_add(((5 * 366 + 1) * 24).hours()).unwrap();
    let seven = Interval::new(7, Unit::Year);
    assert!(matches!(
        scene.evidence.delete(file.sha256, seven, later).await,
        Err(EvidenceError::Locked { .. })
    ));
    assert!(matches!(
        scene
            .evidence
            .delete(file.sha256, Interval::days(1), almost)
            .await,
        Err(EvidenceError::Locked { .. })
    ));
    assert!(scene.evidence.holds(file.sha256).await.unwrap());
    scene
        .evidence
        .delete(file.sha256, FIVE_YEARS, later)
        .await
        .unwrap();
    assert!(!scene.evidence.holds(file.sha256).await.unwrap());
    assert!(matches!(
        scene.evidence.delete(file.sha256, FIVE_YEARS, later).await,
        Err(EvidenceError::Missing(_))
    ));
}

#[tokio::test]
async fn a_start_cleans_what_a_crash_left_and_nothing_that_is_kept() {
    let scene = Scene::set();
    let file = scene.take(b"minutes").await;
    let orphan = scene.dir.path().join("evidence/incoming/00.part");
    // A crash between the two names of a file.
    fs::hard_link(scene.place(&file), &orphan).unwrap();
    let evidence = Evidence::open(&scene.settings).unwrap();
    assert!(!orphan.exists());
    assert!(read(&evidence, file.kept()).await.1.is_ok());
}

#[tokio::test]
async fn what_the_disk_refuses_is_a_clear_sentence() {
    if nix::unistd::geteuid().is_root() {
        // Nobody forbids root anything: a file in a folder's place does.
        let scene = Scene::set();
        let name = sha256_hex(b"minutes");
        fs::write(scene.dir.path().join("evidence").join(&name[..2]), "in the way").unwrap();
        let said = scene
            .evidence
            .take(&b"minutes"[..], &declared("x", ""))
            .await
            .unwrap_err()
            .to_string();
        assert!(said.starts_with("cannot make the folder "), "{said}");
        return;
    }
    let scene = Scene::set();
    fs::set_permissions(scene.dir.path().join("evidence"), Permissions::from_mode(0o500)).unwrap();
    let said = scene
        .evidence
        .take(&b"minutes"[..], &declared("x", ""))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("permission denied; the folder of evidence"),
        "{said}"
    );
}

#[test]
fn retention_is_the_longest_that_anybody_asks_for() {
    let mut scene = Scene::set();
    scene.settings.retention = Interval::new(8, Unit::Year);
    let evidence = Evidence::open(&scene.settings).unwrap();
    let start: Timestamp = "2026-02-28T00:00:00Z".parse().unwrap();
    let until = |planned| evidence.kept_until(start, planned).to_string();
    assert_eq!(until(Interval::days(1)), "2034-02-28T00:00:00Z");
    assert_eq!(until(Interval::new(10, Unit::Year)), "2036-02-28T00:00:00Z");
    assert!(evidence.kept_until(Timestamp::MAX - SignedDuration::from_secs(1), FIVE_YEARS) == Timestamp::MAX);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_bytes_in_any_pieces_come_back_and_any_change_is_seen(
        bytes in prop::collection::vec(any::<u8>(), 1..200_000),
        pieces in prop::collection::vec(1_usize..70_000, 1..8),
        at in any::<prop::sample::Index>(),
        bit in 0_u32..8,
        cut in any::<prop::sample::Index>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let scene = Scene::set();
            let mut intake = scene.evidence.intake(&declared("x", "application/x-anything")).await.unwrap();
            let mut rest = bytes.as_slice();
            for piece in pieces.iter().cycle() {
                let (now, later) = rest.split_at((*piece).min(rest.len()));
                intake.write(now).await.unwrap();
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            let file = match intake.finish().await {
                Err(EvidenceError::Disguised { .. }) => return Ok(()),
                file => file.unwrap(),
            };
            prop_assert_eq!(file.sha256.to_string(), sha256_hex(&bytes));
            let (given, end) = read(&scene.evidence, file.kept()).await;
            prop_assert!(end.is_ok());
            prop_assert_eq!(&given, &bytes);

            let mut flipped = bytes.clone();
            flipped[at.index(bytes.len())] ^= 1 << bit;
            fs::write(scene.place(&file), &flipped).unwrap();
            let (given, end) = read(&scene.evidence, file.kept()).await;
            prop_assert!(matches!(end, Err(EvidenceError::Altered(_))));
            prop_assert!(given.len() < bytes.len());

            fs::write(scene.place(&file), &bytes[..cut.index(bytes.len())]).unwrap();
            let (_, end) = read(&scene.evidence, file.kept()).await;
            let short = matches!(end, Err(EvidenceError::WrongSize { .. }));
            prop_assert!(short);
            Ok(())
        })?;
    }
}
