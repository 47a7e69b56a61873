//! The example holds the whole form.

use std::collections::BTreeSet;

use serde_json::Value;

use super::validate::INTERVAL_KEYS;
use super::*;
use crate::interval::Interval;

#[test]
fn the_example_is_sound() {
    let example = LoadedPlan::example().unwrap().plan;
    for text in [EXAMPLE.replace('\n', "\r\n"), format!("\u{feff}{EXAMPLE}")] {
        let plan = LoadedPlan::from_text(text, Path::new("p")).unwrap().plan;
        assert_eq!(plan, example);
    }
}

#[test]
fn the_example_names_every_key_of_the_plan() {
    let text = LoadedPlan::every_key();
    let plan: Plan = toml::from_str(&text).unwrap();
    let written: toml::Table = toml::from_str(&text).unwrap();
    let mut missing = Vec::new();
    let mut tables = Vec::new();
    tables_of(&written, &mut Vec::new(), &mut tables);
    for path in &tables {
        // A key that nobody knows makes the reader list all that it knows in that table.
        let mut with_stranger = written.clone();
        let table = path.iter().fold(&mut with_stranger, |table, key| {
            match table.get_mut(key).unwrap() {
                toml::Value::Array(list) => list[0].as_table_mut().unwrap(),
                value => value.as_table_mut().unwrap(),
            }
        });
        let present: BTreeSet<String> = table.keys().cloned().collect();
        table.insert("zzz".into(), true.into());
        let error = with_stranger.try_into::<Plan>().unwrap_err();
        let known = error
            .message()
            .split_once("unknown field `zzz`, expected")
            .unwrap()
            .1;
        for key in known.split('`').skip(1).step_by(2) {
            if !present.contains(key) {
                missing.push(format!("{}.{key}", path.join(".")));
            }
        }
    }
    let other_scope = [
        "service.intrusion.mail_filter",
        "service.intrusion.endpoint",
        "office.systems",
        "office.kinds",
        "office.clouds",
        "office.transfer.verified_by",
        "office.vulnerability.source_code_scans",
    ];
    missing.retain(|key| !other_scope.contains(&key.trim_start_matches('.')));
    assert!(missing.is_empty(), "not in plan.example.toml: {missing:#?}");
    assert!(!plan.service.custom.is_empty());
}

fn tables_of(table: &toml::Table, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    found.push(path.clone());
    for (key, value) in table {
        path.push(key.clone());
        match value {
            toml::Value::Table(table) => tables_of(table, path, found),
            toml::Value::Array(list) => {
                if let Some(table) = list.first().and_then(toml::Value::as_table) {
                    tables_of(table, path, found);
                }
            }
            _ => {}
        }
        path.pop();
    }
}

#[test]
fn the_example_holds_the_usual_values() {
    let plan = LoadedPlan::example().unwrap().plan;
    let written = serde_json::to_value(&plan).unwrap();
    let usual = serde_json::to_value(Plan::default()).unwrap();
    let mut intervals = 0;
    walk(&usual, &mut String::new(), &mut |path, value| {
        if value
            .as_str()
            .is_some_and(|text| text.parse::<Interval>().is_ok())
        {
            intervals += 1;
            // A backup a day is for systems that run; office machines are backed up once a week.
            if path != "/office/backup/interval" {
                assert_eq!(written.pointer(path), Some(value), "{path}");
            }
        }
    });
    assert!(intervals > 50, "{intervals}");
}

#[test]
fn every_length_of_time_is_held_to_be_above_nothing() {
    walk(
        &serde_json::to_value(Plan::default()).unwrap(),
        &mut String::new(),
        &mut |path, value| {
            if value
                .as_str()
                .is_some_and(|text| text.parse::<Interval>().is_ok())
            {
                assert!(INTERVAL_KEYS.iter().any(|end| path.ends_with(end)), "{path}");
            }
        },
    );
}

fn walk(value: &Value, path: &mut String, visit: &mut impl FnMut(&str, &Value)) {
    if let Value::Object(table) = value {
        for (key, value) in table {
            let length = path.len();
            path.push('/');
            path.push_str(key);
            walk(value, path, visit);
            path.truncate(length);
        }
    } else {
        visit(path, value);
    }
}
