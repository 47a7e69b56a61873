//! The reports of each incarnation of a host, in their order.

use std::collections::VecDeque;
use std::io;

use data_encoding::HEXLOWER;
use plumbline_config::seal;
use plumbline_config::wire::FIRST_PREVIOUS;
use serde::Deserialize;

use super::archive::{Archive, GapRow, Incarnation, Place, ReportRow};
use super::fault::{Fault, FaultKind};
use super::{Audit, PAGE, Progress};
use crate::ledger::tree::Hash;

/// How far the chain of an incarnation is.
pub(super) struct Chain {
    host: String,
    incarnation: i64,
    pub(super) record: Incarnation,
    /// Which of its keys signed the report before.
    pub(super) key: usize,
    /// Its first report is one of a time before the archive's: what it follows is not known.
    cut: bool,
    /// The report before: itself, its sequence and its body's SHA-256.
    before: Option<ReportRow>,
    pub(super) sequence: i64,
    sha256: String,
}

/// Gaps in the order of reports, read as the reports come to them.
#[derive(Default)]
struct Gaps {
    waiting: VecDeque<GapRow>,
    after: Option<GapRow>,
    ended: bool,
}

/// What a body shows by itself.
pub(super) struct Examined {
    sha256: String,
    body: Result<Body, String>,
}

/// What of a body must be what is on record of it.
#[derive(Deserialize)]
struct Body {
    incarnation: i64,
    sequence: i64,
    previous: String,
    sealed_at: jiff::Timestamp,
    #[serde(default)]
    dropped_reports: i64,
    assessment: Option<Assessment>,
}

#[derive(Deserialize)]
struct Assessment {
    host: Host,
}

#[derive(Deserialize)]
struct Host {
    id: Option<String>,
}

impl<A: Archive + ?Sized> Audit<'_, A> {
    /// Follows every chain.
    pub(super) fn chains(&mut self) -> Result<(), A::Error> {
        let mut after: Option<Place> = None;
        let mut chain: Option<Chain> = None;
        let mut gaps = Gaps::default();
        loop {
            let page = self.archive.reports(after.as_ref(), PAGE)?;
            for report in &page {
                let of = |chain: &Chain| {
                    chain.host == report.place.host && chain.incarnation == report.place.incarnation
                };
                let mut here = match chain.take() {
                    Some(chain) if of(&chain) => chain,
                    before => {
                        self.ended(before);
                        self.begin(&report.place)?
                    }
                };
                let told = self.gaps_up_to(&mut gaps, Some(&report.place))?;
                self.report(report, &mut here, &told)?;
                chain = Some(here);
            }
            (self.progress)(Progress::Reports(self.found.reports));
            match page.into_iter().next_back() {
                Some(last) => after = Some(last.place),
                None => break,
            }
        }
        self.ended(chain);
        self.gaps_up_to(&mut gaps, None)?;
        Ok(())
    }

    /// The gaps that the report at `place` told of. One before it, or after the last report, is of a report that is
    /// not there.
    fn gaps_up_to(&mut self, gaps: &mut Gaps, place: Option<&Place>) -> Result<Vec<GapRow>, A::Error> {
        let mut told = Vec::new();
        loop {
            if gaps.waiting.is_empty() && !gaps.ended {
                let page = self.archive.gaps(gaps.after.as_ref(), PAGE)?;
                gaps.after = page.last().cloned().or(gaps.after.take());
                gaps.ended = page.is_empty();
                gaps.waiting.extend(page);
            }
            let Some(gap) = gaps
                .waiting
                .pop_front_if(|gap| place.is_none_or(|place| gap.place <= *place))
            else {
                return Ok(told);
            };
            if place == Some(&gap.place) {
                told.push(gap);
            } else {
                let fault = Fault::new(FaultKind::GapDiffers).at(&gap.place);
                self.fault(fault.differs("report", "the one that told of it", "none"));
            }
        }
    }

    fn begin(&mut self, place: &Place) -> Result<Chain, A::Error> {
        Ok(Chain {
            record: self.archive.incarnation(&place.host, place.incarnation)?,
            host: place.host.clone(),
            incarnation: place.incarnation,
            key: 0,
            cut: false,
            before: None,
            sequence: 0,
            sha256: FIRST_PREVIOUS.to_owned(),
        })
    }

    /// The chain that goes on with a report, whatever came before it.
    pub(super) fn begin_at(&mut self, report: &ReportRow) -> Result<Chain, A::Error> {
        let chain = self.begin(&report.place)?;
        if report.place.sequence <= 1 {
            return Ok(chain);
        }
        Ok(Chain {
            cut: true,
            sequence: report.place.sequence.saturating_sub(1),
            sha256: report.previous.clone(),
            ..chain
        })
    }

    /// The last report of a chain must be the one that its host is known to have sent last.
    fn ended(&mut self, chain: Option<Chain>) {
        let Some(chain) = chain else { return };
        let place = Place {
            host: chain.host,
            incarnation: chain.incarnation,
            sequence: chain.sequence,
        };
        let fault = |kind| Fault::new(kind).at(&place);
        if let Some((sequence, sha256)) = &chain.record.last {
            if *sequence != chain.sequence {
                self.fault(fault(FaultKind::ChainGap).differs("last_sequence", sequence, chain.sequence));
            } else if sha256.as_ref() != Some(&chain.sha256) {
                let sha256 = sha256.as_deref().unwrap_or("none");
                self.fault(fault(FaultKind::ChainBroken).differs("last_sha256", sha256, chain.sha256));
            }
        }
    }

    fn report(&mut self, report: &ReportRow, chain: &mut Chain, told: &[GapRow]) -> Result<(), A::Error> {
        self.placed(report, chain.before.as_ref());
        let unpacked = self.archive.body(report)?;
        if let Some(Ok(bytes)) = &unpacked {
            match signed_by(&chain.record.keys, chain.key, bytes, &report.signature) {
                Some(key) => chain.key = key,
                None => self.unsigned(report, chain.record.keys.len()),
            }
        }
        let examined = unpacked.map(|bytes| bytes.map(|bytes| examine(&bytes)));
        self.linked(report, chain, examined, told);
        chain.before = Some(report.clone());
        Ok(())
    }

    /// A report must have its body, and follow the one before.
    pub(super) fn linked(
        &mut self,
        report: &ReportRow,
        chain: &mut Chain,
        examined: Option<io::Result<Examined>>,
        told: &[GapRow],
    ) {
        self.found.reports += 1;
        let body = examined.and_then(|examined| self.body(report, examined));
        self.follows(report, chain, body.as_ref(), told);
        chain.cut = false;
        chain.sequence = report.place.sequence;
        chain.sha256.clone_from(&report.body_sha256);
    }

    /// A report must have a leaf, after that of the report before.
    fn placed(&mut self, report: &ReportRow, before: Option<&ReportRow>) {
        if report.leaf.is_none() {
            self.fault(Fault::new(FaultKind::ReportOutside).report(report));
        }
        let Some(before) = before else { return };
        if let Some((earlier, later)) = before
            .leaf
            .zip(report.leaf)
            .filter(|(before, here)| before > here)
        {
            // Either was moved.
            for report in [before, report] {
                let fault = Fault::new(FaultKind::LeafOrder).report(report);
                self.fault(fault.differs(
                    "leaf",
                    format!("{later} before {earlier}"),
                    format!("{earlier} before {later}"),
                ));
            }
        }
    }

    /// A report must follow the one before, or a gap must be on record.
    fn follows(&mut self, report: &ReportRow, chain: &Chain, body: Option<&Body>, told: &[GapRow]) {
        let fault = |kind| Fault::new(kind).report(report);
        let skipped = report
            .place
            .sequence
            .saturating_sub(chain.sequence)
            .saturating_sub(1);
        let chained = skipped == 0 && report.previous == chain.sha256;

        let missing = skipped.max(body.map_or(0, |body| body.dropped_reports));
        if let Some(gap) = told.first() {
            for (what, is, on_record) in [
                ("missing", missing, gap.missing),
                ("chained", i64::from(chained), gap.chained),
                ("noticed_at", report.received_at, gap.noticed_at),
            ] {
                // Without its body nobody knows what the report said of a gap, and without the report before it
                // nobody knows how large it is.
                let known = what == "noticed_at" || !chain.cut && (what != "missing" || body.is_some());
                if is != on_record && known {
                    self.fault(fault(FaultKind::GapDiffers).differs(what, is, on_record));
                }
            }
        } else if missing > 0 {
            let expected = chain.sequence.saturating_add(1);
            self.fault(fault(FaultKind::ChainGap).differs("sequence", expected, report.place.sequence));
        } else if !chained {
            self.fault(fault(FaultKind::ChainBroken).differs("previous", &chain.sha256, &report.previous));
        }
        if told.len() > 1 {
            self.fault(fault(FaultKind::GapDiffers).differs("gaps", 1, told.len()));
        }
    }

    /// A report that none of its host's keys signed, of so many.
    pub(super) fn unsigned(&mut self, report: &ReportRow, keys: usize) {
        let fault = Fault::new(FaultKind::Signature).report(report);
        let keys = format!("by one of {keys} keys on record");
        self.fault(fault.differs("signature", keys, &report.signature));
    }

    /// A kept body must have its hash, and say what is on record of it.
    fn body(&mut self, report: &ReportRow, examined: io::Result<Examined>) -> Option<Body> {
        self.found.bodies += 1;
        let fault = |kind| Fault::new(kind).report(report);
        let Examined { sha256, body } = match examined {
            Ok(examined) => examined,
            Err(error) => {
                self.fault(fault(FaultKind::BodyUnreadable).differs("body", "a packed body", error));
                return None;
            }
        };
        if sha256 != report.body_sha256 {
            self.fault(fault(FaultKind::BodyChanged).differs("body_sha256", &report.body_sha256, sha256));
        }
        let body = match body {
            Ok(body) => body,
            Err(error) => {
                self.fault(fault(FaultKind::BodyUnreadable).differs("body", "a report", error));
                return None;
            }
        };
        let place = &report.place;
        let sealed_at = body.sealed_at.as_microsecond();
        let host = body
            .assessment
            .as_ref()
            .and_then(|assessment| assessment.host.id.as_deref());
        for (what, said, on_record) in [
            ("host", host.unwrap_or(&place.host), place.host.as_str()),
            ("previous", body.previous.as_str(), report.previous.as_str()),
        ] {
            if said != on_record {
                self.fault(fault(FaultKind::BodyDiffers).differs(what, said, on_record));
            }
        }
        for (what, said, on_record) in [
            ("incarnation", body.incarnation, place.incarnation),
            ("sequence", body.sequence, place.sequence),
            ("sealed_at", sealed_at, report.sealed_at),
        ] {
            if said != on_record {
                self.fault(fault(FaultKind::BodyDiffers).differs(what, said, on_record));
            }
        }
        Some(body)
    }
}

impl Examined {
    /// Whether it is the body of a report, as that is on record.
    pub(super) fn is_of(&self, report: &ReportRow) -> bool {
        self.sha256 == report.body_sha256
    }
}

impl Chain {
    /// Whether a report is the next one, with a body that names the hash of the one before: whoever signs it signs
    /// that one, too.
    pub(super) fn is_vouched_for_by(&self, report: &ReportRow, examined: &Examined) -> bool {
        let names = |body: &Body| body.previous == self.sha256 && body.sequence == report.place.sequence;
        !self.cut
            && report.place.sequence == self.sequence.saturating_add(1)
            && examined.is_of(report)
            && examined.body.as_ref().is_ok_and(names)
    }
}

/// Looks at a body.
pub(super) fn examine(bytes: &[u8]) -> Examined {
    Examined {
        sha256: Hash::of(bytes).hex(),
        body: serde_json::from_slice(bytes).map_err(|error| error.to_string()),
    }
}

/// Which key made a signature: most often the one that made the signature before, or the next.
pub(crate) fn signed_by(keys: &[Vec<u8>], likely: usize, bytes: &[u8], signature: &str) -> Option<usize> {
    // One form alone: what is on record is what was hashed.
    HEXLOWER.decode(signature.as_bytes()).ok()?;
    let (older, newer) = keys.split_at_checked(likely)?;
    let mut keys = (likely..).zip(newer).chain((0..).zip(older));
    let made = keys.find(|(_, key)| seal::verify(key, bytes, signature).is_ok());
    made.map(|(index, _)| index)
}
