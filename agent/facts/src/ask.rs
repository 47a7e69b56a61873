//! What a run asks of the probes.

use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use plumbline_config::plan::LoginPattern;

use crate::memory::Memory;
use crate::outside::OutsideFacts;
use crate::probe::ProbeId;

/// What a run asks of the probes: which facts, and the little that a probe must be told to find them.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// Facts that the checks of this run need.
    pub probes: BTreeSet<ProbeId>,
    /// The time, passed in so that a test can set it.
    pub now: Timestamp,
    /// Directories that the plan declares to hold personal data.
    pub declared_paths: Vec<PathBuf>,
    /// Files and directories of personal data whose reading the plan wants recorded.
    pub access_paths: Vec<PathBuf>,
    /// Certificate files to read.
    pub certificate_paths: Vec<PathBuf>,
    /// Files with the authorities that the host's peers trust; those that the host itself trusts where there is none.
    pub authority_paths: Vec<PathBuf>,
    /// Endpoints of other hosts to speak to, `HOST:PORT`.
    pub endpoints: Vec<String>,
    /// How long attempts to log in are to be kept: as long as the plan reports them, and a day to find them in.
    pub logins_kept_for: SignedDuration,
    /// How programs with accounts of their own tell of logins, beside those that are known.
    pub login_patterns: Vec<LoginPattern>,
    /// A GeoIP file, by which networks of logins have places.
    pub geoip_file: Option<PathBuf>,
    /// Files whose change the agent would notice at once; `None` for one run that watches nothing.
    pub watching: Option<BTreeSet<String>>,
    /// What came of connections from outside; nothing on a one-shot run.
    pub outside: Option<OutsideFacts>,
    /// What earlier runs left for the probes that look at change.
    pub memory: Memory,
}
