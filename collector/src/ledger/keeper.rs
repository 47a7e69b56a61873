//! Signs a checkpoint whenever the ledger has grown.

use std::sync::Arc;

use jiff::Timestamp;

use super::note::NoteError;
use super::statement::Statement;
use crate::pki::Signer;
use crate::store::{KeptCheckpoint, Store, StoreError};

/// Why no checkpoint could be signed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeeperError {
    /// The store could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The note could not be made.
    #[error("cannot sign a checkpoint: {0}")]
    Note(#[from] NoteError),
}

/// Signs in the name of one ledger.
pub(crate) struct Keeper {
    store: Arc<dyn Store>,
    signer: Signer,
    origin: String,
}

impl Keeper {
    /// The keeper of the ledger `origin`.
    pub(crate) fn new(store: Arc<dyn Store>, signer: Signer, origin: String) -> Self {
        Self {
            store,
            signer,
            origin,
        }
    }

    /// Signs the tree as it stands, unless the newest checkpoint is of it; says whether it did.
    ///
    /// A log must never sign what contradicts an earlier checkpoint: the root is that of the right edge, which the
    /// store only ever appends to.
    pub(crate) fn sign_if_grown(&self, now: Timestamp) -> Result<bool, KeeperError> {
        let previous = self.store.latest_checkpoint()?.map(|latest| latest.size);
        let head = self.store.ledger_frontier()?;
        if previous.is_some_and(|previous| previous >= head.size()) {
            return Ok(false);
        }
        let statement = Statement {
            origin: self.origin.clone(),
            size: head.size(),
            root: head.root(),
            signed_at: u64::try_from(now.as_microsecond()).unwrap_or(0),
            previous: previous.unwrap_or(0),
        };
        let checkpoint = KeptCheckpoint {
            size: statement.size,
            signed_at: now,
            note: self.signer.sign_checkpoint(&statement)?.to_string(),
        };
        self.store.add_checkpoint(&checkpoint)?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use plumbline_config::wire::PlanRef;

    use super::*;
    use crate::home::Home;
    use crate::ledger::note::VerifierKey;
    use crate::ledger::proof::verify_consistency;
    use crate::ledger::prove;
    use crate::store::{Act, PublishedPlan, SqliteStore};

    #[test]
    fn what_has_grown_is_signed_once_and_each_checkpoint_names_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path().join("data"));
        home.create().unwrap();
        Signer::create(&home).unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&home.database()).unwrap());
        let signer = || Signer::load(&home).unwrap();
        let key: VerifierKey = signer().verifier_key("origin").unwrap();
        let keeper = || Keeper::new(Arc::clone(&store), signer(), "origin".to_owned());
        let now = Timestamp::now();
        let latest = || {
            let kept = store.latest_checkpoint().unwrap().unwrap();
            assert_eq!(kept.signed_at.as_microsecond(), now.as_microsecond());
            let statement = Statement::read(kept.note.as_bytes(), &key).unwrap();
            assert_eq!(statement.size, kept.size);
            statement
        };
        assert!(keeper().sign_if_grown(now).unwrap(), "the empty tree too");
        assert_eq!((latest().size, latest().previous), (0, 0));
        let mut before = latest();
        for _ in 0..3 {
            let keeper = keeper();
            assert!(!keeper.sign_if_grown(now).unwrap());
            let act = Act {
                at: now,
                who: "who".to_owned(),
                what: "plan.publish".to_owned(),
                on: "x".to_owned(),
            };
            let plan = PublishedPlan {
                reference: PlanRef {
                    version: "1".to_owned(),
                    sha256: before.size.to_string(),
                },
                toml: String::new(),
                signature: String::new(),
            };
            store.publish_plan(&plan, &act).unwrap();
            assert!(keeper.sign_if_grown(now).unwrap());
            let after = latest();
            assert_eq!((after.size, after.previous), (before.size + 1, before.size));
            let proof = prove::consistency(store.as_ref(), before.size, None)
                .unwrap()
                .proof;
            let (first, second) = (&before, &after);
            assert!(verify_consistency(
                first.size,
                second.size,
                &first.root,
                &second.root,
                &proof
            ));
            before = after;
        }
    }
}
