//! Checkpoints as C2SP defines them (<https://c2sp.org/tlog-checkpoint>): a tree's size and root, as the text of a
//! signed [`note`](super::note).

use std::fmt;
use std::str::FromStr;

use super::note::LARGEST_NOTE;
use super::tree::Hash;

/// What a collector states of its ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which ledger.
    pub origin: String,
    /// Number of leaves.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Hash,
    /// Further lines.
    pub extensions: Vec<String>,
}

/// A text that is no checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a checkpoint: its lines are the origin, the size in decimal, the root in base64, and no empty ones"
)]
pub struct NoCheckpoint;

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, self.root.base64())?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl FromStr for Checkpoint {
    type Err = NoCheckpoint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > LARGEST_NOTE {
            return Err(NoCheckpoint);
        }
        let mut lines = text.strip_suffix('\n').ok_or(NoCheckpoint)?.split('\n');
        let mut line = || lines.next().filter(|line| !line.is_empty()).ok_or(NoCheckpoint);
        let origin = line()?.to_owned();
        let size = decimal(line()?).ok_or(NoCheckpoint)?;
        let root = Hash::from_base64(line()?).ok_or(NoCheckpoint)?;
        let extensions: Vec<String> = lines.map(str::to_owned).collect();
        if extensions.iter().any(String::is_empty) {
            return Err(NoCheckpoint);
        }
        Ok(Self {
            origin,
            size,
            root,
            extensions,
        })
    }
}

/// A number in decimal as it is written: no sign, no leading zeros.
pub(super) fn decimal(text: &str) -> Option<u64> {
    text.parse()
        .ok()
        .filter(|number: &u64| number.to_string() == text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::note::Note;

    #[test]
    fn the_example_of_the_specification_is_read() {
        let note = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
            — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
        let note = Note::parse(note.as_bytes()).unwrap();
        let checkpoint: Checkpoint = note.unverified_text().parse().unwrap();
        assert_eq!(checkpoint.origin, "example.com/behind-the-sofa");
        assert_eq!(checkpoint.size, 20_852_163);
        assert!(checkpoint.extensions.is_empty());
        assert_eq!(checkpoint.to_string(), note.unverified_text());
    }

    #[test]
    fn what_is_no_checkpoint_is_refused() {
        let root = Hash::of(b"").base64();
        for bad in [
            String::new(),
            "\n".to_owned(),
            format!("\n1\n{root}\n"),
            format!("origin\n1\n{root}"),
            format!("origin\n01\n{root}\n"),
            format!("origin\n+1\n{root}\n"),
            format!("origin\n-1\n{root}\n"),
            format!("origin\n18446744073709551616\n{root}\n"),
            format!("origin\n1\n{}\n", &root[1..]),
            format!("origin\n1\n{root}\n\n"),
            format!("origin\n1\n{root}\n\nlast\n"),
            "origin\n1\n".to_owned(),
        ] {
            assert_eq!(bad.parse::<Checkpoint>(), Err(NoCheckpoint), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_checkpoint_is_read_as_it_is_written(
            origin in "[ -~界]{1,30}", size: u64, root: [u8; 32],
            extensions in prop::collection::vec("[ -~]{1,20}", 0..4),
        ) {
            let checkpoint = Checkpoint { origin, size, root: Hash(root), extensions };
            prop_assert_eq!(checkpoint.to_string().parse(), Ok(checkpoint));
        }

        #[test]
        fn no_text_upsets_the_reader(text in "\\PC{0,200}|([a-z]{0,3}\n|[0-9]{0,21}\n|[A-Za-z0-9+/]{43}=\n){0,6}") {
            if let Ok(checkpoint) = text.parse::<Checkpoint>() {
                prop_assert_eq!(checkpoint.to_string(), text);
            }
        }
    }
}
