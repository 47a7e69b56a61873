//! Our order of versions against dpkg's own, over many generated pairs.
#![expect(clippy::disallowed_methods, reason = "dpkg is the oracle")]

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Command;

use plumbline_facts::packages::version::compare;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

const PAIRS: usize = 3_000;

/// Versions that dpkg accepts, made to collide often: short, of few different characters.
fn version() -> impl Strategy<Value = String> {
    (
        prop::option::of("0|1|00|10"),
        "[0-9][0-9ab.+~]{0,5}",
        prop::option::of("0|1|1~|1[+]b1|[0-9ab~+.]{1,4}"),
    )
        .prop_map(|(epoch, upstream, revision)| {
            let epoch = epoch.map(|epoch| format!("{epoch}:")).unwrap_or_default();
            let revision = revision
                .map(|revision| format!("-{revision}"))
                .unwrap_or_default();
            format!("{epoch}{upstream}{revision}")
        })
}

/// A pair, the second often the first with a little changed.
fn pair() -> impl Strategy<Value = (String, String)> {
    let suffix = "|~|[+]|0|-0|-1|[.]|~a|[+]b1|a";
    prop_oneof![
        (version(), version()),
        (version(), suffix).prop_map(|(version, suffix)| (version.clone(), version + &suffix)),
    ]
}

#[test]
fn versions_are_ordered_as_dpkg_orders_them() {
    if Command::new("dpkg").arg("--version").output().is_err() {
        eprintln!("SKIPPED: dpkg is not installed; versions were not compared with it");
        return;
    }
    let mut runner = TestRunner::deterministic();
    let mut pairs: Vec<_> = (0..PAIRS)
        .map(|_| pair().new_tree(&mut runner).unwrap().current())
        .collect();
    for (left, right) in [
        ("1.0-0", "1.-0"),
        ("1.0", "1.0-0"),
        ("0:1", "1"),
        ("1~~", "1~"),
        ("1.0-1-1", "1.0-1"),
    ] {
        pairs.push((left.to_owned(), right.to_owned()));
    }
    // One shell for all pairs: a process for each question would take minutes.
    let mut script = String::new();
    for (left, right) in &pairs {
        writeln!(
            script,
            "dpkg --compare-versions '{left}' lt '{right}' 2>/dev/null && echo lt || {{ \
             dpkg --compare-versions '{left}' gt '{right}' 2>/dev/null && echo gt || echo eq; }}"
        )
        .unwrap();
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(script.as_bytes()).unwrap();
    let output = Command::new("sh").arg(file.path()).output().unwrap();
    let answers = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<_> = answers.lines().collect();
    assert_eq!(answers.len(), pairs.len());
    let mut seen = [0; 3];
    for ((left, right), answer) in pairs.iter().zip(answers) {
        let (expected, kind) = match answer {
            "lt" => (Ordering::Less, 0),
            "gt" => (Ordering::Greater, 1),
            _ => (Ordering::Equal, 2),
        };
        assert_eq!(compare(left, right), expected, "{left} and {right}");
        seen[kind] += 1;
    }
    assert!(
        seen.iter().all(|count| *count > 50),
        "too few of a kind to tell: {seen:?}"
    );
}
