//! Rules of the audit subsystem: as the kernel holds them (`audit_rule_data`, linux/audit.h) and as auditctl(8) reads them
//! from files.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use serde::Serialize;

/// `AUDIT_FILTER_EXIT`: judged when a system call ends.
const FILTER_EXIT: u32 = 4;
/// `AUDIT_NEVER` and `AUDIT_ALWAYS`.
const NEVER: u32 = 0;
const ALWAYS: u32 = 2;
/// Fields of a rule.
const ARCH: u32 = 11;
const SUCCESS: u32 = 104;
const WATCH: u32 = 105;
const PERM: u32 = 106;
const DIR: u32 = 107;
const EXE: u32 = 112;
const KEY: u32 = 210;
/// Fields whose value is a text: subject and object labels, paths, a program, a key.
const TEXTS: [u32; 14] = [13, 14, 15, 16, 17, 19, 20, 21, 22, 23, WATCH, DIR, EXE, KEY];
/// `AUDIT_PERM_READ`.
const PERM_READ: u32 = 4;
/// All of `AUDIT_PERM_*`.
const PERM_ALL: u32 = 15;
/// `AUDIT_MAX_FIELDS`.
const MOST_FIELDS: usize = 64;
/// Words of `mask`, the system calls.
const MASK_WORDS: usize = 64;

/// A rule that is about a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PathRule {
    /// The file or directory.
    pub path: PathBuf,
    /// All beneath it, too.
    pub beneath: bool,
    /// It keeps accesses from being recorded; else it has them recorded.
    pub never: bool,
    /// Reading is among what it is about.
    pub reads: bool,
    /// It is about some users, programs or the like alone.
    pub narrowed: bool,
    /// What the records are marked with.
    pub key: Option<String>,
}

impl PathRule {
    /// Whether every reading of `path`, or of what lies beneath, falls under this rule.
    #[must_use]
    pub fn covers(&self, path: &Path) -> bool {
        self.reads && (self.path == path || (self.beneath && path.starts_with(&self.path)))
    }

    /// Whether some reading of `path`, or of what lies beneath, falls under this rule.
    #[must_use]
    pub fn touches(&self, path: &Path) -> bool {
        self.reads && (self.covers(path) || self.path.starts_with(path))
    }
}

/// What a rule is made of; `None`: it is about no path, or no rule at all.
pub(super) fn of_kernel(bytes: &[u8]) -> Option<PathRule> {
    let word = |place: usize| -> Option<u32> {
        let at = place.checked_mul(4)?;
        Some(u32::from_ne_bytes(
            bytes.get(at..at.checked_add(4)?)?.try_into().ok()?,
        ))
    };
    let (filter, action, count) = (word(0)?, word(1)?, usize::try_from(word(2)?).ok()?);
    if count > MOST_FIELDS || filter & 7 != FILTER_EXIT {
        return None;
    }
    let fields = 3 + MASK_WORDS;
    let values = fields + MOST_FIELDS;
    let texts_at = (values + 2 * MOST_FIELDS + 1) * 4;
    let mut texts = bytes.get(texts_at..)?;
    let mut rule = Draft::new(action == NEVER);
    if !matches!(action, NEVER | ALWAYS) {
        return None;
    }
    for place in 0..count {
        let (field, value) = (word(fields + place)?, word(values + place)?);
        let mut text = None;
        if TEXTS.contains(&field) {
            let (this, rest) = texts.split_at_checked(usize::try_from(value).ok()?)?;
            (text, texts) = (Some(this), rest);
        }
        match (field, text) {
            (WATCH | DIR, Some(path)) => rule.about(Path::new(OsStr::from_bytes(path)), field == DIR),
            (KEY, Some(key)) => rule.key(&String::from_utf8_lossy(key)),
            (PERM, _) => rule.reads = value & PERM_READ != 0,
            (ARCH | SUCCESS, _) => {}
            _ => rule.narrowed = true,
        }
    }
    rule.finish()
}

/// A line of a file of rules; `None`: it is about no path, or can't be read.
pub(super) fn of_line(line: &str) -> Option<PathRule> {
    let mut words = line.split_ascii_whitespace().peekable();
    let mut rule = Draft::new(false);
    let mut acts = false;
    while let Some(word) = words.next() {
        match word {
            "-w" => {
                acts = true;
                rule.watched = true;
                rule.about(Path::new(words.next()?), false);
            }
            "-a" | "-A" => {
                let action = words.next()?;
                let (mut exit, mut always, mut never) = (false, false, false);
                for part in action.split(',') {
                    exit |= part == "exit";
                    always |= part == "always";
                    never |= part == "never";
                }
                if !exit || always == never {
                    return None;
                }
                (acts, rule.never) = (true, never);
            }
            "-p" => rule.reads = words.next()?.contains('r'),
            "-k" => rule.key(words.next()?),
            "-F" => rule.field(words.next()?),
            "-S" => {
                // Fewer system calls than all that read is less than all reading, unless a permission says which.
                rule.calls |= words.next()? != "all";
            }
            "-C" => {
                words.next()?;
                rule.narrowed = true;
            }
            _ => return None,
        }
    }
    if rule.calls && !rule.by_permission {
        rule.narrowed = true;
    }
    acts.then_some(rule)?.finish()
}

struct Draft {
    path: Option<(PathBuf, bool)>,
    /// By `-w`, which is about a file or a directory, whichever the path is.
    watched: bool,
    never: bool,
    reads: bool,
    by_permission: bool,
    calls: bool,
    narrowed: bool,
    key: Option<String>,
}

impl Draft {
    const fn new(never: bool) -> Self {
        Self {
            path: None,
            watched: false,
            never,
            reads: PERM_READ & PERM_ALL != 0,
            by_permission: false,
            calls: false,
            narrowed: false,
            key: None,
        }
    }

    fn about(&mut self, path: &Path, beneath: bool) {
        let plain: PathBuf = path
            .components()
            .filter(|part| !matches!(part, Component::CurDir))
            .collect();
        self.path = Some((plain, beneath));
    }

    fn key(&mut self, key: &str) {
        self.key = Some(key.trim_matches('"').to_owned());
    }

    fn field(&mut self, field: &str) {
        match field.split_once('=') {
            Some(("dir", path)) => self.about(Path::new(path), true),
            Some(("path", path)) => self.about(Path::new(path), false),
            Some(("perm", perm)) => {
                self.reads = perm.contains('r');
                self.by_permission = true;
            }
            Some(("key", key)) => self.key(key),
            Some(("arch" | "success", _)) => {}
            _ => self.narrowed = true,
        }
    }

    fn finish(self) -> Option<PathRule> {
        let (path, beneath) = self.path?;
        Some(PathRule {
            path,
            beneath: beneath || self.watched,
            never: self.never,
            reads: self.reads,
            narrowed: self.narrowed,
            key: self.key,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A rule as the kernel gives it.
    fn kernel(action: u32, fields: &[(u32, u32, &str)]) -> Vec<u8> {
        let mut words = vec![FILTER_EXIT, action, u32::try_from(fields.len()).unwrap()];
        words.extend([u32::MAX; MASK_WORDS]);
        let padded = |values: Vec<u32>| {
            let mut values = values;
            values.resize(MOST_FIELDS, 0);
            values
        };
        words.extend(padded(fields.iter().map(|field| field.0).collect()));
        let value = |field: &(u32, u32, &str)| match field.2 {
            "" => field.1,
            text => u32::try_from(text.len()).unwrap(),
        };
        words.extend(padded(fields.iter().map(value).collect()));
        words.extend(padded(Vec::new()));
        let texts: String = fields.iter().map(|field| field.2).collect();
        words.push(u32::try_from(texts.len()).unwrap());
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        bytes.extend(texts.bytes());
        bytes
    }

    #[test]
    fn a_rule_reads_alike_from_the_kernel_and_from_a_file() {
        let held = kernel(
            ALWAYS,
            &[
                (DIR, 0, "/srv/pii"),
                (PERM, PERM_READ, ""),
                (KEY, 0, "personal-data"),
            ],
        );
        let line = "-a always,exit -F dir=/srv/pii -F perm=r -F key=personal-data";
        let rule = of_kernel(&held).unwrap();
        assert_eq!(Some(rule.clone()), of_line(line));
        assert!(rule.covers(Path::new("/srv/pii/a")) && !rule.covers(Path::new("/srv/pii2")));
        assert!(!rule.covers(Path::new("/srv")) && rule.touches(Path::new("/srv")));
        assert!(!rule.narrowed && !rule.never);
    }

    #[test]
    fn what_a_rule_leaves_out_is_seen() {
        let writes = of_line("-w /srv/pii -p wa -k x").unwrap();
        assert!(!writes.covers(Path::new("/srv/pii")), "writes alone");
        let watch = of_line("-w /srv/pii/ -p rwa").unwrap();
        assert!(watch.covers(Path::new("/srv/pii/a")));
        assert!(
            of_line("-a always,exit -F dir=/srv -F perm=r -F auid>=1000")
                .unwrap()
                .narrowed
        );
        assert!(of_line("-a always,exit -S unlink -F dir=/srv").unwrap().narrowed);
        assert!(
            !of_line("-a exit,always -F arch=b64 -S all -F dir=/srv -F perm=r")
                .unwrap()
                .narrowed
        );
        assert!(of_line("-a never,exit -F dir=/srv/pii").unwrap().never);
        for line in [
            "-D",
            "-b 8192",
            "-e 2",
            "# -w /srv/pii -p r",
            "-a always,user -F dir=/x",
            "-w",
            "",
        ] {
            assert_eq!(of_line(line), None, "{line}");
        }
        assert!(
            of_kernel(&kernel(ALWAYS, &[(DIR, 0, "/a"), (1, 0, "")]))
                .unwrap()
                .narrowed
        );
        assert_eq!(of_kernel(&kernel(ALWAYS, &[(KEY, 0, "exec")])), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>, line: String) {
            of_kernel(&bytes);
            of_line(&line);
            let mut rule = kernel(ALWAYS, &[(DIR, 0, "/srv/pii"), (PERM, 4, "")]);
            for (place, byte) in bytes.iter().enumerate() {
                let length = rule.len();
                rule[(place * 7 + usize::from(*byte)) % length] = *byte;
            }
            of_kernel(&rule);
        }
    }
}
