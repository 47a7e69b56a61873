//! What became of anchors, on record in the data directory: for the command line, and for the next start.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Kind;
use crate::home::{Home, HomeError, read_private, write_private};

/// What became of the anchors of each kind.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct State(BTreeMap<Kind, Anchored>);

/// What became of the anchors of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Anchored {
    /// Size of the last checkpoint that went there.
    pub(crate) size: Option<u64>,
    /// When that was.
    pub(crate) anchored_at: Option<Timestamp>,
    /// When the last attempt failed, if none has succeeded since.
    pub(crate) failed_at: Option<Timestamp>,
    /// Why.
    pub(crate) error: Option<String>,
}

impl State {
    /// As it was saved last; one that can't be read is as none, so that a checkpoint goes out once too often.
    pub(crate) fn load(home: &Home) -> Result<Self, HomeError> {
        let path = path(home);
        if !path.exists() {
            return Ok(Self::default());
        }
        Ok(serde_json::from_str(&read_private(&path)?).unwrap_or_default())
    }

    pub(super) fn save(&self, home: &Home) -> Result<(), HomeError> {
        let (path, beside) = (path(home), home.root().join("anchors.json.new"));
        let failed = |source: io::Error| HomeError::Io {
            action: "write",
            path: path.clone(),
            source,
        };
        let bytes = serde_json::to_vec(self).map_err(|error| failed(error.into()))?;
        let _stale = fs::remove_file(&beside);
        write_private(&beside, &bytes)?;
        fs::rename(&beside, &path).map_err(failed)
    }

    pub(crate) fn of(&self, kind: Kind) -> Option<&Anchored> {
        self.0.get(&kind)
    }

    pub(super) fn of_mut(&mut self, kind: Kind) -> &mut Anchored {
        self.0.entry(kind).or_default()
    }
}

fn path(home: &Home) -> PathBuf {
    home.root().join("anchors.json")
}
