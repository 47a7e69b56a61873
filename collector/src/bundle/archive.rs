//! A bundle as an audit reads it: once, from its first leaf to its last.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::ops::Range;

use plumbline_config::wire::LARGEST_REPORT;

use super::ahead::Ahead;
use super::bodies::Bodies;
use super::container::Container;
use super::gather::{PUBLISH, files_of};
use super::lines::{Line, Lines};
use super::name;
use super::rows::{CheckpointLine, EntryLine, GapLine, HostLine};
use crate::ledger::audit::{
    ActRow, Archive, CheckpointRow, Excerpt, Fault, FaultKind, GapRow, Incarnation, LeafRow, Place,
    RecordRow, ReportRow, Signatures, Subject, parallel,
};
use crate::ledger::tree::{Frontier, Hash};

/// Longest line of an entry or a body, in bytes: one whose every byte is escaped, and room for the rest.
pub(super) const LONGEST_ENTRY: usize = 2 * LARGEST_REPORT + 1024 * 1024;

/// Longest line of any other member, in bytes.
pub(super) const LONGEST_LINE: usize = 256 * 1024;

/// Bytes of bodies held at once, if they are not of a single report: few enough for a processor's cache.
const HELD: usize = 1024 * 1024;

/// Checkpoints remembered after they were read: two collectors that sign at once may both follow an older one.
const REMEMBERED: usize = 2_000;

/// Largest list of hosts read, in bytes; each takes about 250, and all are held.
const LARGEST_HOSTS: u64 = 512 * 1024 * 1024;

/// Most public keys of one incarnation of a host.
const MOST_KEYS: usize = 64;

/// A bundle, on its way through an audit.
pub(super) struct BundleArchive {
    before: Frontier,
    after: Frontier,
    hosts: HashMap<(String, i64), Vec<Vec<u8>>>,
    reading: RefCell<Reading>,
    seen: Seen,
    signatures: Signatures,
}

struct Reading {
    entries: Ahead<Line>,
    /// Entries that were read and not asked for yet.
    ready: VecDeque<io::Result<EntryLine>>,
    bodies: Bodies,
    checkpoints: Lines,
    /// Number of the next leaf, at least.
    next: u64,
    /// Bodies and gaps of the leaves read last, in their order.
    held: Vec<Held>,
    /// Checkpoints read last, and the size of the very last.
    recent: VecDeque<CheckpointRow>,
    last_size: Option<i64>,
    faults: Vec<Fault>,
    members: BTreeSet<String>,
    named: BTreeSet<String>,
}

struct Held {
    leaf: u64,
    body: Option<io::Result<Vec<u8>>>,
    gaps: Vec<GapLine>,
}

/// When the checkpoints at both ends were signed, in microseconds since 1970.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) first: Cell<Option<i64>>,
    pub(super) last: Cell<Option<i64>>,
}

/// What an audit leaves of a bundle.
pub(super) struct Rest {
    /// Lines that are none.
    pub(super) faults: Vec<Fault>,
    /// Members that records and acts name: evidence files, and plans that were published.
    pub(super) named: BTreeSet<String>,
    pub(super) seen: Seen,
    /// SHA-256 of the members that were read; none where their lines are proved one by one.
    pub(super) sha256: Vec<(&'static str, io::Result<Option<String>>)>,
}

impl BundleArchive {
    /// Opens the members that the audit reads; those that can't be are faults, and then there is nothing to audit.
    pub(super) fn open(
        container: &Container,
        before: Frontier,
        after: Frontier,
        signatures: Signatures,
    ) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut open = |name: &'static str, longest| {
            let opened = Lines::open(container, name, longest);
            opened_or(opened, name, &mut faults)
        };
        let opened = (
            open(name::ENTRIES, LONGEST_ENTRY),
            open(name::BODIES, LONGEST_ENTRY),
            open(name::CHECKPOINTS, LONGEST_LINE),
            open(name::HOSTS, LONGEST_LINE),
        );
        let (Some(entries), Some(bodies), Some(checkpoints), Some(mut lines)) = opened else {
            return Err(faults);
        };
        let bodies = match signatures {
            Signatures::Every => bodies,
            Signatures::OfLast => bodies.without_hash(),
        };
        let entries = Ahead::start(entries, Ok).map_err(|error| vec![unreadable(name::ENTRIES, &error)])?;
        let bodies = Bodies::start(bodies).map_err(|error| vec![unreadable(name::BODIES, &error)])?;
        let mut hosts = HashMap::new();
        if container
            .size(name::HOSTS)
            .is_none_or(|size| size > LARGEST_HOSTS)
        {
            let why = format!("larger than {LARGEST_HOSTS} bytes");
            return Err(vec![unreadable(name::HOSTS, &why)]);
        }
        loop {
            match lines.next::<HostLine>() {
                Ok(None) => break,
                Ok(Some(host)) => match host.keys().filter(|keys| keys.len() <= MOST_KEYS) {
                    Some(keys) => {
                        hosts.insert((host.host, host.incarnation), keys);
                    }
                    None => faults.push(unreadable(
                        name::HOSTS,
                        &format!("line {}: its keys", lines.number()),
                    )),
                },
                Err(error) if error.kind() == io::ErrorKind::InvalidData && faults.len() < REMEMBERED => {
                    faults.push(unreadable(name::HOSTS, &error));
                }
                Err(error) => return Err(vec![unreadable(name::HOSTS, &error)]),
            }
        }
        Ok(Self {
            reading: RefCell::new(Reading {
                entries,
                ready: VecDeque::new(),
                bodies,
                checkpoints,
                next: before.size(),
                held: Vec::new(),
                recent: VecDeque::new(),
                last_size: None,
                faults,
                members: container.names().map(str::to_owned).collect(),
                named: BTreeSet::new(),
            }),
            before,
            after,
            hosts,
            seen: Seen::default(),
            signatures,
        })
    }

    /// What is left of it, and what of it nobody read: that is too much.
    pub(super) fn ended(self) -> Rest {
        let mut reading = self.reading.into_inner();
        let more = reading.entry();
        let Reading {
            entries,
            bodies,
            mut checkpoints,
            mut faults,
            named,
            ..
        } = reading;
        if let Ok(Some(line)) = more {
            let fault = Fault::new(FaultKind::LeafOutside)
                .leaf(line.leaf)
                .member(name::ENTRIES);
            faults.push(fault);
        }
        if let Ok(Some(line)) = checkpoints.next::<CheckpointLine>() {
            let fault = Fault::new(FaultKind::CheckpointAhead).checkpoint(line.size);
            faults.push(fault.member(name::CHECKPOINTS));
        }
        let (of_bodies, bodies) = bodies.ended();
        faults.extend(of_bodies);
        Rest {
            faults,
            named,
            seen: self.seen,
            sha256: vec![
                (name::ENTRIES, entries.sha256()),
                (name::BODIES, bodies),
                (name::CHECKPOINTS, checkpoints.sha256()),
            ],
        }
    }
}

/// The members that an act names: evidence files of its record, or the plan that it published.
pub(super) fn named_by(act: &ActRow) -> Vec<String> {
    let mut files = BTreeSet::new();
    files_of(act, &mut files);
    let plan = (act.what == PUBLISH).then(|| format!("{}{}.toml", name::PLAN, act.on));
    let files = files
        .into_iter()
        .map(|sha256| format!("{}{sha256}", name::EVIDENCE));
    files.chain(plan).collect()
}

/// What was opened; what could not be is a fault.
pub(super) fn opened_or<T>(opened: Option<io::Result<T>>, name: &str, faults: &mut Vec<Fault>) -> Option<T> {
    match opened {
        None => faults.push(Fault::new(FaultKind::MemberMissing).member(name)),
        Some(Err(error)) => faults.push(unreadable(name, &error)),
        Some(Ok(opened)) => return Some(opened),
    }
    None
}

/// A member, or a line of it, that can't be read.
pub(super) fn unreadable(name: &str, why: &dyn ToString) -> Fault {
    let fault = Fault::new(FaultKind::MemberUnreadable).member(name);
    fault.differs("content", "lines as a collector writes them", why.to_string())
}

impl Reading {
    /// The next entry; `None`: there are no more.
    fn entry(&mut self) -> io::Result<Option<EntryLine>> {
        if self.ready.is_empty() {
            self.ready = parallel::map(&self.entries.batch(), |line| match line {
                Ok(line) => line.read(),
                Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
            })
            .into();
        }
        self.ready.pop_front().transpose()
    }

    fn held(&mut self, leaf: u64) -> Option<&mut Held> {
        let at = self.held.binary_search_by_key(&leaf, |held| held.leaf).ok()?;
        self.held.get_mut(at)
    }

    /// The next leaf in order; what is out of order is a fault.
    fn leaf(&mut self) -> Option<LeafRow> {
        loop {
            let mut line = match self.entry() {
                Ok(line) => line?,
                Err(error) => {
                    let goes_on =
                        error.kind() == io::ErrorKind::InvalidData && self.faults.len() < REMEMBERED;
                    self.faults.push(unreadable(name::ENTRIES, &error));
                    if goes_on {
                        continue;
                    }
                    return None;
                }
            };
            if line.leaf < self.next {
                if self.faults.len() < REMEMBERED {
                    let fault = Fault::new(FaultKind::LeafOrder)
                        .leaf(line.leaf)
                        .member(name::ENTRIES);
                    self.faults.push(fault.differs("leaf", self.next, line.leaf));
                }
                continue;
            }
            self.next = line.leaf.saturating_add(1);
            if let Some(report) = &mut line.report {
                self.held.push(Held {
                    leaf: line.leaf,
                    body: self.bodies.of(line.leaf, report.has_body),
                    gaps: std::mem::take(&mut report.gaps),
                });
            }
            let row = line.row();
            if let Subject::Act(act) = &row.of {
                let named = named_by(act).into_iter();
                self.named
                    .extend(named.filter(|name| self.members.contains(name)));
            }
            return Some(row);
        }
    }

    /// The next checkpoint in order.
    fn checkpoint(&mut self) -> Option<CheckpointRow> {
        loop {
            match self.checkpoints.next::<CheckpointLine>() {
                Ok(None) => return None,
                Ok(Some(line)) if self.last_size.is_none_or(|last| line.size > last) => {
                    self.last_size = Some(line.size);
                    let row = line.row();
                    if self.recent.len() == REMEMBERED {
                        self.recent.pop_front();
                    }
                    self.recent.push_back(row.clone());
                    return Some(row);
                }
                Ok(Some(line)) => {
                    let fault = Fault::new(FaultKind::CheckpointDiffers).checkpoint(line.size);
                    let fault = fault.member(name::CHECKPOINTS);
                    self.faults
                        .push(fault.differs("order", self.last_size.unwrap_or(0), line.size));
                }
                Err(error) => {
                    let goes_on = error.kind() == io::ErrorKind::InvalidData;
                    self.faults.push(unreadable(name::CHECKPOINTS, &error));
                    if !goes_on {
                        return None;
                    }
                }
            }
            if self.faults.len() >= REMEMBERED {
                return None;
            }
        }
    }
}

impl Archive for BundleArchive {
    type Error = Infallible;

    fn head(&self) -> Result<Option<Frontier>, Infallible> {
        Ok(Some(self.after.clone()))
    }

    fn checkpoints(&self, after: Option<i64>, limit: usize) -> Result<Vec<CheckpointRow>, Infallible> {
        let mut reading = self.reading.borrow_mut();
        if after != reading.last_size {
            let later = reading
                .recent
                .iter()
                .filter(|row| after.is_none_or(|after| row.size > after));
            return Ok(later.take(limit).cloned().collect());
        }
        let mut page = Vec::new();
        while page.len() < limit
            && let Some(row) = reading.checkpoint()
        {
            let size = u64::try_from(row.size).unwrap_or(u64::MAX);
            if size == self.before.size() {
                self.seen.first.set(Some(row.signed_at));
            }
            if size == self.after.size() {
                self.seen.last.set(Some(row.signed_at));
            }
            page.push(row);
        }
        Ok(page)
    }

    fn leaves(&self, from: u64, limit: usize) -> Result<Vec<LeafRow>, Infallible> {
        let mut reading = self.reading.borrow_mut();
        reading.held.clear();
        let mut page = Vec::new();
        // What comes after the end is looked for once the audit is over.
        if from >= self.after.size() || from < reading.next {
            return Ok(page);
        }
        let mut held = 0;
        while page.len() < limit && held < HELD {
            let Some(leaf) = reading.leaf() else { break };
            let body = reading.held(leaf.index).and_then(|held| held.body.as_ref());
            held += body.and_then(|body| body.as_ref().ok()).map_or(0, Vec::len);
            let is_last = leaf.index.saturating_add(1) >= self.after.size();
            page.push(leaf);
            if is_last {
                break;
            }
        }
        Ok(page)
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
        let mut reading = self.reading.borrow_mut();
        let held = report.leaf.and_then(|leaf| reading.held(leaf));
        Ok(held.and_then(|held| held.body.take()))
    }

    fn gaps(&self, _after: Option<&GapRow>, _limit: usize) -> Result<Vec<GapRow>, Infallible> {
        Ok(Vec::new())
    }

    fn incarnation(&self, host: &str, incarnation: i64) -> Result<Incarnation, Infallible> {
        let keys = self.hosts.get(&(host.to_owned(), incarnation)).cloned();
        Ok(Incarnation {
            keys: keys.unwrap_or_default(),
            last: None,
        })
    }

    fn excerpt(&self) -> Option<&dyn Excerpt> {
        Some(self)
    }
}

impl Excerpt for BundleArchive {
    fn before(&self) -> &Frontier {
        &self.before
    }

    fn told(&self, leaf: u64) -> Vec<GapRow> {
        let mut reading = self.reading.borrow_mut();
        let gaps = reading.held(leaf).map(|held| std::mem::take(&mut held.gaps));
        let place = |gap: GapLine| {
            gap.row(Place {
                host: String::new(),
                incarnation: 0,
                sequence: 0,
            })
        };
        gaps.unwrap_or_default().into_iter().map(place).collect()
    }

    fn signatures(&self) -> Signatures {
        self.signatures
    }
}
