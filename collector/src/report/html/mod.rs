//! The report as one HTML file: no scripts, no outside resources, laid out for the screen, the phone and A4 paper.
//!
//! It goes out in the order in which it can be known: what the totals say at once, then what one walk over all hosts
//! gave, and, where there are few hosts, each one's findings on a second walk.

mod body;
mod course;
mod front;

use std::io::Write;

use askama::Template;
use plumbline_config::lang::Lang;

use super::WriteError;
use super::fleet::{Fleet, Walk};
use super::model::{Report, ReportHost};
use super::overview::Overview;
use super::words::Words;
use body::Body;
use course::Course;

pub(crate) use front::Front;

/// The style sheet, kept apart so that the content security policy can name its hash.
pub const STYLE: &str = include_str!("../../../templates/report.css");

/// What stands below the last host.
const END: &[u8] = b"\n</section>\n</body>\n</html>";

/// Writes the report.
pub(super) fn write(
    report: &Report,
    fleet: &dyn Fleet,
    lang: Lang,
    out: &mut dyn Write,
) -> Result<(), WriteError> {
    let words = Words {
        lang,
        zone: &report.zone,
    };
    let head = Head {
        report,
        company: &report.company,
        course: Course::of(&report.course),
        w: &words,
        style: STYLE,
    };
    head.write_into(out)?;
    // The walk may take a while, and this is worth reading meanwhile.
    out.flush()?;
    let overview = Overview::read(fleet, report.cutoff, lang, || out.flush())?;
    let body = Body {
        report,
        overview: &overview,
        w: &words,
    };
    body.write_into(out)?;
    if overview.has_annex() {
        for host in Walk::new(fleet, report.cutoff) {
            let mut host = host?;
            host.sort();
            HostFindings {
                host: &host,
                w: &words,
            }
            .write_into(out)?;
        }
    }
    Ok(out.write_all(END)?)
}

/// Down to the summary: what the totals say.
#[derive(Template)]
#[template(path = "report-head.html")]
struct Head<'a> {
    report: &'a Report,
    company: &'a str,
    course: Option<Course>,
    w: &'a Words<'a>,
    style: &'static str,
}

/// One host's findings, in the annex.
#[derive(Template)]
#[template(path = "report-host.html")]
struct HostFindings<'a> {
    host: &'a ReportHost,
    w: &'a Words<'a>,
}
