//! Whether a bundle is what a collector wrote, and what it says what the collector took in.

use std::collections::BTreeSet;
use std::io;

use jiff::Timestamp;
use serde::Serialize;

use super::archive::{BundleArchive, LONGEST_ENTRY, LONGEST_LINE, named_by, opened_or, unreadable};
use super::container::Container;
use super::lines::{Lines, sha256_of};
use super::manifest::{Covered, FORMAT, LARGEST_MANIFEST, Manifest, check_note};
use super::name;
use super::rows::{EarlierLine, PlanLine};
use crate::ledger::audit::{Audit, Fault, FaultKind, Findings, Progress, Signatures, faults_of_record};
use crate::ledger::note::{LARGEST_NOTE, VerifierKey};
use crate::ledger::proof::verify_inclusion;
use crate::ledger::statement::Statement;
use crate::ledger::tree::{Frontier, Hash};

/// Largest plan read, in bytes.
const LARGEST_PLAN: u64 = 4 * 1024 * 1024;

/// Lines of a member that are none, and are named.
const MOST_UNREADABLE: usize = 1_000;

/// Longest proof that a leaf is in a tree.
const LONGEST_PROOF: usize = 64;

/// What came of a bundle.
#[derive(Clone, Debug, Serialize)]
pub struct Verified {
    /// What it says it is; `None`: it says nothing that can be read.
    pub bundle: Option<Identity>,
    /// What was found in it.
    #[serde(flatten)]
    pub findings: Findings,
}

/// What a bundle says it is.
#[derive(Clone, Debug, Serialize)]
pub struct Identity {
    /// Which ledger.
    pub origin: String,
    /// The key that all was checked with.
    pub key: String,
    /// Its fingerprint: SHA-256 of the line before, in hexadecimal.
    pub key_fingerprint: String,
    /// Whether the key was given, and not taken from the bundle.
    pub key_given: bool,
    /// The company.
    pub company: String,
    /// The period.
    pub period: Covered,
    /// Number of the first leaf.
    pub first: u64,
    /// Leaves of the tree at its end.
    pub size: u64,
    /// Until when it holds all that was taken in.
    pub covers_until: Option<Timestamp>,
    /// Acts from before the first leaf, each proved to be in the tree.
    pub earlier: u64,
}

/// Verifies a bundle, with `key` or else the key that it names, and of its hosts' signatures those of `signatures`. The
/// tree must continue the checkpoints `anchors`, which are in the order of their sizes. `now` is in microseconds since
/// 1970.
pub fn verify(
    container: &Container,
    key: Option<&VerifierKey>,
    anchors: &[Statement],
    signatures: Signatures,
    now: i64,
    progress: &mut dyn FnMut(Progress),
) -> Verified {
    let mut faults = Vec::new();
    let read = manifest(container, &mut faults).and_then(|(manifest, bytes)| {
        let own = match manifest.key.parse() {
            Ok(own) => own,
            Err(error) => {
                faults.push(unreadable(name::MANIFEST, &error));
                key.cloned()?
            }
        };
        Some((manifest, bytes, key.cloned().unwrap_or(own)))
    });
    let Some((manifest, bytes, with)) = read else {
        return Verified {
            bundle: None,
            findings: findings(Findings::default(), faults),
        };
    };
    let mut checking = Checking {
        container,
        manifest: &manifest,
        key: &with,
        signatures,
        faults,
        hashed: BTreeSet::new(),
        named: BTreeSet::new(),
    };
    checking.signed(&bytes);
    checking.members();
    let (found, covers_until, earlier) = checking.contents(anchors, now, progress);
    checking.hashes();
    let key_text = with.to_string();
    let Checking { faults, .. } = checking;
    Verified {
        bundle: Some(Identity {
            origin: manifest.origin,
            key_fingerprint: Hash::of(key_text.as_bytes()).hex(),
            key: key_text,
            key_given: key.is_some(),
            company: manifest.company,
            period: manifest.period,
            first: manifest.ledger.first,
            size: manifest.ledger.size,
            covers_until,
            earlier,
        }),
        findings: findings(found, faults),
    }
}

/// The key that a bundle names, for whoever was given none.
#[must_use]
pub fn key_of(container: &Container) -> Option<VerifierKey> {
    let (manifest, _) = manifest(container, &mut Vec::new())?;
    manifest.key.parse().ok()
}

/// Faults of the bundle before those of what it holds.
fn findings(found: Findings, faults: Vec<Fault>) -> Findings {
    let later = found.faults;
    let unnamed = found.faults_total.saturating_sub(later.len() as u64);
    let mut all = Findings {
        faults_total: unnamed,
        faults: Vec::new(),
        ..found
    };
    for fault in faults.into_iter().chain(later) {
        all.add(fault);
    }
    all
}

fn manifest(container: &Container, faults: &mut Vec<Fault>) -> Option<(Manifest, Vec<u8>)> {
    let bytes = container.small(name::MANIFEST, LARGEST_MANIFEST);
    let bytes = opened_or(bytes, name::MANIFEST, faults)?;
    match serde_json::from_slice::<Manifest>(&bytes) {
        Ok(manifest) if manifest.format == FORMAT => Some((manifest, bytes)),
        Ok(manifest) => {
            let format: String = manifest.format.chars().take(80).collect();
            let fault = Fault::new(FaultKind::MemberUnreadable).member(name::MANIFEST);
            faults.push(fault.differs("format", FORMAT, format));
            None
        }
        Err(error) => {
            faults.push(unreadable(name::MANIFEST, &error));
            None
        }
    }
}

struct Checking<'c> {
    container: &'c Container,
    manifest: &'c Manifest,
    key: &'c VerifierKey,
    signatures: Signatures,
    faults: Vec<Fault>,
    /// Members whose hashes were compared on the way.
    hashed: BTreeSet<&'static str>,
    /// Members that records and acts name.
    named: BTreeSet<String>,
}

impl Checking<'_> {
    fn fault(&mut self, kind: FaultKind, member: &str, what: &'static str, of: [&dyn ToString; 2]) {
        let [expected, found] = of.map(ToString::to_string);
        let fault = Fault::new(kind).member(member);
        self.faults.push(fault.differs(what, expected, found));
    }

    /// The manifest must be signed; where it is not, each member's own signature tells which was changed.
    fn signed(&mut self, bytes: &[u8]) {
        let note = self.container.small(name::MANIFEST_NOTE, LARGEST_NOTE as u64);
        let Some(note) = opened_or(note, name::MANIFEST_NOTE, &mut self.faults) else {
            return;
        };
        let signed = check_note(&note, self.key, bytes);
        let origin = &self.manifest.origin;
        if signed.is_ok() && origin == self.key.name() {
            return;
        }
        let reason = signed
            .err()
            .map_or_else(|| origin.clone(), |error| error.to_string());
        let by = format!("signed by {}", self.key);
        self.fault(
            FaultKind::ManifestSignature,
            name::MANIFEST,
            "note",
            [&by, &reason],
        );
        let manifest = self.manifest;
        let unsigned = manifest
            .members
            .iter()
            .filter(|member| !manifest.is_signed(member, self.key));
        for member in unsigned {
            self.fault(
                FaultKind::MemberChanged,
                &member.name,
                "signature",
                [&by, &member.sha256],
            );
        }
    }

    /// Just the members that the manifest names must be there, as large as it says.
    fn members(&mut self) {
        let manifest = self.manifest;
        let mut listed = BTreeSet::from([name::MANIFEST, name::MANIFEST_NOTE]);
        for member in &manifest.members {
            if !listed.insert(&member.name) {
                self.fault(FaultKind::MemberAdded, &member.name, "named", [&1, &2]);
            }
            match self.container.size(&member.name) {
                None => self
                    .faults
                    .push(Fault::new(FaultKind::MemberMissing).member(&member.name)),
                Some(size) if size != member.size => {
                    self.fault(
                        FaultKind::MemberChanged,
                        &member.name,
                        "size",
                        [&member.size, &size],
                    );
                }
                Some(_) => {}
            }
        }
        let report = manifest.without_report.is_none().then_some(name::OF_REPORT);
        let always = name::ALWAYS.into_iter().chain(report.into_iter().flatten());
        for name in always.filter(|name| !listed.contains(name)) {
            self.faults
                .push(Fault::new(FaultKind::MemberMissing).member(name));
        }
        for name in self.container.names().filter(|name| !listed.contains(name)) {
            self.faults.push(Fault::new(FaultKind::MemberAdded).member(name));
        }
    }

    /// What the members hold: the leaves first, then what stands beside them.
    fn contents(
        &mut self,
        anchors: &[Statement],
        now: i64,
        progress: &mut dyn FnMut(Progress),
    ) -> (Findings, Option<Timestamp>, u64) {
        let tree = &self.manifest.ledger;
        let edges = tree.before().zip(tree.after());
        let Some((before, after)) = edges.filter(|(before, after)| before.size() <= after.size()) else {
            let fault = Fault::new(FaultKind::HeadDiffers).member(name::MANIFEST);
            self.faults
                .push(fault.differs("ledger", "a right edge", "nothing that can be read"));
            return (Findings::default(), None, 0);
        };
        let archive = match BundleArchive::open(self.container, before, after.clone(), self.signatures) {
            Ok(archive) => archive,
            Err(faults) => {
                self.faults.extend(faults);
                return (Findings::default(), None, 0);
            }
        };
        let Ok(found) = Audit::run(&archive, self.key, anchors, now, progress);
        let rest = archive.ended();
        self.faults.extend(rest.faults);
        self.named.extend(rest.named);
        for (name, sha256) in rest.sha256 {
            self.hashed.insert(name);
            self.compare(name, sha256);
        }
        self.begins_in_time(rest.seen.first.get());
        let until = rest
            .seen
            .last
            .get()
            .and_then(|at| Timestamp::from_microsecond(at).ok());
        let earlier = self.earlier(&after);
        self.plans();
        (found, until, earlier)
    }

    /// The leaves must begin with a checkpoint that was signed before the period.
    fn begins_in_time(&mut self, signed_at: Option<i64>) {
        let first = self.manifest.ledger.first;
        if first == 0 {
            return;
        }
        let begins_at = self.manifest.period.begins_at;
        let kept = i64::try_from(first).unwrap_or(i64::MAX);
        let fault = Fault::new(FaultKind::CheckpointMissing).checkpoint(kept);
        match signed_at {
            None => self.faults.push(fault.differs("size", first, "none")),
            Some(at) if at > begins_at.as_microsecond() => {
                self.faults
                    .push(fault.differs("signed_at", begins_at.as_microsecond(), at));
            }
            Some(_) => {}
        }
    }

    /// Every act from before the leaves must be in the tree at their end.
    fn earlier(&mut self, after: &Frontier) -> u64 {
        let root = after.root();
        let mut proved = 0;
        let mut previous = None;
        self.lines(name::EARLIER, LONGEST_ENTRY, |checking, line: EarlierLine| {
            let act = line.act.row();
            let proof: Option<Vec<Hash>> = line.proof.iter().map(|hash| Hash::from_hex(hash)).collect();
            let proof = proof.filter(|proof| proof.len() <= LONGEST_PROOF);
            let hash = act.entry().map(|entry| entry.leaf_hash());
            let is_in = hash.zip(proof).is_some_and(|(hash, proof)| {
                line.hash == hash.hex() && verify_inclusion(&hash, line.leaf, after.size(), &proof, &root)
            });
            let first = checking.manifest.ledger.first;
            if !is_in || line.leaf >= first || previous.is_some_and(|previous| line.leaf <= previous) {
                let fault = Fault::new(FaultKind::InclusionFalse).act(&act).leaf(line.leaf);
                checking.faults.push(fault.member(name::EARLIER));
            }
            previous = Some(line.leaf);
            let faults = faults_of_record(&act).into_iter();
            checking.faults.extend(faults.map(|fault| fault.leaf(line.leaf)));
            let named = named_by(&act).into_iter();
            let members = checking.container;
            checking
                .named
                .extend(named.filter(|name| members.size(name).is_some()));
            proved += 1;
        });
        proved
    }

    /// Every plan must be the one that was published, and signed.
    fn plans(&mut self) {
        let (mut plans, with) = (BTreeSet::new(), self.key);
        self.lines(name::PLANS, LONGEST_LINE, |checking, line: PlanLine| {
            let name = format!("{}{}.toml", name::PLAN, line.sha256);
            let Some(text) = checking.container.small(&name, LARGEST_PLAN) else {
                checking
                    .faults
                    .push(Fault::new(FaultKind::MemberMissing).member(&name));
                return;
            };
            let text = match text {
                Ok(text) => text,
                Err(error) => return checking.faults.push(unreadable(&name, &error)),
            };
            let found = Hash::of(&text).hex();
            let signature = data_encoding::HEXLOWER.decode(line.signature.as_bytes());
            let is_signed = signature.is_ok_and(|signature| checking.key.made(&signature, &text));
            if found != line.sha256 {
                checking.fault(FaultKind::PlanDiffers, &name, "sha256", [&line.sha256, &found]);
            } else if !is_signed {
                checking.fault(
                    FaultKind::PlanDiffers,
                    &name,
                    "signature",
                    [&with, &line.signature],
                );
            }
            plans.insert(name);
        });
        let container = self.container;
        let members = container
            .names()
            .filter(|name| name.starts_with(name::PLAN) || name.starts_with(name::EVIDENCE));
        for name in members {
            // No act published it, or no record names it.
            if !self.named.contains(name) || (name.starts_with(name::PLAN) && !plans.contains(name)) {
                self.faults.push(Fault::new(FaultKind::MemberAdded).member(name));
            }
        }
    }

    /// Calls `each` with each line of a member; those that are none are faults.
    fn lines<T: serde::de::DeserializeOwned>(
        &mut self,
        name: &'static str,
        longest: usize,
        mut each: impl FnMut(&mut Self, T),
    ) {
        let opened = Lines::open(self.container, name, longest);
        let Some(mut lines) = opened_or(opened, name, &mut self.faults) else {
            return;
        };
        let mut unread = 0;
        loop {
            match lines.next() {
                Ok(Some(line)) => each(self, line),
                Ok(None) => break,
                Err(error) => {
                    self.faults.push(unreadable(name, &error));
                    unread += 1;
                    if error.kind() != io::ErrorKind::InvalidData || unread >= MOST_UNREADABLE {
                        break;
                    }
                }
            }
        }
        self.hashed.insert(name);
        self.compare(name, lines.sha256());
    }

    /// Every other member must have the hash that the manifest names.
    fn hashes(&mut self) {
        let manifest = self.manifest;
        for member in &manifest.members {
            if self.hashed.contains(member.name.as_str()) {
                continue;
            }
            let Some(opened) = self.container.member(&member.name) else {
                continue;
            };
            let sha256 = opened.and_then(sha256_of);
            let own = member.name.strip_prefix(name::EVIDENCE);
            if let (Some(own), Ok(Some(sha256))) = (own, &sha256)
                && own != sha256
            {
                self.fault(FaultKind::MemberChanged, &member.name, "sha256", [&own, sha256]);
            }
            self.compare(&member.name, sha256);
        }
    }

    /// A member must have the hash that the manifest names.
    fn compare(&mut self, name: &str, sha256: io::Result<Option<String>>) {
        let manifest = self.manifest;
        let Some(member) = manifest.members.iter().find(|member| member.name == name) else {
            return;
        };
        match sha256 {
            Err(error) => self.faults.push(unreadable(name, &error)),
            Ok(Some(sha256)) if sha256 != member.sha256 => {
                self.fault(
                    FaultKind::MemberChanged,
                    name,
                    "sha256",
                    [&member.sha256, &sha256],
                );
            }
            Ok(_) => {}
        }
    }
}
