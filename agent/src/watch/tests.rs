use std::fs;
use std::time::Duration;

use super::*;

/// Waits until a change touches `check`. The limit only keeps a failing test from hanging.
async fn touched(watch: &mut Watch, check: &str) -> bool {
    let wait = async {
        loop {
            let changes = watch.next().await;
            assert_eq!(changes.trouble, None);
            if changes.all || changes.checks.contains(check) {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.is_ok()
}

/// Lets events of what was done so far come in, and drops them.
async fn settle(watch: &mut Watch) {
    while tokio::time::timeout(Duration::from_millis(200), watch.next())
        .await
        .is_ok()
    {}
}

fn on(path: &'static str, check: &'static str) -> Watched {
    Watched {
        path,
        checks: BTreeSet::from([check]),
    }
}

fn watch(root: &Path, watched: &[Watched]) -> Watch {
    let mut watch = Watch::new(root, watched);
    assert_eq!(watch.inspect(), Changes::default());
    watch
}

#[tokio::test]
async fn a_write_touches_the_checks_that_read_the_file_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("etc")).unwrap();
    let mut watch = watch(dir.path(), &[on("/etc/one", "one"), on("/etc/two", "two")]);
    fs::write(dir.path().join("etc/other"), "x").unwrap();
    fs::write(dir.path().join("etc/two"), "x").unwrap();
    let changes = watch.next().await;
    assert_eq!(changes.checks, BTreeSet::from(["two"]));
}

#[tokio::test]
async fn replacing_by_rename_and_rotating_are_seen_again_and_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::write(path("auth.log"), "1").unwrap();
    let mut watch = watch(dir.path(), &[on("/auth.log", "logins")]);
    for round in 0..3 {
        fs::write(path("auth.log.new"), format!("{round}")).unwrap();
        fs::rename(path("auth.log.new"), path("auth.log")).unwrap();
        assert!(touched(&mut watch, "logins").await, "replaced, round {round}");
        settle(&mut watch).await;

        fs::rename(path("auth.log"), path("auth.log.1")).unwrap();
        assert!(touched(&mut watch, "logins").await, "rotated away, round {round}");
        fs::write(path("auth.log"), "new").unwrap();
        assert!(touched(&mut watch, "logins").await, "made anew, round {round}");
        settle(&mut watch).await;
    }
}

#[tokio::test]
async fn entries_of_a_watched_directory_count() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("lists")).unwrap();
    let mut watch = watch(dir.path(), &[on("/lists", "packages")]);
    fs::write(dir.path().join("lists/InRelease"), "x").unwrap();
    assert!(touched(&mut watch, "packages").await);
}

#[tokio::test]
async fn a_directory_that_comes_later_and_one_that_is_replaced_are_watched_anew() {
    let dir = tempfile::tempdir().unwrap();
    let clamav = dir.path().join("var/lib/clamav");
    let mut watch = watch(dir.path(), &[on("/var/lib/clamav/daily.cld", "antivirus")]);
    fs::create_dir_all(&clamav).unwrap();
    assert!(
        touched(&mut watch, "antivirus").await,
        "its directories were made"
    );
    settle(&mut watch).await;
    fs::write(clamav.join("daily.cld"), "x").unwrap();
    assert!(touched(&mut watch, "antivirus").await, "the file was made");
    settle(&mut watch).await;

    fs::rename(&clamav, dir.path().join("var/lib/old")).unwrap();
    assert!(touched(&mut watch, "antivirus").await, "its directory went");
    fs::create_dir(&clamav).unwrap();
    assert!(touched(&mut watch, "antivirus").await, "another took its place");
    settle(&mut watch).await;
    fs::write(clamav.join("daily.cld"), "y").unwrap();
    assert!(touched(&mut watch, "antivirus").await, "and is watched");

    fs::remove_dir_all(&clamav).unwrap();
    assert!(touched(&mut watch, "antivirus").await);
    settle(&mut watch).await;
    fs::create_dir(&clamav).unwrap();
    assert!(touched(&mut watch, "antivirus").await, "after removal too");
}

#[tokio::test]
async fn files_of_each_directory_count_and_those_of_one_made_later_and_a_journal_s_writes() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    let journal = root.join("log/journal");
    fs::create_dir_all(journal.join("one")).unwrap();
    fs::write(journal.join("one/system.journal"), vec![0; 4096]).unwrap();
    let mut watch = watch(&root, &[on("/log/journal/*", "logins")]);
    // journald writes through memory and then sets the file to the size that it has.
    let file = fs::File::options()
        .write(true)
        .open(journal.join("one/system.journal"))
        .unwrap();
    file.set_len(4096).unwrap();
    assert!(touched(&mut watch, "logins").await, "written through memory");
    assert!(watch.sees("/log/journal/one/system.journal"));
    assert!(!watch.sees("/log/other/system.journal"));
    settle(&mut watch).await;
    fs::create_dir(journal.join("two")).unwrap();
    assert!(touched(&mut watch, "logins").await, "another machine's");
    settle(&mut watch).await;
    fs::write(journal.join("two/system.journal"), "x").unwrap();
    assert!(touched(&mut watch, "logins").await);
}

#[tokio::test]
async fn a_file_behind_a_link_is_seen_to_change() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    fs::create_dir_all(root.join("real")).unwrap();
    fs::write(root.join("real/file"), "1").unwrap();
    std::os::unix::fs::symlink(root.join("real/file"), root.join("link")).unwrap();
    let mut watch = watch(&root, &[on("/link", "linked")]);
    fs::write(root.join("real/file"), "2").unwrap();
    assert!(touched(&mut watch, "linked").await);
}

#[tokio::test]
async fn a_look_finds_what_no_event_told() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("a/b")).unwrap();
    let mut watch = watch(dir.path(), &[on("/a/b/file", "deep")]);
    // Only a/b is watched: the renaming of a above it gives no event there.
    fs::rename(dir.path().join("a"), dir.path().join("z")).unwrap();
    fs::create_dir_all(dir.path().join("a/b")).unwrap();
    settle(&mut watch).await;
    assert_eq!(watch.inspect().checks, BTreeSet::from(["deep"]));
    fs::write(dir.path().join("a/b/file"), "x").unwrap();
    assert!(touched(&mut watch, "deep").await);
}

#[tokio::test]
async fn broken_watching_is_started_again_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut watch = watch(dir.path(), &[on("/file", "one")]);
    let (_, never) = mpsc::channel(1);
    // As if the thread had died and with it the sender.
    watch.machinery.as_mut().unwrap().events = never;
    let changes = watch.next().await;
    assert!(changes.all);
    assert!(changes.trouble.unwrap().contains("started again"));
    assert_eq!((watch.restarts(), watch.directories()), (1, 1));
    fs::write(dir.path().join("file"), "x").unwrap();
    assert!(touched(&mut watch, "one").await);
}

#[tokio::test]
async fn more_events_than_can_wait_count_as_everything_changed() {
    let dir = tempfile::tempdir().unwrap();
    let mut watch = watch(dir.path(), &[on("/file", "one")]);
    for n in 0..3 * MOST_EVENTS {
        fs::write(dir.path().join(format!("other-{n}")), "x").unwrap();
    }
    let told = async { while !watch.next().await.all {} };
    assert!(tokio::time::timeout(Duration::from_secs(20), told).await.is_ok());
}
