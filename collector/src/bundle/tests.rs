//! A period that is over gives the same bytes for good, with the evidence files that its records name.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use plumbline_config::wire::FIRST_PREVIOUS;

use super::*;
use crate::checklist::Period;
use crate::home::Home;
use crate::ledger::audit::{Fault, FaultKind, Signatures};
use crate::ledger::keeper::Keeper;
use crate::ledger::tree::Hash;
use crate::pki::Signer;
use crate::records::day::{self, DayEnd};
use crate::store::suite::{at, is_kept, keep, report, with_host};
use crate::store::{Family, NewRecord, SqliteStore, Store};

const EVIDENCE: &[u8] = b"the minutes of a drill";

const HOUR: SignedDuration = SignedDuration::from_hours(1);

struct Lab {
    dir: tempfile::TempDir,
    home: Home,
    store: Arc<dyn Store>,
}

impl Lab {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path().join("data"));
        home.create().unwrap();
        Signer::create(&home).unwrap();
        let store = Arc::new(SqliteStore::open(&home.database()).unwrap());
        Self { dir, home, store }
    }

    fn sign(&self, now: Timestamp) {
        let signer = Signer::load(&self.home).unwrap();
        let keeper = Keeper::new(Arc::clone(&self.store), signer, "origin".to_owned());
        assert!(keeper.sign_if_grown(now).unwrap());
    }

    fn incident(&self, subject: &str, sha256: &str, at: Timestamp) {
        let file =
            serde_json::json!({"name": "a.txt", "media_type": "text/plain", "size": 22, "sha256": sha256});
        let record = NewRecord {
            family: Family::Incident,
            subject: subject.to_owned(),
            version: 1,
            verb: "report",
            body: serde_json::json!({ "step": "contain", "text": "x", "files": [file] }).to_string(),
            at,
            who: "user:alice".to_owned(),
        };
        assert!(self.store.add_record(&record).unwrap());
    }

    fn export(&self, name: &str, period: &Period, now: Timestamp) -> (Vec<u8>, Exported) {
        let path = self.dir.path().join(name);
        let made = Export {
            store: self.store.as_ref(),
            period,
            origin: "origin",
            signer: &Signer::load(&self.home).unwrap(),
            stale_after: plumbline_config::interval::Interval::days(1),
            now,
        };
        let mut vault = |sha256: &str| {
            let kept = sha256 == Hash::of(EVIDENCE).hex();
            Ok::<_, io::Error>(kept.then(|| Box::new(EVIDENCE) as Box<dyn Read>))
        };
        let (exported, manifest) = export(&made, &path, &mut vault, &mut |_, _| {}).unwrap();
        assert_eq!(manifest.without_report, None);
        (fs::read(&path).unwrap(), exported)
    }

    fn faults(&self, name: &str) -> Vec<Fault> {
        let container = Container::open(&self.dir.path().join(name)).unwrap();
        let key = Signer::load(&self.home).unwrap().verifier_key("origin").unwrap();
        let found = verify(&container, Some(&key), &[], Signatures::OfLast, 0, &mut |_| {})
            .findings
            .faults;
        // The reports of this store are signed by nobody.
        found
            .into_iter()
            .filter(|fault| fault.kind != FaultKind::Signature)
            .collect()
    }
}

fn day_end(day: Date) -> DayEnd {
    DayEnd {
        day,
        plan: None,
        numbers: Default::default(),
        lines: Default::default(),
    }
}

#[test]
fn a_period_that_is_over_gives_the_same_bytes_for_good() {
    let lab = Lab::new();
    let zone = crate::report::zone(lab.store.as_ref()).unwrap();
    let today = at(0).to_zoned(zone.clone()).date();
    let period = Period {
        first: today,
        last: today,
    };
    let (begins, ends) = (period.start(&zone), period.end(&zone));
    // One file is kept, of the other the record alone tells; both count, the first from before the period.
    lab.incident("i-1", &Hash::of(EVIDENCE).hex(), begins - HOUR);
    lab.sign(begins - HOUR);
    let host = with_host(lab.store.as_ref());
    let incoming = report(&host, 1, FIRST_PREVIOUS, 1, None);
    assert!(is_kept(&keep(lab.store.as_ref(), &incoming)));
    lab.incident("i-2", &Hash::of(b"gone").hex(), begins + HOUR);
    assert!(day::keep(lab.store.as_ref(), &day_end(today), ends).unwrap());
    lab.sign(ends);

    let (first, exported) = lab.export("first.zip", &period, ends + HOUR);
    assert_eq!((exported.reports, exported.earlier, exported.files), (1, 1, 1));
    assert_eq!(lab.faults("first.zip"), []);
    let next = report(&host, 2, &incoming.body.sha256, 24 * 60, None);
    assert!(is_kept(&keep(lab.store.as_ref(), &next)));
    lab.incident("i-3", &Hash::of(b"later").hex(), ends + HOUR);
    lab.sign(ends + HOUR);
    let (second, _) = lab.export("second.zip", &period, ends + HOUR * 1_000);
    assert!(first == second, "it is another file");
    assert_eq!(mode(&lab.dir.path().join("first.zip")), 0o600);
    assert!(!lab.dir.path().join("first.zip.new").exists());

    // What comes next begins where it ended.
    let next = Period {
        first: today.tomorrow().unwrap(),
        last: today.tomorrow().unwrap(),
    };
    assert!(day::keep(lab.store.as_ref(), &day_end(next.last), next.end(&zone)).unwrap());
    lab.sign(next.end(&zone));
    let (_, exported) = lab.export("next.zip", &next, next.end(&zone) + HOUR);
    assert_eq!(
        (exported.reports, exported.earlier),
        (1, 2),
        "without what stood on the day before"
    );
    assert_eq!(lab.faults("next.zip"), []);
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

mod hostile {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// Whatever stands in a file: it is refused, or looked at, and that ends.
        #[test]
        fn no_file_upsets_the_reader(
            edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
            cut in any::<prop::sample::Index>(),
            is_cut: bool,
        ) {
            use std::sync::LazyLock;
            static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
                let lab = Lab::new();
                lab.incident("i-1", &Hash::of(EVIDENCE).hex(), at(0));
                lab.sign(at(1));
                let zone = crate::report::zone(lab.store.as_ref()).unwrap();
                let period = Period::current(at(1), &zone);
                lab.export("whole.zip", &period, at(2)).0
            });
            let mut bytes = WHOLE.clone();
            for (at, byte) in edits {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if is_cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            let file = tempfile::NamedTempFile::new().unwrap();
            fs::write(file.path(), &bytes).unwrap();
            if let Ok(container) = Container::open(file.path()) {
                let verified = verify(&container, None, &[], Signatures::OfLast, 0, &mut |_| {});
                let stands = verified.findings.faults_total == 0;
                prop_assert!(!stands || verified.bundle.is_some());
            }
        }
    }
}
