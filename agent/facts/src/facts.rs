//! Everything a run read.

use crate::access::AccessFacts;
use crate::antivirus::AntivirusFacts;
use crate::firewall::FirewallFacts;
use crate::known::Known;
use crate::logins::LoginFacts;
use crate::memory::Memory;
use crate::monitors::MonitorFacts;
use crate::os::OsFacts;
use crate::outside::OutsideFacts;
use crate::packages::PackageFacts;
use crate::protection::ProtectionFacts;
use crate::sockets::Sockets;
use crate::tls::TlsListeners;
use crate::volumes::VolumeFacts;

/// Everything a run read, one field a probe.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Who opens personal data, and what is recorded of it.
    pub access: Known<AccessFacts>,
    /// Attempts to log in.
    pub logins: Known<LoginFacts>,
    /// Programs that watch for abnormal logins.
    pub monitors: Known<MonitorFacts>,
    /// The operating system.
    pub os: Known<OsFacts>,
    /// The packet filter.
    pub firewall: Known<FirewallFacts>,
    /// What others found when they connected.
    pub outside: Known<OutsideFacts>,
    /// Listening sockets and the processes behind them.
    pub sockets: Known<Sockets>,
    /// What the listening TCP sockets speak.
    pub tls: Known<TlsListeners>,
    /// Packages and pending updates.
    pub packages: Known<PackageFacts>,
    /// Anti-virus.
    pub antivirus: Known<AntivirusFacts>,
    /// What keeps intruders out beside the packet filter.
    pub protection: Known<ProtectionFacts>,
    /// Mounted file systems, swap areas and the devices beneath them.
    pub volumes: Known<VolumeFacts>,
    /// What the probes want kept for the next run, once this run's findings are safe.
    pub memory: Memory,
}
