//! Many attempts in little room: 32 bytes each, with names and sources kept once.

mod list;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use jiff::Timestamp;

use super::event::{LONGEST_USER, LoginEvent, Method, Outcome, Service, Source, is_withheld, withheld};
use super::intern::{Addresses, Id, Interner};

/// One or more like attempts, by the numbers that [`Events`] has for their texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Microseconds since 1970.
    pub(super) at: i64,
    /// The account that was tried.
    pub user: Id,
    /// Who asked to become `user`, where that is another.
    pub by: Id,
    /// Where from.
    pub source: Id,
    /// How many attempts this stands for.
    pub count: u32,
    /// Line, or record, of the file it was read from, from 1; 0 where there is none or it has no room here.
    pub line: u32,
    /// What was logged in to.
    pub service: Service,
    /// What was offered as proof.
    pub method: Method,
    /// How it ended.
    pub outcome: Outcome,
    /// The log does not vouch that the account exists.
    pub unknown_user: bool,
}

impl Row {
    /// When the first message on it was written.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        Timestamp::from_microsecond(self.at).unwrap_or_default()
    }

    /// When, in microseconds since 1970.
    #[must_use]
    pub const fn microsecond(&self) -> i64 {
        self.at
    }
}

/// Attempts to log in, in order of time, and the texts they name.
#[derive(Clone, Debug, Default)]
pub struct Events {
    rows: Vec<Row>,
    /// Accounts.
    names: Interner,
    /// Where from: the kind of [`Source`], and its text or address.
    sources: Interner,
    addresses: Addresses,
}

/// What stands before the text of a source.
const V4: u8 = 4;
const V6: u8 = 6;
const HOST: u8 = b'h';
const TERMINAL: u8 = b't';

impl Events {
    /// The attempts.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many attempts they stand for.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.rows.iter().map(|row| u64::from(row.count)).sum()
    }

    /// The attempts with their texts.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = LoginEvent> {
        self.rows.iter().map(|row| self.event(row))
    }

    /// One attempt with its texts.
    #[must_use]
    pub fn event(&self, row: &Row) -> LoginEvent {
        LoginEvent {
            at: row.at(),
            service: row.service,
            user: self.name(row.user).map(str::to_owned),
            unknown_user: row.unknown_user,
            by: self.name(row.by).map(str::to_owned),
            source: self.source(row.source),
            outcome: row.outcome,
            method: row.method,
            count: row.count,
            line: u64::from(row.line),
        }
    }

    /// The account of a number; `None` for [`Id::NONE`].
    #[must_use]
    pub fn name(&self, id: Id) -> Option<&str> {
        let text = std::str::from_utf8(self.names.get(id)).ok();
        text.filter(|_| !id.is_none())
    }

    /// The source of a number; `None` for [`Id::NONE`].
    #[must_use]
    pub fn source(&self, id: Id) -> Option<Source> {
        let (kind, rest) = self.sources.get(id).split_first()?;
        let text = || String::from_utf8_lossy(rest).into_owned();
        Some(match *kind {
            V4 => {
                let octets: [u8; 4] = rest.try_into().ok()?;
                Source::Address(IpAddr::V4(Ipv4Addr::from(octets)))
            }
            V6 => {
                let octets: [u8; 16] = rest.try_into().ok()?;
                Source::Address(IpAddr::V6(Ipv6Addr::from(octets)))
            }
            HOST => Source::Host(text()),
            _ => Source::Terminal(text()),
        })
    }

    /// How many numbers of accounts there are, [`Id::NONE`] included.
    #[must_use]
    pub fn names(&self) -> usize {
        self.names.numbers()
    }

    /// All numbers of sources, [`Id::NONE`] first.
    pub fn sources(&self) -> impl Iterator<Item = Id> {
        self.sources.ids()
    }

    /// Whether a number is that of an address.
    pub(super) fn is_address(&self, id: Id) -> bool {
        matches!(self.sources.get(id).first(), Some(&(V4 | V6)))
    }

    /// Of each number of a source, whether it is an address or host, and no terminal.
    pub(super) fn sources_are_elsewhere(&self) -> Vec<bool> {
        let kind = |number| self.sources.get(number).first().copied();
        let elsewhere = |number| matches!(kind(number), Some(V4 | V6 | HOST));
        self.sources.ids().map(elsewhere).collect()
    }

    /// The number of an account, with bytes that are no UTF-8 replaced, and cut off where it is too long.
    pub(super) fn number_name(&mut self, name: &[u8]) -> Id {
        let name = name.get(..LONGEST_USER).unwrap_or(name);
        match std::str::from_utf8(name) {
            Ok(_) => self.names.intern(name),
            Err(_) => self.names.intern(String::from_utf8_lossy(name).as_bytes()),
        }
    }

    /// The number of a source.
    pub(super) fn number_source(&mut self, source: &Source) -> Id {
        match source {
            Source::Address(IpAddr::V4(address)) => {
                let [a, b, c, d] = address.octets();
                self.addresses
                    .intern((*address).into(), &[V4, a, b, c, d], &mut self.sources)
            }
            Source::Address(IpAddr::V6(address)) => {
                let mut text = [V6; 17];
                for (to, from) in text.iter_mut().skip(1).zip(address.octets()) {
                    *to = from;
                }
                self.sources.intern(&text)
            }
            Source::Host(name) => self.sources.intern(&[&[HOST], name.as_bytes()].concat()),
            Source::Terminal(name) => self.sources.intern(&[&[TERMINAL], name.as_bytes()].concat()),
        }
    }

    /// Adds an attempt.
    pub(super) fn push(&mut self, event: &LoginEvent) {
        let name = |names: &mut Interner, name: &Option<String>| {
            name.as_ref()
                .map_or(Id::NONE, |name| names.intern(name.as_bytes()))
        };
        let source = event.source.as_ref();
        let row = Row {
            at: event.at.as_microsecond(),
            user: name(&mut self.names, &event.user),
            by: name(&mut self.names, &event.by),
            source: source.map_or(Id::NONE, |source| self.number_source(source)),
            count: event.count,
            line: line_number(event.line),
            service: event.service,
            method: event.method,
            outcome: event.outcome,
            unknown_user: event.unknown_user,
        };
        self.rows.push(row);
    }

    pub(super) fn push_row(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(super) fn row_mut(&mut self, place: usize) -> Option<&mut Row> {
        self.rows.get_mut(place)
    }

    pub(super) const fn rows_mut(&mut self) -> &mut Vec<Row> {
        &mut self.rows
    }

    /// Keeps those rows alone that `keep` holds for, by their places.
    pub fn retain(&mut self, mut keep: impl FnMut(usize, &Row) -> bool) {
        let mut place = 0;
        self.rows.retain(|row| {
            place += 1;
            keep(place - 1, row)
        });
    }

    /// Puts the attempts in order of time, those of one time in order of their lines.
    pub(super) fn sort(&mut self) {
        // They mostly are, and looking is cheaper than sorting.
        if !self.rows.is_sorted_by_key(|row| (row.at, row.line)) {
            self.rows.sort_unstable_by_key(|row| (row.at, row.line));
        }
    }

    /// Adds all of `other`.
    pub(super) fn extend(&mut self, other: &Self) {
        let mut moved = Moved::default();
        for row in &other.rows {
            let row = moved.row(row, other, self);
            self.rows.push(row);
        }
    }

    /// Forgets the texts that no row names, and changes those numbers in `held` to what they are then.
    pub(super) fn forget_unused<'h>(&mut self, held: impl Iterator<Item = Held<'h>>) {
        let old = std::mem::take(self);
        let mut moved = Moved::default();
        for number in held {
            match number {
                Held::Name(id) => *id = moved.name(*id, &old, self),
                Held::Source(id) => *id = moved.source(*id, &old, self),
            }
        }
        self.extend_moved(old, &mut moved);
    }

    fn extend_moved(&mut self, mut old: Self, moved: &mut Moved) {
        let mut rows = std::mem::take(&mut old.rows);
        for row in &mut rows {
            *row = moved.row(row, &old, self);
        }
        self.rows = rows;
    }

    /// Takes out those before `since`.
    pub(super) fn split_before(&mut self, since: Timestamp) -> Self {
        let since = since.as_microsecond();
        let mut old = Self::default();
        let mut moved = Moved::default();
        let mut rows = std::mem::take(&mut self.rows);
        for row in rows.extract_if(.., |row| row.at < since) {
            let row = moved.row(&row, self, &mut old);
            old.rows.push(row);
        }
        self.rows = rows;
        old
    }

    /// Replaces the names of accounts that may not exist by short digests, so that no password is kept that someone
    /// typed as a name, and takes off the lines.
    pub(super) fn withhold(&mut self) {
        let mut old = std::mem::take(self);
        let mut moved = Moved::default();
        let mut digests: HashMap<Id, Id> = HashMap::new();
        let mut rows = std::mem::take(&mut old.rows);
        for row in &mut rows {
            let plain = old
                .name(row.user)
                .filter(|name| row.unknown_user && !is_withheld(name));
            let user = match plain {
                Some(name) => *digests
                    .entry(row.user)
                    .or_insert_with(|| self.names.intern(withheld(name).as_bytes())),
                None => moved.name(row.user, &old, self),
            };
            *row = Row {
                user,
                by: moved.name(row.by, &old, self),
                source: moved.source(row.source, &old, self),
                line: 0,
                ..*row
            };
        }
        self.rows = rows;
    }
}

/// A number that stands outside of the rows.
pub(super) enum Held<'h> {
    Name(&'h mut Id),
    Source(&'h mut Id),
}

/// Numbers of one store as those of another.
#[derive(Default)]
struct Moved {
    names: Vec<Id>,
    sources: Vec<Id>,
}

impl Moved {
    fn name(&mut self, id: Id, from: &Events, to: &mut Events) -> Id {
        let number = || to.names.intern(from.names.get(id));
        moved(&mut self.names, id, &from.names, number)
    }

    fn source(&mut self, id: Id, from: &Events, to: &mut Events) -> Id {
        let number = || {
            from.source(id)
                .map_or(Id::NONE, |source| to.number_source(&source))
        };
        moved(&mut self.sources, id, &from.sources, number)
    }

    fn row(&mut self, row: &Row, from: &Events, to: &mut Events) -> Row {
        Row {
            user: self.name(row.user, from, to),
            by: self.name(row.by, from, to),
            source: self.source(row.source, from, to),
            ..*row
        }
    }
}

/// What a number is in the other store, asked for once.
fn moved(known: &mut Vec<Id>, id: Id, from: &Interner, number: impl FnOnce() -> Id) -> Id {
    if id.is_none() {
        return id;
    }
    if known.is_empty() {
        known.resize(from.numbers(), Id::NONE);
    }
    match known.get_mut(id.place()) {
        Some(known) => {
            if known.is_none() {
                *known = number();
            }
            *known
        }
        None => Id::NONE,
    }
}

pub(super) fn line_number(line: u64) -> u32 {
    u32::try_from(line).unwrap_or_default()
}

impl PartialEq for Events {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl FromIterator<LoginEvent> for Events {
    fn from_iter<T: IntoIterator<Item = LoginEvent>>(events: T) -> Self {
        let mut all = Self::default();
        for event in events {
            all.push(&event);
        }
        all.rows.sort_by_key(|row| row.at);
        all
    }
}
