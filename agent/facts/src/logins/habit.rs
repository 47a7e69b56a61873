//! How users are used to log in: from where, at which hours, and when last. What is unusual is told by it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::{LoginEvent, Outcome, Source};

/// Most users whose habits are kept; those who logged in longest ago go first.
const MOST_USERS: usize = 4_096;

/// Most networks kept of one user.
const MOST_NETWORKS: usize = 64;

/// Hours in a day.
const HOURS: usize = 24;

/// A network that people move about in without its meaning anything: an IPv4 /24, an IPv6 /48 (what one site is given,
/// RFC 6177), or the domain of a host name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// The first address of an IPv4 /24.
    V4(Ipv4Addr),
    /// The first address of an IPv6 /48.
    V6(Ipv6Addr),
    /// A host name without its first label.
    Domain(String),
}

impl Network {
    /// The network of a source; `None` for a terminal of the host itself.
    #[must_use]
    pub fn of(source: &Source) -> Option<Self> {
        match source {
            Source::Address(address) if address.is_loopback() => None,
            Source::Address(IpAddr::V4(address)) => {
                let [a, b, c, _] = address.octets();
                Some(Self::V4(Ipv4Addr::new(a, b, c, 0)))
            }
            Source::Address(IpAddr::V6(address)) => {
                let prefix = u128::from(*address) & (u128::MAX << 80);
                Some(Self::V6(prefix.into()))
            }
            Source::Host(name) => {
                let domain = name.split_once('.').map_or(name.as_str(), |(_, domain)| domain);
                Some(Self::Domain(domain.to_owned()))
            }
            Source::Terminal(_) => None,
        }
    }

    /// Whether two are so far apart that nobody is in both: other providers, by their first 16 bits, or 32 of IPv6.
    /// An address and a name can't be compared, nor can the two families, which one host has both of.
    #[must_use]
    pub fn is_apart_from(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::V4(one), Self::V4(other)) => one.octets().get(..2) != other.octets().get(..2),
            (Self::V6(one), Self::V6(other)) => one.segments().get(..2) != other.segments().get(..2),
            (Self::Domain(one), Self::Domain(other)) => one != other,
            _ => false,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address) => write!(f, "{address}/24"),
            Self::V6(address) => write!(f, "{address}/48"),
            Self::Domain(name) => f.write_str(name),
        }
    }
}

/// How one user is used to log in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Habit {
    /// The last login.
    pub last_at: Timestamp,
    /// Logins seen.
    pub logins: u32,
    /// Logins by hour of the day, in UTC.
    hours: [u32; HOURS],
    /// Networks, and the last login from each.
    #[serde(with = "as_pairs")]
    networks: BTreeMap<Network, Timestamp>,
}

impl Habit {
    const fn new(at: Timestamp) -> Self {
        Self {
            last_at: at,
            logins: 0,
            hours: [0; HOURS],
            networks: BTreeMap::new(),
        }
    }

    /// Whether a login came from there before.
    #[must_use]
    pub fn knows(&self, network: &Network) -> bool {
        self.networks.contains_key(network)
    }

    /// The network of the last login from outside, and when that was.
    #[must_use]
    pub fn last_network(&self) -> Option<(&Network, Timestamp)> {
        let latest = self.networks.iter().max_by_key(|(_, at)| **at)?;
        Some((latest.0, *latest.1))
    }

    /// Logins at the hour of the day (UTC) that `at` is in, or at the one before or behind it.
    #[must_use]
    pub fn logins_about(&self, at: Timestamp) -> u32 {
        let hour = hour_of(at);
        [HOURS - 1, 0, 1]
            .iter()
            .filter_map(|beside| self.hours.get((hour + beside) % HOURS))
            .sum()
    }
}

/// JSON's maps have texts for keys alone.
mod as_pairs {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Network;

    pub(super) fn serialize<S: Serializer>(
        networks: &BTreeMap<Network, Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(networks)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<Network, Timestamp>, D::Error> {
        let pairs = Vec::<(Network, Timestamp)>::deserialize(deserializer)?;
        Ok(pairs.into_iter().collect())
    }
}

fn hour_of(at: Timestamp) -> usize {
    usize::try_from(at.as_second().rem_euclid(86_400) / 3_600).unwrap_or_default()
}

/// How all users are used to log in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Habits {
    /// The first attempt that was seen, from which on the habits are known.
    pub since: Option<Timestamp>,
    users: BTreeMap<String, Habit>,
    /// Users and networks dropped for want of room.
    pub forgotten: u64,
}

impl Habits {
    /// The habit of a user who has logged in before.
    #[must_use]
    pub fn of(&self, user: &str) -> Option<&Habit> {
        self.users.get(user)
    }

    /// How many users are used to come from a network.
    #[must_use]
    pub fn users_from(&self, network: &Network) -> usize {
        self.users.values().filter(|habit| habit.knows(network)).count()
    }

    /// Whether anyone has logged in yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// Takes in that there was an attempt, which shows since when the log is seen.
    pub fn see(&mut self, at: Timestamp) {
        if self.since.is_none_or(|since| at < since) {
            self.since = Some(at);
        }
    }

    /// Takes in an attempt. Only logins make habits.
    pub fn learn(&mut self, event: &LoginEvent) {
        self.see(event.at);
        if event.outcome != Outcome::Accepted || event.service.is_escalation() {
            return;
        }
        let Some(user) = event.user.as_ref().filter(|_| !event.unknown_user) else {
            return;
        };
        self.make_room(user);
        let habit = self
            .users
            .entry(user.clone())
            .or_insert_with(|| Habit::new(event.at));
        habit.last_at = habit.last_at.max(event.at);
        habit.logins = habit.logins.saturating_add(event.count);
        if let Some(hour) = habit.hours.get_mut(hour_of(event.at)) {
            *hour = hour.saturating_add(event.count);
        }
        if let Some(network) = event.source.as_ref().and_then(Network::of) {
            if habit.networks.len() >= MOST_NETWORKS && !habit.networks.contains_key(&network) {
                let oldest = habit.networks.iter().min_by_key(|(_, at)| **at);
                if let Some(oldest) = oldest.map(|(network, _)| network.clone()) {
                    habit.networks.remove(&oldest);
                    self.forgotten = self.forgotten.saturating_add(1);
                }
            }
            let last = habit.networks.entry(network).or_insert(event.at);
            *last = event.at.max(*last);
        }
    }

    /// Takes in when a user last logged in, where nothing else is known of it.
    pub fn learn_last_login(&mut self, user: &str, at: Timestamp) {
        self.make_room(user);
        let habit = self
            .users
            .entry(user.to_owned())
            .or_insert_with(|| Habit::new(at));
        habit.last_at = habit.last_at.max(at);
    }

    fn make_room(&mut self, user: &str) {
        if self.users.len() < MOST_USERS || self.users.contains_key(user) {
            return;
        }
        let oldest = self.users.iter().min_by_key(|(_, habit)| habit.last_at);
        if let Some(oldest) = oldest.map(|(user, _)| user.clone()) {
            self.users.remove(&oldest);
            self.forgotten = self.forgotten.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::{Method, Service};
    use super::*;

    fn login(second: i64, user: &str, from: &str) -> LoginEvent {
        LoginEvent {
            at: Timestamp::from_second(second).unwrap(),
            service: Service::Sshd,
            user: Some(user.to_owned()),
            unknown_user: false,
            by: None,
            source: from.parse().ok().map(Source::Address),
            outcome: Outcome::Accepted,
            method: Method::Publickey,
            count: 1,
            line: 0,
        }
    }

    #[test]
    fn networks_and_hours_are_learned() {
        let mut habits = Habits::default();
        habits.learn(&login(36_000, "ann", "203.0.113.7"));
        let habit = habits.of("ann").unwrap();
        let network = |text: &str| Network::of(&Source::Address(text.parse().unwrap())).unwrap();
        assert!(habit.knows(&network("203.0.113.250")));
        assert!(!habit.knows(&network("203.0.114.7")));
        for (second, known) in [(32_400, 1), (43_199, 1), (43_200, 0), (28_799, 0)] {
            assert_eq!(habit.logins_about(Timestamp::from_second(second).unwrap()), known);
        }
        assert!(network("2001:db8:1::1").is_apart_from(&network("2001:db9:1::1")));
        assert!(!network("2001:db8:1::1").is_apart_from(&network("203.0.113.7")));
    }

    #[test]
    fn what_is_kept_is_bounded_and_what_went_is_counted() {
        let mut habits = Habits::default();
        for n in 0..100 {
            habits.learn(&login(n, "ann", &format!("10.0.{n}.1")));
        }
        let habit = habits.of("ann").unwrap();
        assert_eq!(
            (habit.networks.len(), habit.logins, habits.forgotten),
            (64, 100, 36)
        );
        for n in 0..5_000 {
            habits.learn(&login(1_000 + n, &format!("u{n}"), "10.0.0.1"));
        }
        assert_eq!(habits.users.len(), MOST_USERS);
        assert!(habits.of("u4999").is_some() && habits.of("ann").is_none());
        let text = serde_json::to_string(&habits).unwrap();
        assert_eq!(serde_json::from_str::<Habits>(&text).unwrap(), habits);
    }
}
