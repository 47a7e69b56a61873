//! How the ledger must grow, and what becomes of what is too old.

use super::*;
use crate::ledger::tree::Hash;

/// Gives every leaf that waits its place.
pub(in crate::store) fn settle(store: &dyn Store) {
    while store.integrate(3).unwrap() > 0 {}
}

/// Every leaf, after a check that the tree is made of them.
pub(in crate::store) fn leaves(store: &dyn Store) -> Vec<Leaf> {
    settle(store);
    let leaves = store.ledger_leaves(0, usize::MAX).unwrap();
    let mut tree = Frontier::empty();
    for (place, leaf) in (0..).zip(&leaves) {
        assert_eq!(leaf.index, place);
        if let Some(entry) = &leaf.entry {
            assert_eq!(entry.leaf_hash(), leaf.hash, "leaf {place} is of another entry");
        }
        let complete = tree.push(leaf.hash);
        for node in complete {
            let kept = store
                .ledger_nodes(node.level, node.index..node.index + 1)
                .unwrap();
            assert_eq!(kept, [node.hash]);
        }
    }
    let kept = store.ledger_frontier().unwrap();
    assert_eq!((kept.size(), kept.root()), (tree.size(), tree.root()));
    let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf.hash).collect();
    assert_eq!(store.ledger_nodes(0, 0..tree.size()).unwrap(), hashes);
    leaves
}

pub(super) fn every_report_and_act_is_a_leaf(store: &dyn Store) {
    assert!(leaves(store).is_empty());
    let host = with_host(store);
    let mut previous = FIRST_PREVIOUS.to_owned();
    let batch: Vec<Incoming> = (1..=5)
        .map(|sequence| {
            // The clock goes back: the order is the chain's all the same.
            let next = report(&host, sequence, &previous, 100 - sequence as i64, None);
            previous.clone_from(&next.body.sha256);
            next
        })
        .collect();
    let (first, rest) = batch.split_at(2);
    for some in [first, rest] {
        assert!(store.keep(some).unwrap().outcomes.iter().all(is_kept));
    }
    store.keep(&batch).unwrap();
    let kept = leaves(store);
    let sequences: Vec<u64> = kept
        .iter()
        .filter_map(|leaf| match &leaf.of {
            Some(LeafOf::Report { sequence, .. }) => Some(*sequence),
            _ => None,
        })
        .collect();
    assert_eq!(sequences, [1, 2, 3, 4, 5], "each once, in the order of the chain");
    assert_eq!(kept.len(), 7, "the token, the enrolment, and five reports");
    for leaf in &kept {
        assert!(leaf.entry.is_some());
        let of = leaf.of.clone().unwrap();
        assert_eq!(store.ledger_place(&of).unwrap(), Some(leaf.index));
    }
    let part = store.ledger_leaves(3, 2).unwrap();
    assert_eq!(part, kept[3..5]);
    let none = LeafOf::Act("none".to_owned());
    assert_eq!(store.ledger_place(&none).unwrap(), None);
}

pub(super) fn checkpoints_are_kept_once(store: &dyn Store) {
    assert_eq!(store.latest_checkpoint().unwrap(), None);
    let checkpoint = |size, note: &str| KeptCheckpoint {
        size,
        note: note.to_owned(),
        signed_at: at(size.try_into().unwrap()),
    };
    for size in [1, 5, 3] {
        store.add_checkpoint(&checkpoint(size, "first")).unwrap();
    }
    store.add_checkpoint(&checkpoint(5, "second")).unwrap();
    assert_eq!(store.latest_checkpoint().unwrap(), Some(checkpoint(5, "first")));
    let from = |minutes| store.checkpoint_from(at(minutes)).unwrap().map(|kept| kept.size);
    assert_eq!(
        (from(0), from(3), from(4), from(6)),
        (Some(1), Some(3), Some(5), None)
    );
    let sizes = |after, most| {
        let kept = store.checkpoints_after(after, most).unwrap();
        kept.iter().map(|kept| kept.size).collect::<Vec<_>>()
    };
    assert_eq!((sizes(0, 9), sizes(1, 1)), (vec![1, 3, 5], vec![3]));
}

pub(super) fn leases_are_held_by_one(store: &dyn Store) {
    let hour = Duration::from_secs(3_600);
    assert!(store.take_lease("job", "one", hour).unwrap());
    assert!(!store.take_lease("job", "two", hour).unwrap());
    assert!(store.take_lease("job", "one", hour).unwrap(), "kept");
    assert!(store.take_lease("other", "two", hour).unwrap());
    assert!(store.take_lease("job", "one", Duration::ZERO).unwrap());
    assert!(store.take_lease("job", "two", hour).unwrap(), "it ran out");
    assert!(!store.take_lease("job", "one", hour).unwrap());
}

pub(super) fn what_is_too_old_goes_and_the_ledger_stays(store: &dyn Store) {
    let host = with_host(store);
    let said = |status| Some(assessment(&host, &["a.a"], vec![finding("a.a", "x", status)]));
    let year = 60 * 24 * 365;
    let old = report(&host, 1, FIRST_PREVIOUS, -7 * year, said(Status::Pass));
    let new = report(&host, 2, &old.body.sha256, 1, said(Status::Fail));
    for incoming in [&old, &new] {
        assert!(is_kept(&keep(store, incoming)));
    }
    store.upkeep(at(2)).unwrap();
    let before = leaves(store);
    let prune = |before| store.prune(before, 100, &act("store.prune", 2)).unwrap();
    assert_eq!(prune(at(-8 * year)), 0);
    assert_eq!(
        store.report_body(&host, 1, 1).unwrap().unwrap().1,
        old.body.packed
    );
    assert_eq!(prune(at(-5 * year)), 2, "a body and a change");
    assert_eq!(prune(at(-5 * year)), 0);
    assert_eq!(store.report_body(&host, 1, 1).unwrap(), None);
    assert_eq!(
        store.report_body(&host, 1, 2).unwrap().unwrap().1,
        new.body.packed
    );
    assert_eq!(store.history(&host, 9).unwrap().len(), 1);
    assert_eq!(store.latest_findings(&host).unwrap().len(), 1);
    let after = leaves(store);
    assert_eq!(after[..before.len()], before, "every leaf is what it was");
    assert_eq!(after.len(), before.len() + 1, "and the removal is one more");
    assert_eq!(store.acts(1).unwrap()[0].on, "x: 2 rows");
    assert_eq!(
        duplicate(&keep(store, &old)),
        Some(2),
        "it is recognised all the same"
    );
    assert_eq!(duplicate(&keep(store, &new)), Some(2));
}

pub(super) fn hostile_texts_are_kept_as_they_are(store: &dyn Store) {
    let host = with_host(store);
    let long = format!("/{}", "\u{1f6e1}é'\"\\".repeat(400));
    let subjects = ["", "a\0b", "\0", "\u{f8ff}0", "%_';--", &long, "{1,2}", "NULL"];
    let findings: Vec<Finding> = subjects
        .iter()
        .map(|subject| finding("a.a", subject, Status::Fail))
        .collect();
    let mut said = assessment(&host, &["a.a"], findings);
    said.plan.version = "1\0".to_owned();
    said.host.os.name = "\0".to_owned();
    let mut first = state::stating(report(&host, 1, FIRST_PREVIOUS, 1, Some(said)));
    first.report.agent_version = "\0\u{f8ff}".to_owned();
    let kept = keep(store, &first);
    assert!(matches!(kept, Keep::Kept { resync: false, .. }), "{kept:?}");
    let one = store.host(&host).unwrap().unwrap();
    assert_eq!(one.agent_version, "\0\u{f8ff}");
    assert_eq!(
        (one.plan.unwrap().version.as_str(), one.os.name.as_str()),
        ("1\0", "\0")
    );
    let mut expected: Vec<&str> = subjects.to_vec();
    expected.sort_unstable();
    let mut found = Vec::new();
    let mut query = FindingQuery::all(Cutoff::new(at(2), Interval::minutes(60)), 3);
    loop {
        let page = store.findings(&query).unwrap();
        found.extend(page.findings.into_iter().map(|f| f.finding.subject));
        let Some(next) = page.next else { break };
        query.after = Some(next);
    }
    found.sort();
    assert_eq!(found, expected);
    let gone = assessment(&host, &["a.a"], Vec::new());
    let second = report(&host, 2, &first.body.sha256, 2, Some(gone));
    assert!(is_kept(&keep(store, &second)));
    assert!(store.latest_findings(&host).unwrap().is_empty());
    let mut told: Vec<String> = store
        .history(&host, 8)
        .unwrap()
        .into_iter()
        .map(|t| t.subject)
        .collect();
    told.sort();
    assert_eq!(told, expected);
}
