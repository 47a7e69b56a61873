//! Who of several collectors does a job.

use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ring::rand::{SecureRandom, SystemRandom};
use tracing::{info, warn};

use crate::store::{Store, StoreError};

/// How long a lease lasts: after so long another collector takes the job of one that died.
const LASTS: Duration = Duration::from_secs(30);

/// A lease that was taken or kept this long ago is asked for again; until then it is held for certain.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// This process, as the one who holds leases: the machine's name for people, the rest so that no two are the same.
static HOLDER: LazyLock<String> = LazyLock::new(|| {
    let machine = nix::unistd::gethostname().unwrap_or_default();
    let mut drawn = [0; 8];
    // Without random bytes the number of the process must do.
    let _drawn = SystemRandom::new().fill(&mut drawn);
    format!(
        "{}:{}:{}",
        machine.display(),
        std::process::id(),
        hex::encode(drawn)
    )
});

/// The lease of one job.
#[derive(Debug)]
pub(crate) struct Lease {
    name: &'static str,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: bool,
    asked: Option<Instant>,
}

impl Lease {
    /// The lease with a name; not held yet.
    pub(crate) const fn new(name: &'static str) -> Self {
        Self {
            name,
            state: Mutex::new(State {
                held: false,
                asked: None,
            }),
        }
    }

    /// Whether this process is to do the job now; where the store does not answer, it is not.
    pub(crate) fn is_held(&self, store: &dyn Store) -> bool {
        self.ask(store).unwrap_or(false)
    }

    /// Whether this process is to do the job now; asks the store where that is not known.
    pub(crate) fn ask(&self, store: &dyn Store) -> Result<bool, StoreError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.held && state.asked.is_some_and(|asked| asked.elapsed() < ASK_AGAIN) {
            return Ok(true);
        }
        let now = Instant::now();
        let answer = store.take_lease(self.name, &HOLDER, LASTS);
        let held = match &answer {
            Ok(held) => *held,
            Err(error) => {
                warn!(job = self.name, %error, "cannot ask who does a job");
                false
            }
        };
        if held != state.held {
            info!(job = self.name, held, "the one who does a job changed");
        }
        *state = State {
            held,
            asked: Some(now),
        };
        answer
    }
}
