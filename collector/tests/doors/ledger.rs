//! The ledger over the API: what a stranger with the key and one checkpoint can prove.

use std::sync::Arc;
use std::time::Duration;

use plumbline_collector::ledger::checkpoint::Checkpoint;
use plumbline_collector::ledger::entry::Entry;
use plumbline_collector::ledger::note::{Note, VerifierKey};
use plumbline_collector::ledger::proof::{verify_consistency, verify_inclusion};
use plumbline_collector::ledger::tree::{Hash, leaf_hash};
use plumbline_config::finding::Status;
use plumbline_config::seal::sha256_hex;
use plumbline_config::wire::FIRST_PREVIOUS;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::host::{Host, body};
use crate::lab::{Lab, assert_problem, json_of, run};

/// How long a checkpoint over everything may take to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Posts the next `count` reports of a host.
pub(crate) async fn report(lab: &Lab, host: &Host, last: &mut (u64, String), count: u64) {
    for _ in 0..count {
        let bytes = body(&host.report(last.0 + 1, &last.1, Status::Pass));
        *last = (last.0 + 1, sha256_hex(&bytes));
        assert_eq!(host.post(lab, bytes).await.status(), StatusCode::OK);
    }
}

async fn text(lab: &Lab, path: &str) -> String {
    let response = lab.request(Method::GET, path).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
    response.text().await.unwrap()
}

/// The newest checkpoint, checked; waits until it covers so many leaves.
async fn checkpoint(lab: &Lab, at_least: u64) -> Checkpoint {
    let key: VerifierKey = text(lab, "/api/v1/ledger/key").await.trim_end().parse().unwrap();
    let covered = async {
        loop {
            let note = Note::parse(text(lab, "/api/v1/ledger/checkpoint").await.as_bytes()).unwrap();
            let checkpoint: Checkpoint = note.verify(&key).unwrap().parse().unwrap();
            assert_eq!(checkpoint.origin, key.name());
            if checkpoint.size >= at_least {
                return checkpoint;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(PATIENCE, covered).await.unwrap()
}

fn hash(value: &Value) -> Hash {
    Hash::from_hex(value.as_str().unwrap()).unwrap()
}

fn hashes(value: &Value) -> Vec<Hash> {
    value.as_array().unwrap().iter().map(hash).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_in_is_proved_from_checkpoint_to_checkpoint() {
    let lab = Lab::start().await;
    let first = checkpoint(&lab, 1).await;
    let host = Host::enrol(&lab).await;
    let mut last = (0, FIRST_PREVIOUS.to_owned());
    report(&lab, &host, &mut last, 30).await;
    let size = lab.get("/api/v1/ledger/leaves?limit=1").await["size"]
        .as_u64()
        .unwrap();
    let second = checkpoint(&lab, size).await;
    assert_eq!(second.size, size);

    // Every leaf is the hash of its text, and in the tree.
    let mut from = Some(0);
    let mut leaves = Vec::new();
    while let Some(next) = from {
        let page = lab
            .get(&format!("/api/v1/ledger/leaves?from={next}&limit=7"))
            .await;
        leaves.extend(page["leaves"].as_array().unwrap().iter().cloned());
        from = page["next"].as_u64();
    }
    assert_eq!(leaves.len() as u64, size);
    let mut reports = Vec::new();
    for (index, leaf) in leaves.iter().enumerate() {
        assert_eq!(leaf["index"], index);
        let entry = leaf["entry"].as_str().unwrap();
        assert_eq!(leaf_hash(entry.as_bytes()), hash(&leaf["hash"]));
        if let Entry::Report(report) = Entry::parse(entry.as_bytes()).unwrap() {
            assert_eq!(&report.host, host.id());
            reports.push(report.sequence);
        }
        let proof = lab
            .get(&format!("/api/v1/ledger/proof/inclusion?index={index}"))
            .await;
        assert_eq!(
            (&proof["size"], hash(&proof["root"])),
            (&Value::from(size), second.root)
        );
        assert!(verify_inclusion(
            &hash(&leaf["hash"]),
            index as u64,
            size,
            &hashes(&proof["proof"]),
            &second.root
        ));
    }
    assert!(
        reports.into_iter().eq(1..=30),
        "in the order in which they were taken in"
    );

    // The second tree begins with the first.
    let proof = lab
        .get(&format!("/api/v1/ledger/proof/consistency?first={}", first.size))
        .await;
    let proof = hashes(&proof["proof"]);
    assert!(verify_consistency(
        first.size,
        second.size,
        &first.root,
        &second.root,
        &proof
    ));

    // The command line says the same.
    let proved = lab.json(&["ledger", "prove", "0"]);
    assert_eq!(hash(&proved["root"]), second.root);
    let key = lab.run(&["ledger", "key"]).stdout;
    assert_eq!(
        String::from_utf8(key).unwrap(),
        text(&lab, "/api/v1/ledger/key").await
    );
    let note = lab.run(&["ledger", "checkpoint"]).stdout;
    assert_eq!(
        String::from_utf8(note).unwrap(),
        text(&lab, "/api/v1/ledger/checkpoint").await
    );

    assert_eq!(lab.metric("plumbline_ledger_size").await, size);
    let signed_at = lab.metric("plumbline_ledger_checkpoint_timestamp_seconds").await;
    let told = format!("signed_at {signed_at}");
    assert!(
        second.extensions[0].starts_with(&told),
        "{told}: {:?}",
        second.extensions
    );

    for path in [
        "/api/v1/ledger/leaves?limit=0",
        "/api/v1/ledger/leaves?limit=1001",
        "/api/v1/ledger/leaves?from=-1",
        "/api/v1/ledger/proof/inclusion",
        "/api/v1/ledger/proof/inclusion?index=0&size=99999",
        "/api/v1/ledger/proof/inclusion?index=99999",
        "/api/v1/ledger/proof/inclusion?index=18446744073709551615&size=18446744073709551615",
        "/api/v1/ledger/proof/consistency?first=9&second=8",
        "/api/v1/ledger/proof/consistency?first=9223372036854775808",
    ] {
        let response = lab.request(Method::GET, path).send().await.unwrap();
        assert_problem(response, 400, "bad-request").await;
    }
    let far = lab.get("/api/v1/ledger/leaves?from=18446744073709551615").await;
    assert_eq!(
        (&far["leaves"], &far["next"]),
        (&Value::from(Vec::<Value>::new()), &Value::Null)
    );
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_verified_beside_the_running_server_and_after_it() {
    let lab = Arc::new(Lab::start().await);
    let reporting = {
        let lab = Arc::clone(&lab);
        tokio::spawn(async move {
            let host = Host::enrol(&lab).await;
            let mut last = (0, FIRST_PREVIOUS.to_owned());
            report(&lab, &host, &mut last, 60).await;
        })
    };
    for _ in 0..5 {
        let beside = Arc::clone(&lab);
        let verified = tokio::task::spawn_blocking(move || beside.run(&["verify"]))
            .await
            .unwrap();
        let found = json_of(&verified);
        assert_eq!(
            (verified.status.code(), &found["faults_total"]),
            (Some(0), &Value::from(0)),
            "{found}"
        );
    }
    reporting.await.unwrap();
    let dir = Arc::into_inner(lab).unwrap().leave().await;
    let verified = run(&dir, &["verify"]);
    let found = json_of(&verified);
    assert_eq!(verified.status.code(), Some(0));
    assert_eq!(
        (&found["reports"], &found["bodies"]),
        (&Value::from(60), &Value::from(60))
    );
    assert_eq!(found["newest_checkpoint"], found["size"], "signed at the end");

    let file = run(&dir, &["verify", "bundle.zip"]);
    assert_eq!(file.status.code(), Some(2));
    let key = dir.path().join("data/ledger.key");
    std::fs::rename(&key, dir.path().join("elsewhere")).unwrap();
    assert_eq!(
        run(&dir, &["verify"]).status.code(),
        Some(2),
        "it can't look without the key"
    );
}
