//! The registry of probes.

use crate::access::AccessProbe;
use crate::antivirus::AntivirusProbe;
use std::collections::BTreeSet;

use crate::ask::Ask;
use crate::facts::Facts;
use crate::firewall::FirewallProbe;
use crate::host::Host;
use crate::known::{Denial, Known};
use crate::logins::LoginsProbe;
use crate::monitors::MonitorsProbe;
use crate::os::OsProbe;
use crate::outside::OutsideProbe;
use crate::packages::PackagesProbe;
use crate::protection::ProtectionProbe;
use crate::sockets::SocketsProbe;
use crate::tls::TlsProbe;
use crate::volumes::VolumesProbe;

/// Names a fact that a check may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProbeId {
    /// Who opens personal data.
    Access,
    /// Attempts to log in.
    Logins,
    /// Programs that watch for abnormal logins.
    Monitors,
    /// The operating system and the host's name.
    Os,
    /// The packet filter.
    Firewall,
    /// What others found when they connected to this host.
    Outside,
    /// Listening sockets and the processes behind them.
    Sockets,
    /// What the listening TCP sockets speak.
    Tls,
    /// Packages and pending updates.
    Packages,
    /// Anti-virus.
    Antivirus,
    /// What keeps intruders out beside the packet filter.
    Protection,
    /// Mounted file systems, swap areas and the devices beneath them.
    Volumes,
}

/// Reads one fact of a host.
pub trait Probe {
    /// What is read.
    type Fact;
    /// Its name.
    const ID: ProbeId;
    /// Files and directories that it reads, as absolute paths: a change of one, or of an entry of one that is a
    /// directory, is worth reading again for at once. `…/*` stands for the files in each directory of one.
    const WATCHES: &'static [&'static str] = &[];
    /// A cheap fingerprint of what no file tells of, such as the listening sockets; a new value is worth reading
    /// again for. `None` inside: could not look.
    const PULSE: Option<fn(&Host) -> Option<u64>> = None;
    /// Whether what it reads must be judged within seconds of being written, as what an intruder does must.
    const URGENT: bool = false;

    /// Reads it. `facts` holds what the probes before this one in [`PROBES`] read, and what they want remembered.
    fn gather(host: &Host, ask: &Ask, facts: &mut Facts) -> Known<Self::Fact>;

    /// Where it is kept.
    fn slot(facts: &mut Facts) -> &mut Known<Self::Fact>;
}

/// A probe in the registry.
#[derive(Clone, Copy, Debug)]
pub struct ProbeEntry {
    /// Its name.
    pub id: ProbeId,
    /// Probes whose facts it starts from; they stand before it in [`PROBES`].
    pub after: &'static [ProbeId],
    /// Files and directories whose change is worth reading again for.
    pub watches: &'static [&'static str],
    /// A cheap fingerprint of what no file tells of.
    pub pulse: Option<fn(&Host) -> Option<u64>>,
    /// Whether what it reads must be judged within seconds of being written.
    pub urgent: bool,
    gather: fn(&Host, &Ask, &mut Facts),
    withhold: fn(&mut Facts, Denial),
}

impl ProbeEntry {
    const fn of<P: Probe>(after: &'static [ProbeId]) -> Self {
        Self {
            id: P::ID,
            after,
            watches: P::WATCHES,
            pulse: P::PULSE,
            urgent: P::URGENT,
            gather: |host, ask, facts| *P::slot(facts) = P::gather(host, ask, facts),
            withhold: |facts, denial| *P::slot(facts) = Known::Denied(denial),
        }
    }

    /// Replaces the fact by a refusal. Tests hold every check to `error` then.
    pub fn withhold(&self, facts: &mut Facts, denial: Denial) {
        (self.withhold)(facts, denial);
    }
}

/// Every probe, in the order they run.
pub const PROBES: &[ProbeEntry] = &[
    ProbeEntry::of::<OsProbe>(&[]),
    ProbeEntry::of::<FirewallProbe>(&[]),
    ProbeEntry::of::<OutsideProbe>(&[]),
    ProbeEntry::of::<SocketsProbe>(&[]),
    ProbeEntry::of::<TlsProbe>(&[ProbeId::Os, ProbeId::Sockets]),
    ProbeEntry::of::<LoginsProbe>(&[]),
    ProbeEntry::of::<AccessProbe>(&[]),
    ProbeEntry::of::<MonitorsProbe>(&[]),
    ProbeEntry::of::<PackagesProbe>(&[]),
    ProbeEntry::of::<AntivirusProbe>(&[]),
    ProbeEntry::of::<ProtectionProbe>(&[]),
    ProbeEntry::of::<VolumesProbe>(&[]),
];

/// Reads the facts that `ask` names, and those they start from.
#[must_use]
pub fn gather(host: &Host, ask: &Ask) -> Facts {
    gather_watched(host, ask, &|_| {})
}

/// As [`gather`], telling `begin` of each probe as it starts.
#[must_use]
pub fn gather_watched(host: &Host, ask: &Ask, begin: &dyn Fn(ProbeId)) -> Facts {
    let wanted = with_foundations(&ask.probes);
    let mut facts = Facts {
        memory: ask.memory.clone(),
        ..Facts::default()
    };
    for probe in PROBES.iter().filter(|probe| wanted.contains(&probe.id)) {
        begin(probe.id);
        (probe.gather)(host, ask, &mut facts);
    }
    facts
}

/// These probes and all that they start from.
#[must_use]
pub fn with_foundations(probes: &BTreeSet<ProbeId>) -> BTreeSet<ProbeId> {
    let mut wanted = probes.clone();
    for probe in PROBES.iter().rev() {
        if wanted.contains(&probe.id) {
            wanted.extend(probe.after);
        }
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_watched_is_an_absolute_path() {
        for probe in PROBES {
            let absolute = |path: &&str| path.starts_with('/') && !path.contains("/../");
            assert!(probe.watches.iter().all(absolute), "{:?}", probe.id);
        }
    }

    #[test]
    fn every_probe_stands_once_and_after_those_it_starts_from() {
        for (place, probe) in PROBES.iter().enumerate() {
            let before: Vec<_> = PROBES.iter().take(place).map(|p| p.id).collect();
            assert!(!before.contains(&probe.id), "{:?} stands twice", probe.id);
            assert!(
                probe.after.iter().all(|id| before.contains(id)),
                "{:?} stands too early",
                probe.id
            );
        }
    }
}
