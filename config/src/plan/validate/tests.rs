use std::path::Path;

use proptest::prelude::*;

use super::super::EXAMPLE;
use super::*;

/// The faults of `text`, one a line.
fn faults(text: &str) -> String {
    LoadedPlan::from_text(text.to_owned(), Path::new("p"))
        .map_or_else(|error| error.to_string(), |_| "none".to_owned())
}

/// The faults of a plan with a version and `text`.
fn faults_of(text: &str) -> String {
    faults(&format!("version = \"1\"\n{text}"))
}

#[test]
fn a_plan_without_a_version_cannot_be_named() {
    let mend = "`version` is empty; name the edition of the plan, such as version = \"115年10月01日 第1版\"";
    assert_eq!(faults(""), format!("p:1: {mend}"));
    assert_eq!(
        faults("company = \"x\"\nversion = \" \"\n"),
        format!("p:2: {mend}")
    );
}

#[test]
fn unknown_keys_have_their_line_and_the_nearest_key() {
    assert_eq!(
        faults_of("[service.transfer]\nminimum_tsl = \"TLSv1.2\"\n"),
        "p:3: unknown key `minimum_tsl`; the nearest known key is `minimum_tls`"
    );
    assert_eq!(
        faults_of("[[inventory.files]]\nname = \"a\"\n[[inventory.files]]\nname = \"b\"\nrecord = 3\n"),
        "p:6: unknown key `record`; the nearest known key is `records`"
    );
    assert_eq!(
        faults_of("[service.encription]\n"),
        "p:2: unknown key `encription`; the nearest known key is `encryption`"
    );
    assert_eq!(
        faults_of("service.intrusion.firewall.allowed_ports = [{ port = \"tcp/1\", form = [] }]\n"),
        "p:2: unknown key `form`; the nearest known key is `from`"
    );
}

#[test]
fn a_key_in_the_wrong_table_is_told_its_own() {
    assert_eq!(
        faults_of("[service.encryption]\nminimum_tls = \"TLSv1.2\"\n"),
        "p:3: unknown key `minimum_tls` here; it belongs to [office.transfer] or to [service.transfer]"
    );
    assert_eq!(
        faults_of("[audit]\nfees = \"x\"\n"),
        "p:3: unknown key `fees` here; it belongs to [processing.requests]"
    );
    assert_eq!(
        faults_of("[audit]\ncompany = \"x\"\n"),
        "p:3: unknown key `company` here; it belongs at the top of the file, before the first table"
    );
}

#[test]
fn wrong_types_are_told_in_plain_words() {
    for (text, told) in [
        (
            "[service.encryption]\nminimum_key_bits = \"256\"\n",
            "p:3: `service.encryption.minimum_key_bits` takes a whole number from 0 to 4294967295, not the text \"256\"",
        ),
        (
            "[audit]\ncapital_twd = -1\n",
            "p:3: `audit.capital_twd` takes a whole number from 0 on, not the number -1",
        ),
        (
            "[service.antivirus]\non_access = 1\n",
            "p:3: `service.antivirus.on_access` takes true or false, not the number 1",
        ),
        (
            "[audit]\ninterval = 12\n",
            "p:3: `audit.interval` takes a text in quotes, not the number 12",
        ),
        (
            "[audit]\ninterval = \"yearly\"\n",
            "p:3: `yearly` is not a length of time; write a number and a unit, such as \"3 months\", \"1 year\" or \"10 minutes\"",
        ),
        (
            "[service]\nsystems = \"shop\"\n",
            "p:3: `service.systems` takes a list in [ ], not the text \"shop\"",
        ),
        ("service = 3\n", "p:2: `service` takes a table, not the number 3"),
        (
            "[audit]\nmethods = [\"self-chek\"]\n",
            "p:3: unknown value `self-chek`; the nearest known value is `self-check`",
        ),
        (
            "[[service.intrusion.firewall.allowed_ports]]\nport = \"443\"\n",
            "p:3: `443` is not a port; write \"tcp/443\", \"udp/53\" or a range such as \"tcp/8000-8010\"",
        ),
        (
            "[[service.intrusion.firewall.allowed_ports]]\npurpose = \"web\"\n",
            "p:2: `service.intrusion.firewall.allowed_ports` lacks the key `port`",
        ),
        (
            "[[service.intrusion.firewall.allowed_ports]]\nport = \"tcp/1\"\nfrom = [\"anywhere\"]\n",
            "p:4: `service.intrusion.firewall.allowed_ports.from` takes a network such as \"192.0.2.0/24\" or \"2001:db8::/32\"",
        ),
        (
            "company = \"x\"\ncompany = \"y\"\n",
            "p:3: the key `company` stands twice; keep one",
        ),
        (
            "[audit.scope]\noffices = true\n[audit.scope]\n",
            "p:4: the key `scope` stands twice; keep one",
        ),
    ] {
        assert_eq!(faults_of(text), told);
    }
}

#[test]
fn days_are_read_with_and_without_quotes_and_must_exist() {
    let vendor = |from: &str, until: &str| {
        faults_of(&format!(
            "[[outsourcing.vendors]]\nname = \"v\"\ncontract_from = {from}\ncontract_until = {until}\nwork = \"\"\naudited_by = \"\"\n"
        ))
    };
    assert_eq!(vendor("2026-01-01", "\"2026-12-31\""), "none");
    assert_eq!(
        vendor("2026-01-02", "2026-01-01"),
        "p:5: the contract with `v` ends on 2026-01-01 before it begins on 2026-01-02; mend one of the days"
    );
    assert_eq!(
        vendor("\"2026-02-30\"", "2026-12-31"),
        "p:4: `2026-02-30` is not a day; write it as 2026-10-01"
    );
    assert!(vendor("2026-02-30", "2026-12-31").starts_with("p:4: "));
    assert_eq!(
        vendor("2026-01-01T00:00:00Z", "2026-12-31"),
        "p:4: `2026-01-01T00:00:00Z` is not a day; write it as 2026-10-01"
    );
    assert_eq!(
        vendor("20260101", "2026-12-31"),
        "p:4: `outsourcing.vendors.contract_from` takes a day such as 2026-10-01, not the number 20260101"
    );
}

#[test]
fn impossible_values_are_refused_with_their_mend() {
    for (text, told) in [
        (
            "[records.trails.office]\nretention = \"3 years\"\n",
            "p:3: `records.trails.office.retention` is 3 years; the form asks for at least 5 years",
        ),
        (
            "[termination]\nretention = \"59 months\"\n",
            "p:3: `termination.retention` is 59 months; the form asks for at least 5 years",
        ),
        (
            "[service.intrusion.firewall]\nupdate_interval = \"0 months\"\n",
            "p:3: `service.intrusion.firewall.update_interval` is 0 months; write a length of time above nothing, such as \"6 months\"",
        ),
        (
            "[office.encryption]\nminimum_key_bits = 512\n",
            "p:3: `office.encryption.minimum_key_bits` is 512; write 128, 192 or 256",
        ),
        (
            "[service.transfer]\nminimum_tls = \"SSLv3\"\n",
            "p:3: `service.transfer.minimum_tls` is SSLv3, which protects nothing; write \"TLSv1.2\" or \"TLSv1.3\"",
        ),
        (
            "[service.backup]\nnot_applicable = \" \"\n",
            "p:3: `service.backup.not_applicable` is empty; give the reason, or leave the key out",
        ),
        (
            "[service.encryption]\npaths = [\n  \"/srv\",\n  \"var/lib\",\n]\n",
            "p:3: `service.encryption.paths` holds `var/lib`; write the whole path, from / on",
        ),
        (
            "[office.masking]\npaths = [\"/srv/../etc\"]\n",
            "p:3: `office.masking.paths` holds `/srv/../etc`; write the path without `..`",
        ),
        (
            "[service.monitoring.logins]\nbrute_force_failures = 0\n",
            "p:3: `service.monitoring.logins.brute_force_failures` is 0; write 1 or more, or switch the measure off with not_applicable = \"reason\"",
        ),
        (
            "[service.authentication.password]\nminimum_classes = 5\n",
            "p:3: `service.authentication.password.minimum_classes` is 5; there are 4 kinds",
        ),
        (
            "[office]\nsystems = [\"x\"]\n",
            "p:3: `office.systems` is not in the form; it belongs to [service]",
        ),
        (
            "[service.intrusion.mail_filter]\n",
            "p:2: `service.intrusion.mail_filter` is not in the form; it belongs to [office]",
        ),
        (
            "[governance.budget]\nyear = 115\n",
            "p:3: `governance.budget.year` is 115; write the year of the common era, such as 2026",
        ),
        (
            "[incident]\nreport_within = \"4 days\"\n",
            "p:3: `incident.report_within` is 4 days; the authority is to be told within 72 hours",
        ),
        (
            "[risk]\n[[risk.assessments]]\nfile = \"x\"\ncategory = \"general\"\nsubject = \"consumer\"\nrecords = \"up-to-100\"\nactivity = \"\"\nrisk = \"\"\ntreatment = \"\"\n[[inventory.files]]\nname = \"y\"\n",
            "p:4: `x` is not a file of [[inventory.files]]; the nearest is `y`",
        ),
        (
            "[[service.custom.files]]\nid = \"a\"\npath = \"/etc/issue\"\n",
            "p:2: the rule `a` asks for nothing; give it `line` or `without`",
        ),
        (
            "[[service.custom.units]]\nid = \"a\"\nunit = \"x\"\nstate = \"active\"\n[[service.custom.units]]\nid = \"a\"\nunit = \"y\"\nstate = \"active\"\n",
            "p:7: the rule `a` stands twice; give each its own name",
        ),
    ] {
        assert_eq!(faults_of(text), told);
    }
}

#[test]
fn ports_that_two_entries_allow_to_the_same_networks_are_named() {
    let ports = |one: &str, two: &str| {
        faults_of(&format!(
            "[service.intrusion.firewall]\nallowed_ports = [\n  {{ {one} }},\n  {{ {two} }},\n]\n"
        ))
    };
    assert_eq!(
        ports(
            "port = \"tcp/80-90\"",
            "port = \"tcp/85\", from = [\"10.0.0.0/8\"]"
        ),
        "p:5: `tcp/85` is already allowed to some of the same networks by the entry `tcp/80-90` above; join the two"
    );
    assert_eq!(ports("port = \"tcp/80\"", "port = \"udp/80\""), "none");
    assert_eq!(
        ports(
            "port = \"tcp/80\", from = [\"10.0.0.0/8\"]",
            "port = \"tcp/80\", from = [\"192.168.0.0/16\"]"
        ),
        "none"
    );
}

#[test]
fn a_large_company_carries_its_measures_out_every_year() {
    let audit = |text: &str| faults_of(&format!("[audit]\nexecution_interval = \"24 months\"\n{text}"));
    assert_eq!(
        audit("capital_twd = 9_999_999\npersonal_records = 4_999\n"),
        "none"
    );
    assert_eq!(
        audit("capital_twd = 10_000_000\n"),
        "p:3: `audit.execution_interval` is 24 months; the capital is NT$10000000, 10000000 or more, so write 12 months or less"
    );
    assert_eq!(
        audit("capital_twd = 1\npersonal_records = 5_000\n"),
        "p:3: `audit.execution_interval` is 24 months; the company holds 5000 records or more, so write 12 months or less"
    );
    assert_eq!(
        audit("capital_twd = 1\n[[inventory.files]]\nname = \"x\"\nrecords = 5_000\n"),
        "p:3: `audit.execution_interval` is 24 months; the company holds 5000 records or more, so write 12 months or less"
    );
    assert!(audit("").contains("does not say that the company is small"));
}

#[test]
fn all_faults_are_told_at_once_in_the_order_of_the_file() {
    let told = faults(
        "[service.transfer]\nminimum_tls = \"SSLv2\"\n[records.evidence]\nretention = \"1 year\"\n[audit]\ncapital_twd = 1\n",
    );
    let lines: Vec<_> = told
        .lines()
        .map(|line| line.split_once(": ").unwrap().0)
        .collect();
    assert_eq!(lines, ["p:1", "p:2", "p:4"]);
}

#[test]
fn rubbish_is_refused_and_not_followed_down() {
    for text in [
        "\0".to_owned(),
        "version = \"1\"\n\0".to_owned(),
        "[".repeat(100_000),
        format!("a = {}1{}", "[".repeat(10_000), "]".repeat(10_000)),
        format!("a = {}", "{ a = ".repeat(10_000)),
        format!("{}a = 1", "a.".repeat(10_000)),
        "version = \"\\u0000\"\nx".to_owned(),
        "\u{feff}\u{feff}".to_owned(),
    ] {
        let told = faults(&text);
        assert!(told.starts_with("p:"), "{told}");
        assert!(told.len() < 1_000, "{} bytes", told.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_gets_an_answer(text in "\\PC{0,200}|[\\[\\]{}=\".,\\n\\t#a-c0-9-]{0,200}") {
        let _ = faults(&text);
    }

    #[test]
    fn a_mangled_plan_gets_an_answer(
        start in 0usize..20_000,
        length in 0usize..40,
        instead in "[\\[\\]{}=\".,\\n#a-c0-9 -]{0,12}",
    ) {
        let floor = |mut at: usize| { while !EXAMPLE.is_char_boundary(at) { at -= 1 } at };
        let start = floor(start.min(EXAMPLE.len()));
        let end = floor((start + length).min(EXAMPLE.len()));
        let text = format!("{}{instead}{}", &EXAMPLE[..start], &EXAMPLE[end..]);
        let told = faults(&text);
        prop_assert!(told == "none" || told.starts_with("p:"), "{}", told);
    }
}

#[test]
fn a_proof_from_outside_names_provers_and_addresses_that_can_be_meant() {
    let table = "[service.intrusion.firewall.outside_proof]\n";
    let target = |addresses: &str, ports: &str| {
        faults_of(&format!(
            "{table}provers = [\"collector\", \"h-1\"]\ntargets = [{{ host = \"h-2\", addresses = [{addresses}], ports = [{ports}] }}]\n"
        ))
    };
    assert_eq!(
        target("\"192.0.2.1\", \"2001:db8::1\"", "\"tcp/1-65535\""),
        "none"
    );
    assert!(faults_of(&format!("{table}provers = [\"Web 1\"]\n")).contains("names `Web 1`"));
    assert!(target("", "").contains("is empty"));
    for address in ["127.0.0.1", "169.254.169.254", "::1", "::ffff:192.0.2.1"] {
        assert!(
            target(&format!("\"{address}\""), "").contains("not the address of a host"),
            "{address}"
        );
    }
    assert!(target("\"192.0.2.1\"", "\"udp/53\"").contains("only TCP"));
}
