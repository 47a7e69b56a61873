//! What of the attempts to log in is abnormal: pure functions over events, used by the check and by `inspect logins`.

mod anomaly;
mod detect;
mod minimise;
mod privilege;
mod source;
mod unusual;
mod window;

pub use anomaly::{Anomaly, AnomalyKind, MOST_SHOWN, Subject};
pub use detect::{Observed, detect};
pub use minimise::Minimiser;
pub use source::SourceGroup;
