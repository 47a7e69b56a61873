//! One line of the audit log, by auditd.conf(5) and the kernel's own habits of encoding: values that a user chose stand in
//! quotes, or in hexadecimal where they hold a space, a quote or a byte that is no printable ASCII.

use jiff::Timestamp;
use memchr::memchr;

/// Stands before the fields that auditd adds with the names behind the numbers (`log_format = ENRICHED`).
const ENRICHED: u8 = 0x1d;

/// A line of the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// Such as `SYSCALL`.
    pub(super) kind: &'a [u8],
    /// When, to the millisecond.
    pub(super) at: Timestamp,
    /// The number that all records of one event share, as long as the kernel runs.
    pub(super) serial: u64,
    fields: &'a [u8],
}

impl<'a> Record<'a> {
    /// Reads `[node=…] type=KIND msg=audit(SECONDS.MILLIS:SERIAL): FIELDS`; `None` where it is nothing like it.
    pub(super) fn parse(line: &'a [u8]) -> Option<Self> {
        let mut rest = line.trim_ascii();
        if let Some(node) = rest.strip_prefix(b"node=") {
            rest = node.get(memchr(b' ', node)? + 1..)?;
        }
        let rest = rest.strip_prefix(b"type=")?;
        let (kind, rest) = rest.split_at_checked(memchr(b' ', rest)?)?;
        let rest = rest.strip_prefix(b" msg=audit(")?;
        let (stamp, rest) = rest.split_at_checked(memchr(b')', rest)?)?;
        let fields = rest.strip_prefix(b"):")?;
        let (time, serial) = std::str::from_utf8(stamp).ok()?.split_once(':')?;
        let (seconds, millis) = time.split_once('.')?;
        let millis: i64 = millis.parse().ok().filter(|millis| (0..1000).contains(millis))?;
        let seconds: i64 = seconds.parse().ok()?;
        Some(Self {
            kind,
            at: Timestamp::from_millisecond(seconds.checked_mul(1000)?.checked_add(millis)?).ok()?,
            serial: serial.parse().ok()?,
            fields,
        })
    }

    /// The value of a field as it stands there.
    pub(super) fn raw(&self, name: &[u8]) -> Option<&'a [u8]> {
        let mut fields = self
            .fields
            .split(|byte| matches!(byte, b' ' | 0x1d | b'\n' | b'\r'));
        fields.find_map(|field| field.strip_prefix(name)?.strip_prefix(b"="))
    }

    /// The number that a field holds, in decimal.
    pub(super) fn number(&self, name: &[u8]) -> Option<u64> {
        let raw = self.raw(name)?;
        std::str::from_utf8(raw).ok()?.parse().ok()
    }

    /// What a user chose, decoded; `None` where there is nothing.
    pub(super) fn text(&self, name: &[u8]) -> Option<Vec<u8>> {
        decoded(self.raw(name)?)
    }

    /// A name that auditd put beside a number.
    pub(super) fn enriched(&self, name: &[u8]) -> Option<String> {
        let from = memchr(ENRICHED, self.fields)?;
        let record = Record {
            fields: self.fields.get(from..)?,
            ..*self
        };
        let name = String::from_utf8(record.text(name)?).ok()?;
        // Of a number without a name it says this; it is a name that nobody has.
        (!matches!(name.as_str(), "unset" | "unknown" | "")).then_some(name)
    }
}

fn decoded(raw: &[u8]) -> Option<Vec<u8>> {
    if let Some(quoted) = raw.strip_prefix(b"\"") {
        return Some(quoted.strip_suffix(b"\"").unwrap_or(quoted).to_vec());
    }
    match raw {
        b"(null)" | b"?" | b"" => None,
        _ => Some(hex::decode(raw).unwrap_or_else(|_| raw.to_vec())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLAIN: &[u8] =
        b"type=PATH msg=audit(1761868800.123:4711): item=0 name=\"/srv/pii/a.csv\" inode=1 nametype=NORMAL";

    #[test]
    fn fields_are_read_quoted_in_hexadecimal_and_absent() {
        let record = Record::parse(PLAIN).unwrap();
        assert_eq!((record.kind, record.serial), (&b"PATH"[..], 4711));
        assert_eq!(record.at.as_millisecond(), 1_761_868_800_123);
        assert_eq!(record.text(b"name").unwrap(), b"/srv/pii/a.csv");
        assert_eq!(record.raw(b"nam"), None);
        let coded = b"type=PATH msg=audit(1.000:2): name=2F7372762F7069692FE78E8B20E5B08F2E637376 x=(null)";
        let record = Record::parse(coded).unwrap();
        assert_eq!(record.text(b"name").unwrap(), "/srv/pii/王 小.csv".as_bytes());
        assert_eq!(record.text(b"x"), None);
    }

    #[test]
    fn enriched_names_stand_behind_the_separator_alone() {
        let line = b"node=web type=SYSCALL msg=audit(1.5:2): arch=c000003e auid=1000 comm=\"x\"\x1dARCH=x86_64 AUID=\"alice\" UID=\"unset\"";
        let record = Record::parse(line).unwrap();
        assert_eq!(record.enriched(b"AUID").as_deref(), Some("alice"));
        assert_eq!(record.enriched(b"UID"), None);
        assert_eq!(record.enriched(b"comm"), None);
        assert_eq!(record.number(b"auid"), Some(1000));
    }

    #[test]
    fn what_is_no_record_is_none() {
        for line in [
            &b""[..],
            b"type=SYSCALL",
            b"type=SYSCALL msg=audit(1.5): x=1",
            b"type=SYSCALL msg=audit(1.5:2) x=1",
            b"type=SYSCALL msg=audit(99999999999999999999.5:2): x=1",
            b"type=SYSCALL msg=audit(1.5000:2): x=1",
            b"Nov 23 00:00:00 web sshd[1]: type=SYSCALL msg=audit(1.5:2): x=1",
        ] {
            assert_eq!(Record::parse(line), None, "{}", String::from_utf8_lossy(line));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(fields: Vec<u8>) {
            let mut line = b"type=PATH msg=audit(1.000:2): ".to_vec();
            line.extend(&fields);
            if let Some(record) = Record::parse(&line) {
                record.text(b"name");
                record.enriched(b"AUID");
            }
            Record::parse(&fields);
        }

        #[test]
        fn a_name_comes_back_as_the_kernel_wrote_it(name in proptest::collection::vec(1_u8.., 1..64)) {
            let plain = name.iter().all(|b| (0x21..=0x7e).contains(b) && *b != b'"');
            let value = if plain {
                format!("\"{}\"", String::from_utf8(name.clone()).unwrap())
            } else {
                hex::encode_upper(&name)
            };
            let line = format!("type=PATH msg=audit(1.000:2): item=0 name={value} inode=3");
            prop_assert_eq!(Record::parse(line.as_bytes()).unwrap().text(b"name").unwrap(), name);
        }
    }
}
