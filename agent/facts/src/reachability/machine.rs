//! Runs the rules of one hook on a packet that stands for a class.
//!
//! Where a rule matches some packets of the class, or it can't be told, both ways are followed: the outcome is a set.
//! Of some expressions the usual answer is known though not the certain one (a rate limit is not exceeded, a source
//! has a way back). The path of usual answers is marked, so that a verdict may rest on it and say so.

use std::collections::{BTreeSet, HashMap};

use crate::firewall::Surroundings;
use crate::firewall::expression::{Expression, LookupTo, REGISTER_BYTES, Register};
use crate::firewall::ruleset::{Base, Chain, Family, Hook, Ruleset, Table};

use super::bits::{Byte, Cause};
use super::packet::{Link, Stage, State, Tracking, Tuple, merge};
use super::walk::Walk;

/// Most words kept on why something is unknown.
const MOST_DOUBTS: usize = 12;

/// `NF_IP_PRI_CONNTRACK`: where connection tracking looks at a packet in prerouting and output.
const PRIORITY_CONNTRACK: i32 = -200;
/// `NF_IP_PRI_NAT_DST`, `NF_IP_PRI_NAT_SRC`: where NAT chains run, whatever priority they name.
const PRIORITY_NAT_DESTINATION: i32 = -100;
const PRIORITY_NAT_SOURCE: i32 = 100;

/// The rules, with their base chains in the order they run.
#[derive(Debug)]
pub(super) struct Machine<'r> {
    pub(super) ruleset: &'r Ruleset,
    pub(super) surroundings: &'r Surroundings,
    bases: Vec<BaseChain<'r>>,
    /// Chains that may be jumped to, of each table.
    chains: Vec<HashMap<&'r str, &'r Chain>>,
    /// Sets that rules themselves change, by table and name.
    updated: BTreeSet<(usize, &'r str)>,
}

#[derive(Debug)]
struct BaseChain<'r> {
    place: usize,
    table: &'r Table,
    name: &'r str,
    chain: &'r Chain,
    base: &'r Base,
    priority: i32,
}

/// Where and when a packet is looked at.
#[derive(Clone, Debug)]
pub(super) struct At<'a> {
    pub(super) hook: Hook,
    pub(super) stage: Stage,
    pub(super) v6: bool,
    pub(super) protocol: u8,
    /// Came in on; `None` for a packet of this host.
    pub(super) inward: Option<&'a Link>,
    /// Goes out on; `None` where it is for this host, or the way is not known.
    pub(super) outward: Option<&'a Link>,
    /// Addresses and ports of the connection as it began.
    pub(super) original: &'a Tuple,
    /// New destination and port of a connection that is translated already.
    pub(super) rewrite: Option<(&'a [Byte], &'a [Byte])>,
    /// Whether connection tracking has seen the packet; `None`: it can't be told.
    pub(super) tracked: Option<bool>,
    /// The destination is any address of this host, not a certain one.
    pub(super) any_address: bool,
    /// `PACKET_HOST` (0), `PACKET_BROADCAST` (1) or `PACKET_MULTICAST` (2) of packet(7).
    pub(super) cast: u8,
}

/// A packet's end, or one that can't be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// No unusual answer was assumed on the way.
    pub(super) usual: bool,
    /// The rule or policy.
    pub(super) reason: String,
}

/// What becomes of the packets of a class at a hook.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    /// Go on.
    pub(super) passed: Vec<State>,
    /// Are dropped or refused.
    pub(super) dropped: Vec<End>,
    /// Can't be told.
    pub(super) undecided: Vec<End>,
}

/// What a run noted: why something was unknown, and how much it cost.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes {
    /// Unknown bits that decided.
    pub(super) causes: Cause,
    /// In words.
    pub(super) doubts: Vec<String>,
    /// Expressions run.
    pub(super) steps: u64,
    /// Some expression left more than one way open, whether or not it mattered.
    pub(super) parted: bool,
}

impl Notes {
    pub(super) fn doubt(&mut self, why: String) {
        if self.doubts.len() < MOST_DOUBTS && !self.doubts.contains(&why) {
            self.doubts.push(why);
        }
    }
}

/// The register file.
pub(super) type Registers = [Byte; REGISTER_BYTES];

impl<'r> Machine<'r> {
    pub(super) fn new(ruleset: &'r Ruleset, surroundings: &'r Surroundings) -> Self {
        let mut bases = Vec::new();
        let mut chains = Vec::with_capacity(ruleset.tables.len());
        let mut updated = BTreeSet::new();
        for (place, table) in ruleset.tables.iter().enumerate() {
            chains.push(
                table
                    .chains
                    .iter()
                    .map(|(name, chain)| (name.as_str(), chain))
                    .collect(),
            );
            for (name, chain) in &table.chains {
                for expression in chain.rules.iter().flat_map(|rule| &rule.expressions) {
                    if let Expression::SetUpdate { set, .. } = expression {
                        updated.insert((place, set.as_str()));
                    }
                }
                // The base chains of a dormant table are not hooked.
                let Some(base) = chain.base.as_ref().filter(|_| !table.dormant) else {
                    continue;
                };
                let priority = match base.hook {
                    Hook::Prerouting | Hook::Output if base.nat => PRIORITY_NAT_DESTINATION,
                    Hook::Input | Hook::Postrouting if base.nat => PRIORITY_NAT_SOURCE,
                    _ => base.priority,
                };
                bases.push(BaseChain {
                    place,
                    table,
                    name,
                    chain,
                    base,
                    priority,
                });
            }
        }
        bases.sort_by_key(|base| (base.priority, base.base.priority));
        Self {
            ruleset,
            surroundings,
            bases,
            chains,
            updated,
        }
    }

    /// Whether a rule changes this set, so that what it holds now may not be what it holds then.
    pub(super) fn is_updated(&self, place: usize, set: &str) -> bool {
        self.updated.contains(&(place, set))
    }

    /// The chain of that name, of the table at that place.
    pub(super) fn chain(&self, place: usize, name: &str) -> Option<&'r Chain> {
        self.chains.get(place)?.get(name).copied()
    }

    /// Whether any chain of these families and hooks may stop a packet.
    pub(super) fn may_drop(&self, family: Family, hooks: &[Hook]) -> bool {
        self.bases.iter().any(|base| {
            base.table.family == family
                && hooks.contains(&base.base.hook)
                && (base.base.drops || !base.chain.rules.is_empty())
        })
    }

    /// Runs every base chain of a hook, in order, on each of the states.
    pub(super) fn run_hook(&self, at: &At<'_>, states: Vec<State>, notes: &mut Notes) -> Outcome {
        let mut outcome = Outcome {
            passed: states,
            ..Outcome::default()
        };
        let mut rewrite = at.rewrite;
        for base in self.bases.iter().filter(|base| base.sees(at)) {
            if base.priority > PRIORITY_NAT_DESTINATION {
                apply(&mut rewrite, at.v6, &mut outcome.passed);
            }
            let mut at = at.clone();
            at.tracked = base.tracked();
            let passes = |state: &State| {
                base.base.nat && (at.stage != Stage::First || state.untracked || state.translated)
            };
            let states = std::mem::take(&mut outcome.passed);
            let (skipped, asked) = match states.iter().any(passes) {
                true => states.into_iter().partition(passes),
                false => (Vec::new(), states),
            };
            let mut result = Outcome {
                passed: skipped,
                ..Outcome::default()
            };
            let walk = Walk {
                machine: self,
                at: &at,
                place: base.place,
                table: base.table,
            };
            let mut fallen = walk.chain(base.name, base.chain, asked, &mut result, notes);
            if base.base.drops {
                result.dropped.extend(fallen.iter().map(|state| End {
                    usual: state.usual,
                    reason: format!("{} drop", base.policy()),
                }));
            } else {
                for state in fallen.iter_mut().filter(|_| at.is_told()) {
                    state.note(format!("{} accept", base.policy()));
                }
                if result.passed.is_empty() {
                    result.passed = fallen;
                } else {
                    fallen
                        .into_iter()
                        .for_each(|state| merge(&mut result.passed, state));
                }
            }
            outcome.passed = result.passed;
            outcome.dropped.extend(result.dropped);
            outcome.undecided.extend(result.undecided);
        }
        apply(&mut rewrite, at.v6, &mut outcome.passed);
        for state in &mut outcome.passed {
            state.translated = false;
        }
        outcome
    }
}

/// Gives packets of a translated connection their new destination, once.
fn apply(rewrite: &mut Option<(&[Byte], &[Byte])>, v6: bool, states: &mut [State]) {
    if let Some((destination, port)) = rewrite.take() {
        for state in states {
            state.set_destination(v6, destination);
            state.set_port(port);
        }
    }
}

impl BaseChain<'_> {
    /// Its policy in words, what that is left out.
    fn policy(&self) -> String {
        format!("{} {} {} policy", self.table.family, self.table.name, self.name)
    }

    fn sees(&self, at: &At<'_>) -> bool {
        let family = match self.table.family {
            Family::Inet | Family::Netdev => true,
            Family::Ip => !at.v6,
            Family::Ip6 => at.v6,
            Family::Arp | Family::Bridge => false,
        };
        let device = match at.hook {
            Hook::Ingress => at.inward,
            Hook::Egress => at.outward,
            _ => return family && self.base.hook == at.hook,
        };
        let on = |name: &String| {
            let device = device.map_or("", |link| link.name.as_str());
            match name.strip_suffix('*') {
                Some(stem) => device.starts_with(stem),
                None => name == device,
            }
        };
        family && self.base.hook == at.hook && self.base.devices.iter().any(on)
    }

    /// Whether connection tracking has looked at the packet when this chain does.
    fn tracked(&self) -> Option<bool> {
        match self.base.hook {
            Hook::Ingress => Some(false),
            Hook::Prerouting | Hook::Output => match self.priority.cmp(&PRIORITY_CONNTRACK) {
                std::cmp::Ordering::Less => Some(false),
                std::cmp::Ordering::Equal => None,
                std::cmp::Ordering::Greater => Some(true),
            },
            _ => Some(true),
        }
    }
}

impl At<'_> {
    /// Whether what lets the packet pass is told: of a connection that is its first packet's way.
    pub(super) fn is_told(&self) -> bool {
        self.stage == Stage::First
    }

    /// What connection tracking makes of the packet; `None` where it can't be told.
    pub(super) fn tracking(&self, state: &State) -> Option<Tracking> {
        match (state.untracked, self.tracked?) {
            (true, _) => return Some(Tracking::Untracked),
            (false, false) => return Some(Tracking::Invalid),
            (false, true) => {}
        }
        match (self.stage, state.unrecorded) {
            (Stage::First, _) => Some(Tracking::New),
            (_, false) => Some(Tracking::Established),
            // Of a connection whose first packet was left out: an answer in TCP fits none, a datagram begins one.
            (Stage::Reply, true) if self.protocol == 6 => Some(Tracking::Invalid),
            (Stage::Reply, true) => Some(Tracking::New),
            (Stage::Later, true) => None,
        }
    }
}

/// Puts bytes into the register file; what is left of the last word is zero, as the kernel leaves it.
pub(super) fn store(registers: &mut Registers, to: Register, bytes: &[Byte]) {
    let padded = bytes.len().next_multiple_of(4);
    let zeros = std::iter::repeat_n(Byte::known(0), padded - bytes.len());
    let Some(space) = registers.get_mut(to.offset()..) else {
        return;
    };
    for (register, byte) in space.iter_mut().zip(bytes.iter().copied().chain(zeros)) {
        *register = byte;
    }
}

/// Where a lookup that loads puts its value; a verdict has no place.
pub(super) const fn place_of(to: LookupTo) -> Register {
    match to {
        LookupTo::Verdict => Register::FIRST,
        LookupTo::Register(register) => register,
    }
}
