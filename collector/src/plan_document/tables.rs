//! The form's tables.

use plumbline_config::plan::{MemberRole, Plan, Scenario};
use plumbline_document::{Block, Column, DocumentError, Style, Text, Tone, Writer};

use super::values::{UNFILLED, not_applicable, title, word_of};
use crate::report::grouped;

/// Sends the table `name`; of one that is not known, nothing.
pub(super) fn write(name: &str, plan: &Plan, writer: &mut dyn Writer) -> Result<(), DocumentError> {
    match name {
        "members" => members(plan, writer),
        "inventory" => inventory(plan, writer),
        "assessments" => assessments(plan, writer),
        "scenarios" => scenarios(plan, writer),
        "ports service" => ports(plan, "service", writer),
        "ports office" => ports(plan, "office", writer),
        "policies" => list(
            &plan.development.policies,
            plan.development.not_applicable.is_some(),
            writer,
        ),
        "vendors" => vendors(plan, writer),
        "appendix" => appendix(plan, writer),
        _ => Ok(()),
    }
}

fn table(
    columns: &[(&'static str, f32)],
    mut rows: Vec<Vec<String>>,
    writer: &mut dyn Writer,
) -> Result<(), DocumentError> {
    let heads = columns.iter().map(|(key, share)| Column {
        title: title(key),
        share: *share,
    });
    writer.write(Block::Table(heads.collect()))?;
    if rows.is_empty() {
        rows.push(vec![String::new(); columns.len()]);
    }
    for row in rows {
        writer.write(Block::Row(row.into_iter().map(cell).collect()))?;
    }
    writer.write(Block::TableEnd)
}

fn cell(words: String) -> Text {
    if words.trim().is_empty() {
        Text::default().and(Style::Status(Tone::Bad), UNFILLED)
    } else {
        words.into()
    }
}

fn members(plan: &Plan, writer: &mut dyn Writer) -> Result<(), DocumentError> {
    let columns = [
        ("plan-document-place", 2.2),
        ("plan-document-person", 2.2),
        ("plan-document-department", 1.4),
        ("plan-document-duties", 4.2),
    ];
    let mut rows = Vec::new();
    for role in [
        MemberRole::Convener,
        MemberRole::Manager,
        MemberRole::SecurityLead,
        MemberRole::UnitDelegate,
    ] {
        let before = rows.len();
        for member in plan
            .governance
            .members
            .iter()
            .filter(|member| member.role == role)
        {
            let duties = member
                .duties
                .iter()
                .zip(1..)
                .map(|(duty, number)| format!("{number}. {duty}"));
            rows.push(vec![
                word_of(&role),
                format!("{} {}", member.title, member.name),
                member.department.clone(),
                duties.collect::<Vec<_>>().join("\n"),
            ]);
        }
        if rows.len() == before {
            rows.push(vec![word_of(&role), String::new(), String::new(), String::new()]);
        }
    }
    table(&columns, rows, writer)
}

fn inventory(plan: &Plan, writer: &mut dyn Writer) -> Result<(), DocumentError> {
    let columns = [
        ("plan-document-file", 1.3),
        ("plan-document-purpose", 1.2),
        ("plan-document-categories", 1.6),
        ("plan-document-usage", 1.4),
        ("plan-document-legal-basis", 1.3),
        ("plan-document-region", 0.9),
        ("plan-document-period", 1.1),
        ("plan-document-records", 1.2),
        ("plan-document-trail", 1.1),
    ];
    let rows = plan.inventory.files.iter().map(|file| {
        let kept = file.kept_because.as_ref().filter(|why| !why.is_empty());
        vec![
            file.name.clone(),
            file.purpose.clone(),
            file.categories.join("\n"),
            file.usage.clone(),
            file.legal_basis.clone(),
            file.region.clone(),
            kept.map_or_else(
                || file.period.clone(),
                |why| format!("{}\n{}{why}", file.period, title("plan-document-kept-because")),
            ),
            grouped(usize::try_from(file.records).unwrap_or(usize::MAX)),
            file.trail_location.clone(),
        ]
    });
    table(&columns, rows.collect(), writer)
}

fn assessments(plan: &Plan, writer: &mut dyn Writer) -> Result<(), DocumentError> {
    let columns = [
        ("plan-document-file", 1.4),
        ("plan-document-category", 1.3),
        ("plan-document-subject", 1.2),
        ("plan-document-count", 1.2),
        ("plan-document-value", 1.2),
        ("plan-document-situation", 1.5),
        ("plan-document-risk", 1.5),
        ("plan-document-treatment", 1.5),
    ];
    let rows = plan.risk.assessments.iter().map(|row| {
        let graded = |grade: u8, word: String| format!("{grade}. {word}");
        vec![
            row.file.clone(),
            graded(row.category.grade(), word_of(&row.category)),
            graded(row.subject.grade(), word_of(&row.subject)),
            graded(row.records.grade(), word_of(&row.records)),
            row.value().to_string(),
            row.activity.clone(),
            row.risk.clone(),
            row.treatment.clone(),
        ]
    });
    table(&columns, rows.collect(), writer)
}

fn scenarios(plan: &Plan, writer: &mut dyn Writer) -> Result<(), DocumentError> {
    let columns = [
        ("plan-document-scenario", 1.0),
        ("plan-document-activity", 2.0),
        ("plan-document-risk", 2.0),
        ("plan-document-planned", 2.0),
    ];
    let mut rows = Vec::new();
    for scenario in Scenario::ALL {
        let before = rows.len();
        for row in plan.risk.scenarios.iter().filter(|row| row.scenario == scenario) {
            rows.push(vec![
                word_of(&scenario),
                row.activity.clone(),
                row.risk.clone(),
                row.treatment.clone(),
            ]);
        }
        if rows.len() == before {
            rows.push(vec![
                word_of(&scenario),
                String::new(),
                String::new(),
                String::new(),
            ]);
        }
    }
    table(&columns, rows, writer)
}

/// The ports that the firewall lets through; nothing where there is no firewall to declare.
fn ports(plan: &Plan, scope: &str, writer: &mut dyn Writer) -> Result<(), DocumentError> {
    let measures = if scope == "service" {
        &plan.service
    } else {
        &plan.office
    };
    let ports = &measures.intrusion.firewall.allowed_ports;
    let applies = plan
        .not_applicable(&format!("{scope}.intrusion.firewall"))
        .is_none();
    if ports.is_empty() || !applies {
        return Ok(());
    }
    let columns = [
        ("plan-document-port", 1.0),
        ("plan-document-from", 2.4),
        ("plan-document-port-purpose", 2.4),
    ];
    let rows = ports.iter().map(|port| {
        let from: Vec<String> = port.from.iter().map(ToString::to_string).collect();
        vec![
            port.port.to_string(),
            if from.is_empty() {
                title("plan-document-anywhere")
            } else {
                from.join("\n")
            },
            port.purpose.clone(),
        ]
    });
    table(&columns, rows.collect(), writer)
}

fn vendors(plan: &Plan, writer: &mut dyn Writer) -> Result<(), DocumentError> {
    let columns = [
        ("plan-document-number", 0.6),
        ("plan-document-vendor", 2.0),
        ("plan-document-contract", 1.8),
        ("plan-document-work", 1.8),
        ("plan-document-audited-by", 2.2),
    ];
    let rows = plan.outsourcing.vendors.iter().zip(1..).map(|(vendor, number)| {
        vec![
            number.to_string(),
            vendor.name.clone(),
            format!("{}–{}", vendor.contract_from, vendor.contract_until),
            vendor.work.clone(),
            vendor.audited_by.clone(),
        ]
    });
    table(&columns, rows.collect(), writer)
}

fn appendix(plan: &Plan, writer: &mut dyn Writer) -> Result<(), DocumentError> {
    let appendix = &plan.appendix;
    let does_not_apply = not_applicable(plan, "appendix").is_some();
    for (key, policies) in [
        ("plan-document-development", &appendix.development),
        ("plan-document-installation", &appendix.installation),
    ] {
        if policies.is_empty() && does_not_apply {
            continue;
        }
        writer.write(Block::Heading {
            level: 2,
            text: title(key).into(),
        })?;
        list(policies, does_not_apply, writer)?;
    }
    Ok(())
}

fn list(policies: &[String], does_not_apply: bool, writer: &mut dyn Writer) -> Result<(), DocumentError> {
    let numbered = policies
        .iter()
        .zip(1..)
        .map(|(policy, number)| format!("{number}. {policy}").into());
    let mut points: Vec<Text> = numbered.collect();
    if points.is_empty() && !does_not_apply {
        points.push(cell(String::new()));
    }
    if points.is_empty() {
        return Ok(());
    }
    writer.write(Block::List(points))
}
