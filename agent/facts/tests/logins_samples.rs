//! Log lines that another project annotated, where a directory with them is at hand.
//!
//! `PLUMBLINE_AUTH_SAMPLES` names it: `expected.json` holds
//! `{"cases":{NAME:{"log":PATH,"lines":[{"i":LINE,"parsed":BOOL,"source_ip":…,"log_type":…}]}}}`, `i` counted from 0.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use plumbline_facts::Host;
use plumbline_facts::logins::{Input, LoginEvent, Outcome, inspect};
use serde_json::Value;

/// The attempts that one line tells of, read alone.
fn events(line: &str) -> Vec<LoginEvent> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("log"), format!("{line}\n")).unwrap();
    let input = Input {
        files: vec!["/log".into()],
        year: None,
        ..Input::default()
    };
    inspect(&Host::at(dir.path()).unwrap(), &input)
        .unwrap()
        .events
        .iter()
        .collect()
}

#[test]
fn annotated_lines_are_found_and_no_innocent_source_is_blamed() {
    let Some(samples) = std::env::var_os("PLUMBLINE_AUTH_SAMPLES") else {
        eprintln!(
            "SKIPPED: set PLUMBLINE_AUTH_SAMPLES to a directory of annotated log lines to run this test"
        );
        return;
    };
    let samples = Host::at(Path::new(&samples)).unwrap();
    let expected: Value = serde_json::from_slice(&samples.read("/expected.json", 16 << 20).unwrap()).unwrap();
    let (mut attempts, mut missed, mut wrong, mut invented) = (0, Vec::new(), Vec::new(), Vec::new());
    for case in expected["cases"].as_object().unwrap().values() {
        let log = samples.read(case["log"].as_str().unwrap(), 16 << 20).unwrap();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        for annotated in case["lines"].as_array().into_iter().flatten() {
            let place = usize::try_from(annotated["i"].as_u64().unwrap()).unwrap();
            let Some(line) = lines.get(place) else {
                continue;
            };
            let found = events(line);
            if annotated["parsed"] == false {
                invented.extend(found.first().map(|_| (*line).to_owned()));
                continue;
            }
            attempts += 1;
            let outcome = match annotated["log_type"].as_str() {
                Some("auth_success") => Outcome::Accepted,
                _ => Outcome::Failed,
            };
            if !found.iter().any(|event| event.outcome == outcome) {
                missed.push((*line).to_owned());
            }
            let source = annotated["source_ip"].as_str();
            let blamed = found.iter().filter_map(|event| event.source.as_ref());
            if source.is_some()
                && blamed
                    .clone()
                    .any(|other| Some(other.to_string().as_str()) != source)
            {
                wrong.push((*line).to_owned());
            }
        }
    }
    eprintln!("{attempts} annotated lines, {} missed", missed.len());
    assert!(attempts > 0);
    assert!(missed.len() <= 1, "missed: {missed:#?}");
    assert!(wrong.is_empty(), "wrong source: {wrong:#?}");
    assert!(invented.is_empty(), "no attempts: {invented:#?}");
}
