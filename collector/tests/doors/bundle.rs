//! An evidence bundle, and whatever single thing of it is changed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use data_encoding::BASE64;
use plumbline_collector::bundle::{Container, Manifest, Verified, verify};
use plumbline_collector::ledger::audit::{Fault, Signatures};
use plumbline_collector::ledger::note::{Note, VerifierKey};
use plumbline_collector::ledger::statement::Statement;
use plumbline_collector::ledger::tree::{Frontier, Hash};
use plumbline_config::Timestamp;
use plumbline_config::finding::Status;
use plumbline_config::seal::sha256_hex;
use plumbline_config::wire::FIRST_PREVIOUS;
use rcgen::KeyPair;
use reqwest::StatusCode;
use ring::signature::Ed25519KeyPair;
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use crate::host::{Host, body};
use crate::lab::{Lab, json_of, run};
use crate::ledger::report;
use crate::tamper::{Random, attest, named};

/// Bundles that are tampered with, one after another.
const TAMPERINGS: usize = 300;

/// Members by name.
type Members = BTreeMap<String, Vec<u8>>;

/// A company's collector that has stopped, the bundle of a quarter, and the keys.
struct Company {
    dir: TempDir,
    pair: Ed25519KeyPair,
    key: VerifierKey,
    members: Members,
}

impl Company {
    async fn new() -> Self {
        let lab = Lab::start().await;
        let plan = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/plan.example.toml");
        assert!(lab.run(&["plan", "publish", plan]).status.success());
        let hosts = [Host::enrol(&lab).await, Host::enrol(&lab).await];
        let mut last = [(0, FIRST_PREVIOUS.to_owned()), (0, FIRST_PREVIOUS.to_owned())];
        for (host, last) in hosts.iter().zip(&mut last) {
            report(&lab, host, last, 15).await;
        }
        attest(&lab.path("collector.db"), 1..=4);
        // One loses reports over the end of the quarter before, and says so; and again later.
        for _ in 0..2 {
            let mut after = hosts[0].report(last[0].0 + 3, &"a".repeat(64), Status::Fail);
            after.dropped_reports = 2;
            let bytes = body(&after);
            last[0] = (after.sequence, sha256_hex(&bytes));
            assert_eq!(hosts[0].post(&lab, bytes).await.status(), StatusCode::OK);
            report(&lab, &hosts[0], &mut last[0], 10).await;
        }
        report(&lab, &hosts[1], &mut last[1], 20).await;
        attest(&lab.path("collector.db"), 5..=9);
        report(&lab, &hosts[1], &mut last[1], 5).await;
        let key: VerifierKey = key_of(&lab.run(&["ledger", "key"]));
        let dir = lab.leave().await;
        let pem = fs::read_to_string(dir.path().join("data/ledger.key")).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(KeyPair::from_pem(&pem).unwrap().serialized_der()).unwrap();
        sign_anew(&dir.path().join("data/collector.db"), &pair, key.name());
        let path = dir.path().join("bundle.zip");
        let exported = run(
            &dir,
            &["export", "--period", "2026Q4", "-o", path.to_str().unwrap()],
        );
        assert!(
            exported.status.success(),
            "{}",
            String::from_utf8_lossy(&exported.stderr)
        );
        let members = unpacked(&path);
        Self {
            dir,
            pair,
            key,
            members,
        }
    }

    /// What is found in these members.
    fn verified(&self, members: &Members, anchors: &[Statement], signatures: Signatures) -> Verified {
        let path = self.dir.path().join("changed.zip");
        pack(&path, members.iter());
        let container = Container::open(&path).unwrap();
        let now = Timestamp::now().as_microsecond();
        verify(&container, Some(&self.key), anchors, signatures, now, &mut |_| {})
    }

    /// What whoever has the collector's key can do besides: sign the manifest over what is there now.
    fn sign(&self, members: &mut Members) {
        let mut manifest: Manifest = serde_json::from_slice(&members["manifest.json"]).unwrap();
        let mut listed = manifest.members.clone();
        for member in &mut listed {
            let text = manifest.member_text(&member.name, member.size, &member.sha256);
            member.signature = BASE64.encode(self.pair.sign(text.as_bytes()).as_ref());
        }
        manifest.members = listed;
        let bytes = serde_json::to_vec(&manifest).unwrap();
        let origin = self.key.name();
        let text = format!("{origin}\nplumbline/bundle/v2\nsha256 {}\n", Hash::of(&bytes));
        let note = Note::sign(&text, origin, &self.pair).unwrap().to_string();
        members.insert("manifest.json".to_owned(), bytes);
        members.insert("manifest.note".to_owned(), note.into_bytes());
    }
}

fn key_of(printed: &Output) -> VerifierKey {
    let text = String::from_utf8(printed.stdout.clone()).unwrap();
    text.trim_end().parse().unwrap()
}

/// The roots of the first so many leaves of the database.
fn roots(db: &Connection) -> Vec<Hash> {
    let mut statement = db.prepare("SELECT hash FROM ledger_leaves ORDER BY idx").unwrap();
    let hashes = statement.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    let mut tree = Frontier::empty();
    let mut roots = vec![tree.root()];
    for hash in hashes {
        tree.push(Hash::from_bytes(&hash.unwrap()).unwrap());
        roots.push(tree.root());
    }
    roots
}

/// Signs the tree as if the first half of it had grown before the quarter.
fn sign_anew(database: &Path, pair: &Ed25519KeyPair, origin: &str) {
    let db = Connection::open(database).unwrap();
    let roots = roots(&db);
    let before: Timestamp = "2026-09-30T15:59:30Z".parse().unwrap();
    let within: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
    let size = roots.len() as u64 - 1;
    let sizes = [0, size / 2, size / 2 + 7, size - 30, size - 20, size - 3, size];
    db.execute("DELETE FROM ledger_checkpoints", []).unwrap();
    let mut previous = 0;
    for (index, size) in sizes.into_iter().enumerate() {
        let begins = if index < 2 { before } else { within };
        let at = begins.as_microsecond() + i64::try_from(index).unwrap() * 10_000_000;
        let statement = Statement {
            origin: origin.to_owned(),
            size,
            root: roots[usize::try_from(size).unwrap()],
            signed_at: at.unsigned_abs(),
            previous,
        };
        previous = size;
        let note = statement.sign(pair).unwrap().to_string();
        db.execute(
            "INSERT INTO ledger_checkpoints (size, signed_at, note) VALUES (?1, ?2, ?3)",
            params![size.cast_signed(), at, note],
        )
        .unwrap();
    }
}

fn unpacked(path: &Path) -> Members {
    let mut archive = ZipArchive::new(File::open(path).unwrap()).unwrap();
    let count = archive.len();
    let member = |index| {
        let mut member = archive.by_index(index).unwrap();
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).unwrap();
        (member.name().unwrap().to_string(), bytes)
    };
    (0..count).map(member).collect()
}

fn pack<'m>(path: &Path, members: impl Iterator<Item = (&'m String, &'m Vec<u8>)>) {
    let mut zip = ZipWriter::new(File::create(path).unwrap());
    for (name, bytes) in members {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
}

/// The manifest over what is there now, as anybody can make it: without the key no signature.
fn remake(members: &mut Members) {
    let mut manifest: Value = serde_json::from_slice(&members["manifest.json"]).unwrap();
    let listed = manifest["members"].as_array_mut().unwrap();
    listed.retain(|member| members.contains_key(member["name"].as_str().unwrap()));
    for member in listed {
        let bytes = &members[member["name"].as_str().unwrap()];
        member["size"] = json!(bytes.len());
        member["sha256"] = json!(Hash::of(bytes).hex());
    }
    let bytes = serde_json::to_vec(&manifest).unwrap();
    members.insert("manifest.json".to_owned(), bytes);
}

/// Members that the ledger vouches for, whoever signs the manifest.
const LEDGERED: [&str; 4] = ["entries.jsonl", BODIES, "checkpoints.jsonl", "earlier.jsonl"];

/// The member whose lines are the number of a leaf and a body.
const BODIES: &str = "bodies.txt";

fn value_of(row: &str) -> Option<Value> {
    serde_json::from_str(row).ok().or_else(|| {
        let (leaf, body) = row.split_once(' ')?;
        Some(json!({ "leaf": leaf.parse::<i64>().ok()?, "body": body }))
    })
}

fn row_of(name: &str, value: &Value) -> String {
    if name == BODIES {
        format!("{} {}", value["leaf"], value["body"].as_str().unwrap())
    } else {
        value.to_string()
    }
}

/// What a fault may say to name what a line stands for.
fn names_of(line: &Value) -> Vec<String> {
    let mut names = Vec::new();
    names.extend(line["leaf"].as_u64().map(|leaf| format!("leaf {leaf}")));
    names.extend(line["size"].as_i64().map(|size| format!("checkpoint {size}")));
    let report = &line["report"];
    if let Some(host) = report["host"].as_str() {
        let (incarnation, sequence) = (&report["incarnation"], &report["sequence"]);
        names.push(format!("report {host} {incarnation} {sequence}"));
    }
    names.extend(line["act"]["id"].as_i64().map(|act| format!("act {act}")));
    let record = &line["act"]["record"];
    names.extend(
        record["subject"]
            .as_str()
            .map(|subject| format!("record {subject} {}", record["version"])),
    );
    names
}

/// Changes one value somewhere within; false where nothing is there to change.
fn change(value: &mut Value, random: &mut Random) -> bool {
    match value {
        Value::Object(members) if !members.is_empty() => {
            let at = random.below(members.len());
            change(members.values_mut().nth(at).unwrap(), random)
        }
        Value::Array(values) if !values.is_empty() => {
            let at = random.below(values.len());
            change(&mut values[at], random)
        }
        Value::Number(number) => {
            // Back-dated by a day, or moved by a little.
            let by = if random.below(2) == 0 {
                -86_400_000_000
            } else {
                1 + i64::try_from(random.below(9)).unwrap()
            };
            *value = json!(number.as_i64().unwrap() + by);
            true
        }
        Value::String(text) if !text.is_empty() => {
            let at = random.below(text.chars().count());
            let other = |c: char| if c == 'a' { 'b' } else { 'a' };
            *text = text
                .chars()
                .enumerate()
                .map(|(n, c)| if n == at { other(c) } else { c })
                .collect();
            true
        }
        _ => false,
    }
}

fn lines(bytes: &[u8]) -> Vec<String> {
    String::from_utf8(bytes.to_vec())
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

fn joined(lines: &[String]) -> Vec<u8> {
    lines
        .iter()
        .flat_map(|line| [line, "\n"])
        .collect::<String>()
        .into_bytes()
}

/// What was done, and what a fault may name for it to be found.
struct Done {
    what: String,
    names: Vec<String>,
    /// Whether it is found even where whoever did it has the collector's key.
    is_ledgered: bool,
}

/// Changes one thing; `None` when the draw changes nothing.
fn tamper(members: &mut Members, random: &mut Random) -> Option<Done> {
    let all: Vec<String> = members.keys().cloned().collect();
    // Half of all changes go to the entries and their bodies.
    let name = if random.below(2) == 0 {
        (*random.of(&["entries.jsonl", BODIES])).to_owned()
    } else {
        random.of(&all).clone()
    };
    let mut names = vec![format!("member {name}")];
    // Of the manifest and the note that signs it either may be the one that was changed.
    names.extend((name == "manifest.note").then(|| "member manifest.json".to_owned()));
    let is_ledgered = LEDGERED.contains(&name.as_str());
    let done = |what: String, names, is_ledgered| {
        Some(Done {
            what: format!("{name}: {what}"),
            names,
            is_ledgered,
        })
    };
    if !is_ledgered || random.below(6) == 0 {
        return match random.below(8) {
            0 => {
                members.remove(&name);
                done(
                    "dropped".to_owned(),
                    names,
                    is_ledgered && name != "earlier.jsonl",
                )
            }
            1 => {
                let added = format!("evidence/{}", "0".repeat(64));
                names = vec![format!("member {added}")];
                members.insert(added, b"forged".to_vec());
                done("one added".to_owned(), names, true)
            }
            _ => {
                let bytes = members.get_mut(&name).unwrap();
                if bytes.is_empty() {
                    return None;
                }
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(7);
                // A member that is read by lines is named by the leaf, too.
                let before = bytes[..at].iter().filter(|byte| **byte == b'\n').count();
                let text = String::from_utf8_lossy(bytes).into_owned();
                let near = text.lines().skip(before).take(2);
                names.extend(near.filter_map(value_of).flat_map(|line| names_of(&line)));
                done(format!("byte {at}"), names, false)
            }
        };
    }
    let mut rows = lines(&members[&name]);
    if rows.is_empty() {
        return None;
    }
    let (one, other) = (random.below(rows.len()), random.below(rows.len()));
    let value = |row: &String| value_of(row).unwrap();
    names.extend(names_of(&value(&rows[one])));
    let what = match random.below(8) {
        0 => {
            rows.remove(one);
            // What follows misses it.
            names.extend(rows.get(one).iter().flat_map(|row| names_of(&value(row))));
            // Nothing tells but the manifest that an act from before ever was: only its truth is proved.
            if name == "earlier.jsonl" {
                members.insert(name.clone(), joined(&rows));
                return done(format!("line {one} dropped"), names, false);
            }
            format!("line {one} dropped")
        }
        1 if one != other => {
            names.extend(names_of(&value(&rows[other])));
            names.extend(
                rows[one.min(other)..=one.max(other)]
                    .iter()
                    .flat_map(|row| names_of(&value(row))),
            );
            rows.swap(one, other);
            format!("lines {one} and {other} swapped")
        }
        2 if one != other => {
            // What they stand for changes places, and their numbers stay.
            names.extend(names_of(&value(&rows[other])));
            let (mut first, mut second) = (value(&rows[one]), value(&rows[other]));
            for number in ["leaf", "size"] {
                if first.get(number).is_none() {
                    continue;
                }
                let place = first[number].take();
                first[number] = second[number].take();
                second[number] = place;
            }
            (rows[one], rows[other]) = (row_of(&name, &first), row_of(&name, &second));
            format!("lines {one} and {other} take each other's places")
        }
        3 => {
            let again = rows[one].clone();
            rows.insert(one, again);
            format!("line {one} twice")
        }
        1 | 2 => return None,
        _ => {
            let mut changed = value(&rows[one]);
            let before = changed.clone();
            if !change(&mut changed, random) || changed == before {
                return None;
            }
            // The number of an act is the database's, and nothing that was signed.
            let by_number = changed["act"]["id"] != before["act"]["id"];
            names.extend(names_of(&changed));
            rows[one] = row_of(&name, &changed);
            if by_number {
                members.insert(name.clone(), joined(&rows));
                return done(format!("line {one}: {changed}"), names, false);
            }
            format!("line {one}: {changed}")
        }
    };
    members.insert(name.clone(), joined(&rows));
    done(what, names, true)
}

fn is_named(done: &Done, fault: &Fault) -> bool {
    let in_stretch = |(first, last): (u64, u64)| {
        let leaf = |name: &String| name.strip_prefix("leaf ")?.parse().ok();
        done.names
            .iter()
            .filter_map(leaf)
            .any(|leaf: u64| (first..=last).contains(&leaf))
    };
    named(fault).iter().any(|name| done.names.contains(name)) || fault.leaves.is_some_and(in_stretch)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_proves_what_the_store_holds_and_every_change_of_it_is_named() {
    let company = Company::new().await;
    let untouched = company.verified(&company.members, &[], Signatures::Every);
    assert_eq!(untouched.findings.faults, [], "the untouched bundle stands");
    let identity = untouched.bundle.unwrap();
    assert!(identity.first > 10, "it begins in the middle of the ledger");
    assert!(identity.earlier > 5, "with what still counts from before");
    let found = untouched.findings;
    assert_eq!(found.newest_checkpoint, Some(identity.size));
    assert!(found.reports > 30 && found.reports == found.bodies && found.records > 5);
    for name in [
        "checklist.json",
        "report.zh-TW.html",
        "report.en.html",
        "README.txt",
        "hosts.jsonl",
    ] {
        assert!(company.members.contains_key(name), "{name}");
    }

    let mut random = Random(0x0b5e_55ed_0b0d_1e55);
    let (mut tampered, mut by_insiders) = (0, 0);
    while tampered < TAMPERINGS {
        let mut members = company.members.clone();
        let Some(done) = tamper(&mut members, &mut random) else {
            continue;
        };
        if members.contains_key("manifest.json") && !done.what.starts_with("manifest") {
            remake(&mut members);
        }
        let signatures = if tampered % 2 == 0 {
            Signatures::OfLast
        } else {
            Signatures::Every
        };
        let verified = company.verified(&members, &[], signatures);
        let faults = &verified.findings.faults;
        let by_manifest = |fault: &Fault| fault.member.as_deref() == Some("manifest.json");
        assert!(
            faults.iter().any(|fault| is_named(&done, fault)),
            "{}\nis to be named as one of {:?}, in\n{faults:#?}",
            done.what,
            done.names
        );
        // One who adds a member leaves the manifest as it was.
        let added = done.what.ends_with("added");
        assert!(
            added || faults.iter().any(by_manifest) || done.what.starts_with("manifest"),
            "{}",
            done.what
        );
        tampered += 1;

        if done.is_ledgered && members.contains_key("manifest.json") {
            company.sign(&mut members);
            let faults = company.verified(&members, &[], signatures).findings.faults;
            assert!(
                faults.iter().any(|fault| is_named(&done, fault)),
                "with the key, {}\nis to be named as one of {:?}, in\n{faults:#?}",
                done.what,
                done.names
            );
            by_insiders += 1;
        }
    }
    assert!(by_insiders > TAMPERINGS / 3, "{by_insiders}");

    // Nor can a body be called one that is not kept any more.
    let mut members = company.members.clone();
    let mut rows = lines(&members[BODIES]);
    let leaf = value_of(&rows[3]).unwrap()["leaf"].as_u64();
    rows[3] = format!("{} null", leaf.unwrap());
    members.insert(BODIES.to_owned(), joined(&rows));
    company.sign(&mut members);
    let faults = company
        .verified(&members, &[], Signatures::OfLast)
        .findings
        .faults;
    assert!(faults.iter().any(|fault| fault.leaf == leaf), "{faults:#?}");
}

/// Runs the program where no collector ever was.
fn elsewhere(arguments: &[&str]) -> Output {
    let nowhere = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_plumbline-collector"))
        .args(arguments)
        .current_dir(nowhere.path())
        .env_clear()
        .output()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_verifies_a_bundle_with_the_published_key_and_a_checkpoint() {
    let company = Company::new().await;
    let path: PathBuf = company.dir.path().join("bundle.zip");
    let file = path.to_str().unwrap();
    let key = company.key.to_string();
    let told = elsewhere(&["verify", file, "--format", "table", "--lang", "en"]);
    let said = String::from_utf8(told.stdout).unwrap();
    assert_eq!(told.status.code(), Some(0), "{said}");
    assert!(
        said.contains(&Hash::of(key.as_bytes()).hex()) && said.contains("Compare its fingerprint"),
        "{said}"
    );
    assert!(said.contains("The period ends later"), "{said}");

    // Checkpoints that were kept: one from before the bundle, one within, one at its end.
    let db = Connection::open(company.dir.path().join("data/collector.db")).unwrap();
    let mut notes = db
        .prepare("SELECT note FROM ledger_checkpoints ORDER BY size")
        .unwrap();
    let notes: Vec<String> = notes
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let kept = company.dir.path().join("anchor.txt");
    fs::write(&kept, [notes[0].as_str(), &notes[4], "\n", &notes[6]].concat()).unwrap();
    let anchors = kept.to_str().unwrap();
    let verified = elsewhere(&["verify", file, "--key", &key, "--checkpoint", anchors]);
    let found = json_of(&verified);
    assert_eq!(verified.status.code(), Some(0), "{found}");
    let counted = [
        &found["anchors"],
        &found["anchors_before"],
        &found["anchors_after"],
    ];
    assert_eq!(counted.map(Value::as_u64), [Some(2), Some(1), Some(0)]);
    assert_eq!(found["bundle"]["key_given"], true);

    // The whole ledger written anew with the collector's own key: only what was kept elsewhere shows it.
    let size = notes[4].lines().nth(1).unwrap().parse().unwrap();
    let forged = Statement {
        origin: company.key.name().to_owned(),
        size,
        root: Hash::of(b"another history"),
        signed_at: 1,
        previous: 0,
    };
    fs::write(&kept, forged.sign(&company.pair).unwrap().to_string()).unwrap();
    let verified = elsewhere(&["verify", file, "--key", &key, "--checkpoint", anchors]);
    let found = json_of(&verified);
    assert_eq!(
        (verified.status.code(), found["faults"][0]["kind"].as_str()),
        (Some(1), Some("anchor-root"))
    );
    // The store itself is held to it, too.
    let store = run(&company.dir, &["verify", "--checkpoint", anchors]);
    let faults = json_of(&store)["faults"].as_array().unwrap().clone();
    assert!(
        faults.iter().any(|fault| fault["kind"] == "anchor-root"),
        "{faults:?}"
    );

    // Another key than the one published.
    let other = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap();
    let other = VerifierKey::of(company.key.name(), &other).unwrap().to_string();
    let verified = elsewhere(&["verify", file, "--key", &other]);
    let found = json_of(&verified);
    assert_eq!(verified.status.code(), Some(1));
    assert_eq!(found["faults"][0]["kind"], "manifest-signature");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_no_collector_writes_is_refused_and_named() {
    let company = Company::new().await;
    let path = company.dir.path().join("hostile.zip");
    let whole = fs::read(company.dir.path().join("bundle.zip")).unwrap();
    let refused = |bytes: &[u8], why: &str| {
        fs::write(&path, bytes).unwrap();
        let verified = elsewhere(&["verify", path.to_str().unwrap(), "--lang", "en"]);
        let said = String::from_utf8_lossy(&verified.stderr).into_owned();
        assert_eq!(verified.status.code(), Some(2), "{why}: {said}");
        assert!(said.contains(why), "{why}: {said}");
    };
    for cut in [0, 1, 21, 22, 100, whole.len() / 2, whole.len() - 1] {
        refused(&whole[..cut], "whole ZIP file");
    }
    refused(&[&whole[..], b"more"].concat(), "whole ZIP file");
    refused(&[b"before", &whole[..]].concat(), "ZIP file");
    let zip_of = |members: &[(&str, &[u8])], options: SimpleFileOptions| {
        let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, bytes) in members {
            zip.start_file(*name, options).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    };
    let plain = SimpleFileOptions::default();
    for name in [
        "../up",
        "/root",
        "a\\b",
        "a//b",
        ".hidden",
        "evidence/../up",
        "a b",
        "C:x",
        "名",
    ] {
        refused(&zip_of(&[(name, b"x")], plain), "no name of a member");
    }
    refused(
        &zip_of(&[("bomb", &vec![0; 16 * 1024 * 1024])], plain),
        "unpacks to more than",
    );
    // Two members of one name, which some programs read as the first and some as the last.
    let mut twice = zip_of(&[("manifest.json", b"{}"), ("manifest.jsoN", b"[]")], plain);
    while let Some(at) = twice.windows(13).position(|name| name == b"manifest.jsoN") {
        twice[at + 12] = b'n';
    }
    refused(&twice, "same name");

    // What is a ZIP file, but holds what no line may be.
    let deep = ["[".repeat(100_000), "]".repeat(100_000), "\n".to_owned()].concat();
    let long = ["\"", &"x".repeat(12 * 1024 * 1024), "\"\n"].concat();
    let lines = [
        deep,
        long,
        "\u{0}\n".to_owned(),
        "{}".to_owned(),
        "{}\n".repeat(5_000),
    ];
    for (name, line) in ["entries.jsonl", BODIES]
        .into_iter()
        .flat_map(|name| lines.iter().map(move |line| (name, line)))
    {
        let mut members = company.members.clone();
        members.insert(name.to_owned(), line.clone().into_bytes());
        remake(&mut members);
        let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        let mut zip = ZipWriter::new(File::create(&path).unwrap());
        for (name, bytes) in &members {
            zip.start_file(name, stored).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap();
        let container = Container::open(&path).unwrap();
        let faults = verify(&container, None, &[], Signatures::OfLast, 0, &mut |_| {})
            .findings
            .faults;
        let unreadable = |fault: &Fault| fault.kind.key() == "bundle-fault-member-unreadable";
        assert!(faults.iter().any(unreadable), "{faults:?}");
    }
}
