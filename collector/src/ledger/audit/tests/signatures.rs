//! Which signatures of an excerpt are verified, and what that finds.

use super::*;

/// A book as an excerpt that begins with the first leaf.
struct Part<'b> {
    book: &'b Book,
    before: Frontier,
    signatures: Signatures,
}

impl Archive for Part<'_> {
    type Error = Infallible;

    fn head(&self) -> Result<Option<Frontier>, Infallible> {
        self.book.head()
    }

    fn checkpoints(&self, after: Option<i64>, limit: usize) -> Result<Vec<CheckpointRow>, Infallible> {
        self.book.checkpoints(after, limit)
    }

    fn leaves(&self, from: u64, limit: usize) -> Result<Vec<LeafRow>, Infallible> {
        self.book.leaves(from, limit)
    }

    fn nodes(&self, _level: u8, _range: Range<u64>) -> Result<Vec<(u64, Option<Hash>)>, Infallible> {
        Ok(Vec::new())
    }

    fn reports(&self, _after: Option<&Place>, _limit: usize) -> Result<Vec<ReportRow>, Infallible> {
        Ok(Vec::new())
    }

    fn acts(&self, _after: i64, _limit: usize) -> Result<Vec<(u64, ActRow)>, Infallible> {
        Ok(Vec::new())
    }

    fn acts_outside(&self, _limit: usize) -> Result<Vec<ActRow>, Infallible> {
        Ok(Vec::new())
    }

    fn records_outside(&self, _limit: usize) -> Result<Vec<RecordRow>, Infallible> {
        Ok(Vec::new())
    }

    fn body(&self, report: &ReportRow) -> Result<Option<io::Result<Vec<u8>>>, Infallible> {
        self.book.body(report)
    }

    fn gaps(&self, _after: Option<&GapRow>, _limit: usize) -> Result<Vec<GapRow>, Infallible> {
        Ok(Vec::new())
    }

    fn incarnation(&self, host: &str, incarnation: i64) -> Result<Incarnation, Infallible> {
        let record = self.book.incarnation(host, incarnation)?;
        Ok(Incarnation { last: None, ..record })
    }

    fn excerpt(&self) -> Option<&dyn Excerpt> {
        Some(self)
    }
}

impl Excerpt for Part<'_> {
    fn before(&self) -> &Frontier {
        &self.before
    }

    fn told(&self, leaf: u64) -> Vec<GapRow> {
        let told = |gap: &&GapRow| self.book.reports[&gap.place].leaf == Some(leaf);
        self.book.gaps.iter().filter(told).cloned().collect()
    }

    fn signatures(&self) -> Signatures {
        self.signatures
    }
}

/// The reports whose signatures do not stand.
fn unsigned(book: &Book, signatures: Signatures) -> Vec<(String, i64)> {
    let part = Part {
        book,
        before: Frontier::empty(),
        signatures,
    };
    let key = VerifierKey::of(ORIGIN, &pair()).unwrap();
    let Ok(found) = Audit::run(&part, &key, &[], book.now(), &mut |_| {});
    let unsigned = |fault: Fault| {
        let host = fault.host?;
        (fault.kind == FaultKind::Signature).then_some((host, fault.sequence?))
    };
    found.faults.into_iter().filter_map(unsigned).collect()
}

/// A book whose hosts did not sign these reports, as a collector would have taken them in that never looks.
fn never_signed(reports: &[(&str, i64)]) -> Book {
    let mut book = Book::new();
    for (host, sequence) in reports {
        book.change(host, *sequence, |report| report.signature = "30".repeat(70));
    }
    book
}

#[test]
fn the_last_signature_of_a_chain_stands_for_those_before_it() {
    let whole = Book::new();
    for signatures in [Signatures::Every, Signatures::OfLast] {
        assert_eq!(unsigned(&whole, signatures), []);
    }
    let book = never_signed(&[("h-1", 20), ("h-3", 90)]);
    let of = |host: &str, sequence| (host.to_owned(), sequence);
    assert_eq!(unsigned(&book, Signatures::Every), [of("h-1", 20), of("h-3", 90)]);
    assert_eq!(unsigned(&book, Signatures::OfLast), [of("h-3", 90)]);
}

#[test]
fn a_chain_that_breaks_is_verified_up_to_the_break() {
    // The host lost two reports before its eighth: nothing later holds the hash of its seventh.
    let book = never_signed(&[("h-2", 6), ("h-2", 7)]);
    assert_eq!(
        unsigned(&book, Signatures::OfLast),
        [("h-2".to_owned(), 7)],
        "what follows the gap does not vouch for what came before"
    );
}

#[test]
fn a_body_that_is_gone_or_changed_vouches_for_nothing() {
    let mut book = never_signed(&[("h-1", 30), ("h-1", 50)]);
    book.bodies.remove(&place("h-1", 31));
    let changed = book.bodies.get_mut(&place("h-1", 51)).unwrap();
    let at = changed.iter().position(|byte| *byte == b'1').unwrap();
    changed[at] = b'2';
    let named = |sequence| ("h-1".to_owned(), sequence);
    assert_eq!(
        unsigned(&book, Signatures::OfLast),
        [named(30), named(50), named(51)]
    );
}
