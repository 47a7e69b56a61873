//! What of the attempts to log in is abnormal: pure functions over events, used by the check and by `inspect logins`.

mod anomaly;
mod detect;
mod failures;
mod minimise;
mod place;
mod privilege;
mod source;
mod unusual;
mod window;

pub use anomaly::{Anomaly, AnomalyKind, MOST_SHOWN, Subject};
pub use detect::{Observed, detect, winnow};
pub use minimise::Minimiser;
pub use place::Place;
pub use source::SourceGroup;
