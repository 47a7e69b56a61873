//! The catalogue of controls: what each check is for, which clause of the plan it answers, and how to mend a failure,
//! in both languages; and the twelve items of Section 12 that the checks add up to.
//!
//! The catalogue is data under `config/catalogue/`; everything else (help, `explain`, reports, metrics) derives from it.

mod check;
mod incident;
mod section12;
mod sections;

pub use check::*;
pub use incident::*;
pub use section12::*;
pub use sections::*;
