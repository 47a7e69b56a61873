//! What others found when they really connected to the ports of this host ([`plumbline_config::outside`]), beside what
//! had been worked out of them.
//!
//! Nobody connects during a run of the checks: the daemon has it done at its own pace and hands on what came of it.

mod history;
mod sight;

use std::collections::BTreeMap;

use jiff::Timestamp;
use plumbline_config::ident::HostId;
use plumbline_config::outside::{Attempt, Declined, ProofRequest};
use serde::{Deserialize, Serialize};

use crate::ask::Ask;
use crate::facts::Facts;
use crate::host::Host;
use crate::known::Known;
use crate::probe::{Probe, ProbeId};

pub use history::History;
pub use sight::{InQuestion, Sight};

/// What is known of proofs from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OutsideFacts {
    /// This host's id.
    pub host: Option<HostId>,
    /// Whether the host consents to be connected to.
    pub consents: bool,
    /// The last round of each prover.
    pub rounds: BTreeMap<String, Round>,
    /// Addresses and ports that were in question last.
    pub in_question: Vec<ProofRequest>,
    /// What this host found as a prover, by the host that it connected to.
    pub found: BTreeMap<HostId, Found>,
}

/// One prover's attempts at this host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Round {
    /// When the last round that was carried to its end was.
    pub done_at: Option<Timestamp>,
    /// Its attempts.
    pub proofs: Vec<Proof>,
    /// Ports in question that it left out, being more than are connected to in one round.
    pub beyond: usize,
    /// Why the round after it came to nothing.
    pub trouble: Option<Trouble>,
}

/// Why there was no proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// The prover would not.
    Declined(Declined),
    /// It could not be asked.
    Failed(String),
}

/// An attempt, and what had been worked out of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// What came of the attempt.
    pub attempt: Attempt,
    /// What follows from rules and sockets as they were read before it and after it.
    pub evaluated: Evaluated,
    /// The rules that it rests on.
    pub because: Vec<String>,
}

/// What follows from rules and sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evaluated {
    /// The connection opens.
    Reachable,
    /// It does not.
    Blocked,
    /// It can't be told.
    Unknown,
    /// Before the attempt something else followed than after it.
    Changed,
}

/// What this host found as a prover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// When the round ended.
    pub at: Timestamp,
    /// Its attempts.
    pub attempts: Vec<Attempt>,
}

/// Hands on what the daemon knows of proofs.
pub struct OutsideProbe;

impl Probe for OutsideProbe {
    type Fact = OutsideFacts;
    const ID: ProbeId = ProbeId::Outside;

    fn gather(_: &Host, ask: &Ask, _: &mut Facts) -> Known<OutsideFacts> {
        ask.outside.clone().map_or_else(
            || {
                Known::failed(
                    "proofs from outside",
                    "only the running daemon has them made (plumbline-agent run)",
                )
            },
            Known::Value,
        )
    }

    fn slot(facts: &mut Facts) -> &mut Known<OutsideFacts> {
        &mut facts.outside
    }
}
