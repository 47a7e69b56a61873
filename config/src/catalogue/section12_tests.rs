use std::collections::{BTreeSet, HashSet};

use super::*;
use crate::catalogue::{check, checks, measures, sections};
use crate::message;
use crate::plan::LoadedPlan;

/// The text of the form, its blanks left out.
fn form() -> String {
    include_str!("../../catalogue/form.txt")
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '＿')
        .collect()
}

#[test]
fn every_file_parses() {
    let items = read_items().unwrap();
    assert!(items.iter().map(|item| item.number).eq(1..=12));
    let particulars: ParticularFile = toml::from_str(text!("particulars")).unwrap();
    assert!(
        particulars
            .particular
            .iter()
            .map(|particular| particular.number)
            .eq(1..=5)
    );
}

#[test]
fn the_words_are_the_forms() {
    let form = form();
    let mut titles: Vec<&Bilingual> = items().iter().map(|item| &item.title).collect();
    titles.extend(lines().map(|(_, line)| &line.title));
    for particular in particulars() {
        titles.push(&particular.title);
        titles.extend(particular.options.iter().map(|option| &option.title));
    }
    titles.extend(sections().iter().map(|section| &section.title));
    titles.extend(measures().iter().map(|measure| measure.title(Role::Service)));
    titles.extend(measures().iter().map(|measure| measure.title(Role::Office)));
    for title in titles {
        assert!(!title.en.is_empty(), "{title:?}");
        for piece in title.zh_tw.split(['：', '，']) {
            assert!(form.contains(piece), "`{piece}` is not in the form");
        }
    }
}

#[test]
fn the_titles_of_items_are_whole_lines_of_the_form() {
    let form: HashSet<&str> = include_str!("../../catalogue/form.txt")
        .lines()
        .map(|line| line.trim_start_matches(['·', ' ']))
        .collect();
    for item in items() {
        assert!(form.contains(item.title.zh_tw.as_str()), "{}", item.title.zh_tw);
    }
}

#[test]
fn ids_stand_once_and_start_with_their_clause() {
    let ids: HashSet<_> = lines().map(|(_, line)| &line.id).collect();
    assert_eq!(ids.len(), lines().count());
    for (_, line) in lines() {
        assert!(line.id.starts_with(&line.clause), "{}", line.id);
        assert_eq!(super::line(&line.id).unwrap().clause, line.clause);
    }
}

#[test]
fn checks_and_lines_know_each_other() {
    let used: BTreeSet<&str> = lines()
        .flat_map(|(_, line)| line.checks.iter().map(String::as_str))
        .collect();
    for id in &used {
        assert!(check(id).is_some(), "{id} is not in the catalogue");
    }
    for entry in checks() {
        assert!(used.contains(entry.id.as_str()), "no line uses {}", entry.id);
    }
}

#[test]
fn a_check_answers_lines_for_each_role_that_it_judges() {
    for entry in checks() {
        for role in Role::ALL {
            let line = lines()
                .map(|(_, line)| line)
                .find(|line| line.scope.covers(role) && line.checks.contains(&entry.id));
            if entry.clause(role).is_some() {
                assert!(line.is_some(), "{} for {role}", entry.id);
            } else {
                let only = line.filter(|line| line.scope != Scope::Both);
                assert!(only.is_none(), "{} for {role}", entry.id);
            }
        }
    }
}

#[test]
fn the_basis_of_a_line_can_be_had() {
    for (_, line) in lines() {
        let (measured, attested) = (!line.checks.is_empty(), line.attestation.is_some());
        let possible = match line.basis {
            Basis::Measured => measured && !attested,
            Basis::Attested => attested,
            Basis::Both | Basis::Either => measured && attested,
        };
        assert!(possible, "{}", line.id);
    }
}

#[test]
fn what_is_attested_runs_out() {
    let plan = LoadedPlan::example().unwrap().plan;
    for (_, line) in lines() {
        assert_eq!(line.attestation.is_some(), line.interval.is_some(), "{}", line.id);
        assert_eq!(
            line.interval(&plan).is_some(),
            line.interval.is_some(),
            "{}",
            line.id
        );
    }
}

#[test]
fn the_table_that_switches_a_line_off_is_in_the_plan() {
    for (_, line) in lines() {
        let Some(table) = &line.declared else { continue };
        if table.ends_with(".custom") || table == "processing.international" {
            continue;
        }
        let text = format!("version = \"1\"\n[{table}]\nnot_applicable = \"reason\"\n");
        let plan: Plan = toml::from_str(&text).unwrap_or_else(|error| panic!("{table}: {error}"));
        assert_eq!(line.not_applicable(&plan), Some("reason"), "{table}");
    }
}

#[test]
fn kinds_have_names_in_both_languages() {
    let used: BTreeSet<_> = lines().filter_map(|(_, line)| line.attestation).collect();
    for kind in AttestationKind::ALL {
        assert!(message::exists(kind.key()), "{kind:?}");
        assert_eq!(
            serde_json::to_value(kind).unwrap(),
            kind.key().trim_start_matches("attestation-")
        );
        assert!(used.contains(&kind), "{kind:?} is never asked for");
    }
}
