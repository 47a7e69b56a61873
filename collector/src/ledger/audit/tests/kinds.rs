//! Each kind of fault, made on purpose in an archive that stands.

use super::*;

/// A kind of fault, and what brings it about; gives the fault that must be named.
type Tampering = (FaultKind, fn(&mut Book) -> Fault);

fn at(kind: FaultKind, place: &Place) -> Fault {
    Fault::new(kind).at(place)
}

fn anchor(size: u64, root: Hash) -> Statement {
    Statement {
        origin: ORIGIN.to_owned(),
        size,
        root,
        signed_at: 0,
        previous: 0,
    }
}

/// Kinds that no archive shows: those of a checkpoint over time, of files, and of bundles.
const ELSEWHERE: &[FaultKind] = &[
    FaultKind::AnchorSignature,
    FaultKind::CheckpointOverdue,
    FaultKind::EvidenceChanged,
    FaultKind::EvidenceMissing,
    FaultKind::EvidenceUnlocked,
    FaultKind::InclusionFalse,
    FaultKind::ManifestSignature,
    FaultKind::MemberAdded,
    FaultKind::MemberChanged,
    FaultKind::MemberMissing,
    FaultKind::MemberUnreadable,
    FaultKind::PlanDiffers,
];

const TAMPERINGS: &[Tampering] = &[
    (FaultKind::ActOutside, |book| {
        let act = ActRow {
            id: 99,
            ..book.acts[&3].clone()
        };
        book.acts.insert(99, act.clone());
        Fault::new(FaultKind::ActOutside).act(&act)
    }),
    (FaultKind::AnchorAhead, |book| {
        let size = book.head.size() + 1;
        book.anchors.push(anchor(size, Hash::of(b"")));
        Fault::new(FaultKind::AnchorAhead).checkpoint(i64::try_from(size).unwrap())
    }),
    (FaultKind::AnchorRoot, |book| {
        book.anchors.push(anchor(7, Hash::of(b"another history")));
        Fault::new(FaultKind::AnchorRoot).checkpoint(7)
    }),
    (FaultKind::BodyChanged, |book| {
        let place = place("h-1", 5);
        book.bodies.insert(place.clone(), b"{}".to_vec());
        at(FaultKind::BodyChanged, &place)
    }),
    (FaultKind::BodyDiffers, |book| {
        let place = book.change("h-1", 5, |row| row.sealed_at -= 1);
        at(FaultKind::BodyDiffers, &place)
    }),
    (FaultKind::BodyUnreadable, |book| {
        let place = place("h-1", 5);
        book.bodies.insert(place.clone(), b"damaged".to_vec());
        at(FaultKind::BodyUnreadable, &place)
    }),
    (FaultKind::BodyUnreadable, |book| {
        let place = place("h-1", 5);
        book.bodies.insert(place.clone(), b"no JSON".to_vec());
        at(FaultKind::BodyUnreadable, &place)
    }),
    (FaultKind::ChainBroken, |book| {
        let place = book.change("h-2", 6, |row| row.previous = "2".repeat(64));
        at(FaultKind::ChainBroken, &place)
    }),
    (FaultKind::ChainBroken, |book| {
        let record = book.incarnations.get_mut(&("h-1".to_owned(), 1)).unwrap();
        record.last = Some((90, Some("2".repeat(64))));
        at(FaultKind::ChainBroken, &place("h-1", 90))
    }),
    (FaultKind::ChainGap, |book| {
        book.reports.remove(&place("h-1", 50));
        at(FaultKind::ChainGap, &place("h-1", 51))
    }),
    (FaultKind::ChainGap, |book| {
        book.reports.remove(&place("h-1", 90));
        at(FaultKind::ChainGap, &place("h-1", 89))
    }),
    (FaultKind::ChainGap, |book| {
        book.gaps.clear();
        at(FaultKind::ChainGap, &place("h-2", 10))
    }),
    (FaultKind::CheckpointAhead, |book| {
        // The store is put back to an older state, but for its checkpoints.
        book.leaves.retain(|index, _| *index < 200);
        book.references.retain(|index, _| *index < 200);
        let references: Vec<_> = book.references.values().copied().collect();
        book.reports.retain(|_, row| references.contains(&Ok(row.id)));
        book.acts.retain(|_, row| references.contains(&Err(row.id)));
        book.nodes.clear();
        book.head = Frontier::empty();
        for leaf in book.leaves.values() {
            book.head.push(leaf.hash.unwrap());
        }
        Fault::new(FaultKind::CheckpointAhead).checkpoint(280)
    }),
    (FaultKind::CheckpointDiffers, |book| {
        book.checkpoints.first_entry().unwrap().get_mut().signed_at -= SECOND;
        Fault::new(FaultKind::CheckpointDiffers).checkpoint(16)
    }),
    (FaultKind::CheckpointMissing, |book| {
        book.checkpoints.pop_first();
        let next = *book.checkpoints.first_key_value().unwrap().0;
        Fault::new(FaultKind::CheckpointMissing).checkpoint(next)
    }),
    (FaultKind::CheckpointRoot, |book| {
        // Signed with the right key all the same.
        let statement = Statement {
            origin: ORIGIN.to_owned(),
            size: 16,
            root: Hash::of(b"other"),
            signed_at: 1,
            previous: 0,
        };
        book.keep_checkpoint(&statement);
        Fault::new(FaultKind::CheckpointRoot).checkpoint(16)
    }),
    (FaultKind::CheckpointSignature, |book| {
        let kept = book.checkpoints.first_entry().unwrap().into_mut();
        kept.note = kept.note.replace("\n16\n", "\n17\n");
        Fault::new(FaultKind::CheckpointSignature).checkpoint(16)
    }),
    (FaultKind::GapDiffers, |book| {
        book.gaps[0].missing += 1;
        at(FaultKind::GapDiffers, &place("h-2", 10))
    }),
    (FaultKind::GapDiffers, |book| {
        book.gaps[0].noticed_at += 1;
        at(FaultKind::GapDiffers, &place("h-2", 10))
    }),
    (FaultKind::GapDiffers, |book| {
        book.gaps[1].place.sequence += 1;
        at(FaultKind::GapDiffers, &book.gaps[1].place)
    }),
    (FaultKind::GapDiffers, |book| {
        let mut twice = book.gaps[1].clone();
        twice.id += 1_000;
        book.gaps.insert(2, twice);
        at(FaultKind::GapDiffers, &book.gaps[1].place)
    }),
    (FaultKind::GapDiffers, |book| {
        let mut late = book.gaps[1].clone();
        late.place = place("h-3", 91);
        book.gaps.push(late);
        at(FaultKind::GapDiffers, &place("h-3", 91))
    }),
    (FaultKind::HeadDiffers, |book| {
        book.head.push(Hash::of(b"more"));
        let mut smaller = Frontier::empty();
        for leaf in book.leaves.values().take(279) {
            smaller.push(leaf.hash.unwrap());
        }
        smaller.push(Hash::of(b"other"));
        book.head = smaller;
        Fault::new(FaultKind::HeadDiffers)
    }),
    (FaultKind::LeafDiffers, |book| {
        let place = book.change("h-3", 7, |row| row.received_at -= 86_400 * SECOND);
        at(FaultKind::LeafDiffers, &place)
    }),
    (FaultKind::LeafDiffers, |book| {
        let place = book.change("h-3", 7, |row| row.body_sha256 = "not a hash".to_owned());
        at(FaultKind::LeafDiffers, &place)
    }),
    (FaultKind::LeafDiffers, |book| {
        book.acts.get_mut(&3).unwrap().who = "cli:uid-1".to_owned();
        book.follow_rows();
        Fault::new(FaultKind::LeafDiffers).act(&book.acts[&3])
    }),
    (FaultKind::LeafDiffers, |book| {
        book.leaves.get_mut(&8).unwrap().hash = Some(Hash::of(b"other"));
        Fault::new(FaultKind::LeafDiffers).leaf(8)
    }),
    (FaultKind::LeafOrder, |book| {
        let places = [place("h-1", 20), place("h-1", 21)];
        let [first, second] = places.clone().map(|place| book.reports[&place].leaf);
        book.reports.get_mut(&places[0]).unwrap().leaf = second;
        book.reports.get_mut(&places[1]).unwrap().leaf = first;
        at(FaultKind::LeafOrder, &places[0])
    }),
    (FaultKind::LeafMissing, |book| {
        book.leaves.remove(&100);
        Fault::new(FaultKind::LeafMissing).leaf(100)
    }),
    (FaultKind::LeafMissing, |book| {
        book.leaves.pop_last();
        Fault::new(FaultKind::LeafMissing).leaf(279)
    }),
    (FaultKind::LeafOutside, |book| {
        let leaf = LeafRow {
            index: 280,
            ..book.leaves[&279].clone()
        };
        book.leaves.insert(280, leaf);
        Fault::new(FaultKind::LeafOutside).leaf(280)
    }),
    (FaultKind::NodeChanged, |book| {
        book.nodes.insert((8, 0), Hash::of(b"other"));
        Fault::new(FaultKind::NodeChanged).node(8, 0)
    }),
    (FaultKind::NodeMissing, |book| {
        book.nodes.clear();
        Fault::new(FaultKind::NodeMissing).node(8, 0)
    }),
    (FaultKind::NodeOutside, |book| {
        book.nodes.insert((16, 0), Hash::of(b"other"));
        Fault::new(FaultKind::NodeOutside).node(16, 0)
    }),
    (FaultKind::RecordDiffers, |book| {
        let (act, record) = book.change_record(|record| record.body.push(' '));
        Fault::new(FaultKind::RecordDiffers).act(&act).record(&record)
    }),
    (FaultKind::RecordDiffers, |book| {
        let (act, record) = book.change_record(|record| record.family = "waiver".to_owned());
        Fault::new(FaultKind::RecordDiffers).act(&act).record(&record)
    }),
    (FaultKind::RecordDiffers, |book| {
        let (act, record) = book.change_record(|record| record.version = -1);
        Fault::new(FaultKind::RecordDiffers).act(&act).record(&record)
    }),
    (FaultKind::RecordMissing, |book| {
        book.acts.get_mut(&ATTESTED).unwrap().record = None;
        book.follow_rows();
        Fault::new(FaultKind::RecordMissing).act(&book.acts[&ATTESTED])
    }),
    (FaultKind::RecordOutside, |book| {
        let record = book.acts[&ATTESTED].record.clone().unwrap();
        book.records.push(record.clone());
        Fault::new(FaultKind::RecordOutside).record(&record)
    }),
    (FaultKind::ReportOutside, |book| {
        let row = ReportRow {
            id: 999,
            leaf: None,
            place: place("h-1", 91),
            ..book.reports[&place("h-1", 90)].clone()
        };
        book.reports.insert(row.place.clone(), row.clone());
        Fault::new(FaultKind::ReportOutside).report(&row)
    }),
    (FaultKind::RowMissing, |book| {
        book.reports.remove(&place("h-1", 1));
        book.follow_rows();
        Fault::new(FaultKind::RowMissing).leaf(0)
    }),
    (FaultKind::Signature, |book| {
        let place = book.change("h-1", 5, |row| row.signature.replace_range(40..42, "ff"));
        at(FaultKind::Signature, &place)
    }),
    (FaultKind::Signature, |book| {
        let other = book.incarnations[&("h-1".to_owned(), 1)].keys.clone();
        book.incarnations.get_mut(&("h-3".to_owned(), 1)).unwrap().keys = other;
        at(FaultKind::Signature, &place("h-3", 1))
    }),
];

#[test]
fn every_kind_of_fault_is_found_and_named() {
    for (kind, tamper) in TAMPERINGS {
        let mut book = Book::new();
        let wanted = tamper(&mut book);
        let faults = book.audited().faults;
        let same = |fault: &&Fault| {
            fault.kind == wanted.kind
                && (wanted.host.is_none() || fault.host == wanted.host)
                && (wanted.sequence.is_none() || fault.sequence == wanted.sequence)
                && (wanted.act.is_none() || fault.act == wanted.act)
                && (wanted.leaf.is_none() || fault.leaf == wanted.leaf)
                && (wanted.node.is_none() || fault.node == wanted.node)
                && (wanted.checkpoint.is_none() || fault.checkpoint == wanted.checkpoint)
        };
        assert!(
            faults.iter().any(|fault| same(&fault)),
            "{kind:?}: {wanted:?} is not in {faults:#?}"
        );
    }
    for kind in FaultKind::ALL {
        let tried = TAMPERINGS.iter().any(|(tried, _)| tried == kind) || ELSEWHERE.contains(kind);
        assert!(tried, "{kind:?} is not tried");
    }
}
