//! How records must be kept.

use super::ledger::leaves;
use super::*;

/// Every behaviour.
pub(super) const BEHAVIOURS: &[Behaviour] = &[
    (
        "a_record_is_kept_with_its_act_in_its_subjects_order",
        a_record_is_kept_with_its_act_in_its_subjects_order,
    ),
    ("of_two_at_once_one_is_told_so", of_two_at_once_one_is_told_so),
    (
        "a_plan_is_found_by_the_time_it_was_current",
        a_plan_is_found_by_the_time_it_was_current,
    ),
];

fn record(family: Family, subject: &str, version: u32, minutes: i64) -> NewRecord {
    NewRecord {
        family,
        subject: subject.to_owned(),
        version,
        verb: "give",
        body: format!("{{\"said\":\"第 {version} 版\"}}"),
        at: at(minutes),
        who: "user:王小明".to_owned(),
    }
}

fn a_record_is_kept_with_its_act_in_its_subjects_order(store: &dyn Store) {
    let first = record(Family::Attestation, "a-1", 1, 5);
    assert!(store.add_record(&first).unwrap());
    // A clock that goes back changes no order.
    let second = record(Family::Attestation, "a-1", 2, 3);
    assert!(store.add_record(&second).unwrap());
    let other = record(Family::Waiver, "w-1", 1, 4);
    assert!(store.add_record(&other).unwrap());
    for skipped in [0, 1, 2, 4] {
        let wrong = record(Family::Attestation, "a-1", skipped, 9);
        assert!(!store.add_record(&wrong).unwrap(), "{skipped}");
    }
    let kept = store.records_of("a-1").unwrap();
    let versions: Vec<u32> = kept.iter().map(|kept| kept.version).collect();
    assert_eq!(versions, [1, 2]);
    assert_eq!(
        (&kept[0].body, kept[0].at, &kept[0].who),
        (&first.body, first.at, &first.who)
    );
    assert_eq!(store.records(Family::Attestation, 0, 9).unwrap(), kept);
    assert_eq!(
        store.records(Family::Attestation, kept[0].act, 9).unwrap(),
        kept[1..]
    );
    assert_eq!(store.records(Family::Attestation, 0, 1).unwrap(), kept[..1]);
    let number = |family| store.number_of_records(family).unwrap();
    assert_eq!(
        (
            number(Family::Attestation),
            number(Family::Waiver),
            number(Family::Day)
        ),
        (2, 1, 0)
    );
    let acts = store.acts(9).unwrap();
    assert_eq!(acts, [other.act(), second.act(), first.act()]);
    assert_eq!(
        leaves(store).len(),
        3,
        "each is a leaf, and those refused are none"
    );
    let read = |archive: &Kept<'_>| {
        let acts = archive.acts(0, 9)?;
        let places: Vec<u64> = acts.iter().map(|(leaf, _)| *leaf).collect();
        assert_eq!(places, [0, 1, 2]);
        let bodies = acts
            .iter()
            .map(|(_, act)| act.record.as_ref().unwrap().body.clone());
        let written = [&first, &second, &other].map(|record| record.body.clone());
        assert_eq!(bodies.collect::<Vec<_>>(), written);
        assert_eq!(archive.acts(kept[1].act, 9)?.len(), 1);
        assert!(archive.records_outside(9)?.is_empty() && archive.acts_outside(9)?.is_empty());
        Ok(())
    };
    store.at_one_moment(&mut |archive| read(archive)).unwrap();
    assert!(store.records_of("a-2").unwrap().is_empty());
}

fn of_two_at_once_one_is_told_so(store: &dyn Store) {
    let added: Vec<bool> = std::thread::scope(|scope| {
        let adders: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| store.add_record(&record(Family::Waiver, "w-1", 1, 0)).unwrap()))
            .collect();
        adders.into_iter().map(|adder| adder.join().unwrap()).collect()
    });
    assert_eq!(added.iter().filter(|added| **added).count(), 1);
    assert_eq!(store.records_of("w-1").unwrap().len(), 1);
    assert_eq!(store.acts(9).unwrap().len(), 1);
}

fn a_plan_is_found_by_the_time_it_was_current(store: &dyn Store) {
    assert!(store.plan_at(at(100)).unwrap().is_none());
    for (minutes, version) in [(10, "1"), (20, "2")] {
        let plan = PublishedPlan {
            reference: PlanRef {
                version: version.to_owned(),
                sha256: format!("{version:0>64}"),
            },
            toml: format!("version = \"{version}\""),
            signature: "00".to_owned(),
        };
        assert!(store.publish_plan(&plan, &act("plan.publish", minutes)).unwrap());
    }
    let current = |minutes| store.plan_at(at(minutes)).unwrap().map(|plan| plan.toml);
    assert_eq!(current(9), None);
    assert_eq!(current(10).as_deref(), Some("version = \"1\""));
    assert_eq!(current(19).as_deref(), Some("version = \"1\""));
    assert_eq!(current(20).as_deref(), Some("version = \"2\""));
}
