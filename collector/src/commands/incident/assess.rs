//! What a case was found to be, on the command line.

use clap::ArgAction;
use plumbline_console::Failure;

use super::Said;
use crate::cli::Place;
use crate::commands::yes_or_no;
use crate::records::action::Entry;
use crate::records::incident::{Assessed, Harm, IncidentStep};

/// What a case was found to be.
#[derive(Debug, clap::Args)]
pub(crate) struct Assess {
    #[command(flatten)]
    said: Said,
    /// Whether it is an incident of personal data: yes or no
    #[arg(long, action = ArgAction::Set, value_parser = yes_or_no, value_name = "yes|no")]
    personal_data: bool,
    /// Whether it endangers the business or the rights of many people; then the authority is told
    #[arg(long, action = ArgAction::Set, value_parser = yes_or_no, value_name = "yes|no", default_value = "yes")]
    grave: bool,
    /// Whether data of customers is concerned; then they are told
    #[arg(long, action = ArgAction::Set, value_parser = yes_or_no, value_name = "yes|no", default_value = "no")]
    customers: bool,
    /// What happened to the data: theft, leak, alteration, damage, loss or other; may be given again
    #[arg(long = "harm", value_parser = harm, value_name = "HARM")]
    harms: Vec<Harm>,
    /// Kind of personal data; may be given again
    #[arg(long = "category", value_name = "TEXT")]
    categories: Vec<String>,
    /// About how many people
    #[arg(long, value_name = "NUMBER")]
    people: Option<u64>,
    /// About how many records
    #[arg(long, value_name = "NUMBER")]
    records: Option<u64>,
    /// How many of these are of special kinds
    #[arg(long, value_name = "NUMBER")]
    special_records: Option<u64>,
    /// What harm came of it
    #[arg(long, value_name = "TEXT", default_value = "")]
    damage: String,
    /// What may come of it
    #[arg(long, value_name = "TEXT", default_value = "")]
    consequences: String,
}

fn harm(text: &str) -> Result<Harm, String> {
    let known = Harm::ALL.into_iter().find(|harm| harm.name() == text);
    known.ok_or_else(|| "use theft, leak, alteration, damage, loss or other".to_owned())
}

impl Assess {
    pub(super) fn step(self, place: &Place) -> Result<(String, IncidentStep), Failure> {
        let (id, Entry { text, files }) = self.said.entry(place)?;
        let assessed = Assessed {
            personal_data: self.personal_data,
            grave: self.grave,
            customers: self.customers,
            harms: self.harms.into_iter().collect(),
            categories: self.categories,
            people: self.people,
            records: self.records,
            special_records: self.special_records,
            text,
            damage: self.damage,
            consequences: self.consequences,
            files,
        };
        Ok((id, IncidentStep::Assess(assessed)))
    }
}
