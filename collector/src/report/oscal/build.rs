//! From the report to the OSCAL model.

use plumbline_config::catalogue;
use plumbline_config::finding::Status;

use super::lines::line_id;
use super::types::*;
use crate::checklist::{Item, Line};
use crate::freshness::HostState;
use crate::report::fleet::{Fleet, Walk, wants_attention};
use crate::report::ids::Ids;
use crate::report::model::{Report, ReportHost, ShownFinding};
use crate::report::reading::Reading;
use crate::report::words::Words;
use crate::store::StoreError;

/// Version of OSCAL.
const VERSION: &str = "1.1.3";

/// Name space of our properties: a name, not an address.
const NAME_SPACE: &str = "https://plumbline.invalid/oscal";

pub(super) struct Builder<'r> {
    pub(super) report: &'r Report,
    pub(super) words: &'r Words<'r>,
    pub(super) ids: Ids,
}

impl<'r> Builder<'r> {
    pub(super) fn new(report: &'r Report, words: &'r Words<'r>) -> Self {
        Self {
            report,
            words,
            ids: Ids::new(report),
        }
    }

    pub(super) fn document(&'r self, fleet: &'r dyn Fleet, reading: &'r Reading) -> Document<'r> {
        let (report, words) = (self.report, self.words);
        let checklist = &report.checklist;
        let (period, as_of) = (checklist.period.as_str(), checklist.as_of.to_string());
        let plan = self
            .ids
            .of(&["plan", checklist.plan.as_ref().map_or("", |plan| &plan.sha256)]);
        Document {
            assessment_results: AssessmentResults {
                uuid: self.ids.of(&["report", period, &as_of, words.lang.tag()]),
                metadata: self.metadata(),
                import_ap: Href {
                    href: format!("#{plan}"),
                },
                results: [AssessmentResult {
                    uuid: self.ids.of(&["result", period, &as_of]),
                    title: words.t("report-checklist-title"),
                    description: if report.is_past {
                        format!("{} {}", words.t("report-legend"), words.t("report-past-hosts"))
                    } else {
                        words.t("report-legend")
                    },
                    start: report
                        .first
                        .to_zoned(report.zone.clone())
                        .map_or(checklist.as_of, |first| first.timestamp()),
                    end: checklist.as_of,
                    local_definitions: LocalDefinitions {
                        components: [self.component()],
                        inventory_items: reading
                            .list(self.hosts(fleet).map(|host| Ok(self.inventory_item(&host?)))),
                    },
                    reviewed_controls: self.reviewed_controls(),
                    observations: reading.list(self.checks().map(Ok).chain(self.observations(fleet))),
                    risks: reading.list(self.line_risks().map(Ok).chain(self.risks(fleet))),
                    findings: self.lines().filter_map(|line| self.finding(line)).collect(),
                }],
                back_matter: BackMatter {
                    resources: vec![self.plan(plan)],
                },
            },
        }
    }

    fn metadata(&self) -> Metadata {
        let (report, words) = (self.report, self.words);
        let mut props = Vec::new();
        if let Some(ledger) = &report.ledger {
            props.extend(property("ledger-origin", &ledger.origin));
            props.extend(property("ledger-size", &ledger.size.to_string()));
            props.extend(property("ledger-root", &ledger.root_text()));
        }
        let company = Some(&report.company).filter(|company| !company.is_empty());
        Metadata {
            title: format!("{} {}", words.t("report-title"), report.checklist.period),
            last_modified: report.checklist.generated_at,
            version: report.checklist.as_of.to_string(),
            oscal_version: VERSION,
            props,
            parties: company
                .map(|company| Party {
                    uuid: self.ids.of(&["company"]),
                    kind: "organization",
                    name: company.clone(),
                })
                .into_iter()
                .collect(),
        }
    }

    fn component(&self) -> Component {
        Component {
            uuid: self.ids.of(&["component", "plumbline"]),
            kind: "software",
            title: "Plumbline",
            description: format!("Plumbline {}", env!("CARGO_PKG_VERSION")),
            status: ComponentState { state: "operational" },
        }
    }

    /// The plan is what is assessed by; it is TOML and not OSCAL, so it is a resource.
    fn plan(&self, uuid: String) -> Resource {
        let plan = self.report.checklist.plan.as_ref();
        Resource {
            uuid,
            title: self.words.t("report-plan"),
            description: plan.map_or_else(
                || self.words.t("report-plan-none"),
                |plan| markup(&self.words.plan_version(&plan.version)),
            ),
            rlinks: plan
                .map(|plan| ResourceLink {
                    href: "/api/v1/plan",
                    hashes: vec![ContentHash {
                        algorithm: "SHA-256",
                        value: plan.sha256.clone(),
                    }],
                })
                .into_iter()
                .collect(),
        }
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = &'r Line> + use<'r> {
        self.report.checklist.items.iter().flat_map(|item| &item.lines)
    }

    fn reviewed_controls(&self) -> ReviewedControls {
        let control = |item: &Item| Control {
            control_id: format!("item-{}", item.number),
        };
        ReviewedControls {
            control_selections: [ControlSelection {
                description: self.words.t("report-standard"),
                include_controls: self.report.checklist.items.iter().map(control).collect(),
            }],
            control_objective_selections: [ObjectiveSelection {
                include_objectives: self
                    .lines()
                    .map(|line| Objective {
                        objective_id: line_id(line),
                    })
                    .collect(),
            }],
        }
    }

    fn hosts(&self, fleet: &'r dyn Fleet) -> impl Iterator<Item = Result<ReportHost, StoreError>> + use<'r> {
        Walk::new(fleet, self.report.cutoff).map(|host| {
            let mut host = host?;
            host.sort();
            Ok(host)
        })
    }

    fn inventory_item(&self, host: &ReportHost) -> InventoryItem {
        let role = self.words.role(&host.role);
        let values = [
            ("host-id", host.id.as_str()),
            ("host-name", &host.name),
            ("role", &role),
            ("system", &host.system),
            ("state", host.state.name()),
        ];
        InventoryItem {
            uuid: self.ids.of(&["host", &host.id]),
            description: markup(&host.name),
            props: values
                .into_iter()
                .filter_map(|(name, value)| property(name, value))
                .collect(),
        }
    }

    fn observations(
        &'r self,
        fleet: &'r dyn Fleet,
    ) -> impl Iterator<Item = Result<Observation, StoreError>> + use<'r> {
        self.of_hosts(fleet, |host, found| Some(self.observation(host, found)))
    }

    fn observation(&self, host: &ReportHost, found: &ShownFinding) -> Observation {
        let finding = &found.finding;
        let evidence = [
            ("report-column-expected", &finding.expected),
            ("report-column-actual", &finding.actual),
        ];
        let evidence = evidence.into_iter().filter(|(_, value)| !value.is_null());
        Observation {
            uuid: self.ids.observation(&host.id, finding),
            title: self.title(found),
            description: markup(self.words.words(&finding.summary)),
            props: properties(found),
            methods: ["TEST"],
            types: [if found.shown == Status::Pass {
                "control-objective"
            } else {
                "finding"
            }],
            subjects: vec![Subject {
                subject_uuid: self.ids.of(&["host", &host.id]),
                kind: "inventory-item",
                title: markup(&host.name),
            }],
            relevant_evidence: evidence
                .map(|(key, value)| Evidence {
                    description: markup(&format!("{} {value}", self.words.t(key))),
                })
                .collect(),
            collected: finding.observed_at,
        }
    }

    /// What has to be mended on hosts that are still there.
    fn risks(&'r self, fleet: &'r dyn Fleet) -> impl Iterator<Item = Result<Risk, StoreError>> + use<'r> {
        self.of_hosts(fleet, |host, found| {
            let is_risk = host.state != HostState::Revoked && wants_attention(found.shown);
            is_risk.then(|| self.risk(host, found))
        })
    }

    fn risk(&self, host: &ReportHost, found: &ShownFinding) -> Risk {
        let finding = &found.finding;
        let remedy = self.words.words(&finding.remediation);
        let id = |kind| self.ids.of(&[kind, &host.id, &finding.check, &finding.subject]);
        let remediation = (!remedy.is_empty()).then(|| Remediation {
            uuid: id("remediation"),
            lifecycle: "recommendation",
            title: self.words.t("report-column-remedy"),
            description: markup(remedy),
        });
        Risk {
            uuid: id("risk"),
            title: format!("{} · {}", markup(&host.name), self.title(found)),
            description: markup(self.words.words(&finding.summary)),
            statement: markup(self.words.words(&finding.summary)),
            props: properties(found),
            status: "open",
            remediations: remediation.into_iter().collect(),
            related_observations: vec![ObservationRef {
                observation_uuid: self.ids.observation(&host.id, finding),
            }],
        }
    }

    fn of_hosts<T: 'r>(
        &'r self,
        fleet: &'r dyn Fleet,
        make: impl Fn(&ReportHost, &ShownFinding) -> Option<T> + 'r,
    ) -> impl Iterator<Item = Result<T, StoreError>> + 'r {
        self.hosts(fleet).flat_map(move |host| match host {
            Ok(host) => host
                .findings
                .iter()
                .filter_map(|found| make(&host, found))
                .map(Ok)
                .collect(),
            Err(error) => vec![Err(error)],
        })
    }

    /// What was looked at: the check and its subject.
    fn title(&self, found: &ShownFinding) -> String {
        let finding = &found.finding;
        let check = catalogue::check(&finding.check)
            .map_or(finding.check.as_str(), |entry| entry.title.get(self.words.lang));
        format!("{} · {}", markup(check), markup(&finding.subject))
    }
}

fn properties(found: &ShownFinding) -> Vec<Property> {
    let finding = &found.finding;
    let values = [
        ("check", finding.check.as_str()),
        ("clause", &finding.clause),
        ("subject", &finding.subject),
        ("status", found.shown.name()),
        ("severity", finding.severity.name()),
    ];
    values
        .into_iter()
        .filter_map(|(name, value)| property(name, value))
        .collect()
}

/// A property: OSCAL takes one line that neither begins nor ends with a space, and not an empty one.
pub(super) fn property(name: &'static str, value: &str) -> Option<Property> {
    let value: String = value
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    (!value.is_empty()).then_some(Property {
        name,
        ns: NAME_SPACE,
        value,
    })
}

/// Words as OSCAL's Markdown that says them and does nothing else: no host makes a link or a picture of its name.
pub(super) fn markup(words: &str) -> String {
    let mut into = String::with_capacity(words.len());
    for c in words.chars() {
        if matches!(
            c,
            '\\' | '`' | '*' | '_' | '<' | '>' | '[' | ']' | '^' | '~' | '{' | '}' | '!' | '|' | '&'
        ) {
            into.push('\\');
        }
        into.push(c);
    }
    into
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_is_one_line() {
        let value = |text: &str| property("x", text).map(|property| property.value);
        assert_eq!(value(" a\n\u{0}b  c "), Some("a b c".to_owned()));
        assert_eq!(value("\t\r\n"), None);
    }

    #[test]
    fn words_of_hosts_are_no_markup() {
        assert_eq!(markup("![x](http://y)<b>"), "\\!\\[x\\](http://y)\\<b\\>");
    }
}
