//! What keeps intruders out beside the packet filter: web application firewalls, mail filters, endpoint protection,
//! intrusion detection; and the servers that they are there for.

pub mod products;
pub mod waf;

use std::collections::HashSet;
use std::time::UNIX_EPOCH;

use jiff::Timestamp;
use serde::Serialize;

use crate::antivirus::processes::{self, Running};
use crate::antivirus::schedule;
use crate::ask::Ask;
use crate::facts::Facts;
use crate::host::Host;
use crate::known::{Known, Unknown};
use crate::packages::status;
use crate::probe::{Probe, ProbeId};

use products::{Product, ProductEntry, Rules, entries};

/// Most rule files of a product looked at.
const MOST_RULE_FILES: usize = 20_000;
/// Most bytes taken of the list of what a process has loaded.
const MOST_MAPS: u64 = 4 * 1024 * 1024;
/// Programs that serve web sites.
const WEB_SERVERS: [&str; 7] = [
    "apache2",
    "caddy",
    "haproxy",
    "httpd",
    "lighttpd",
    "nginx",
    "openresty",
];
/// Programs that take mail; `master` is Postfix's.
const MAIL_SERVERS: [&str; 5] = ["exim4", "exim", "master", "sendmail", "smtpd"];
/// Programs that run scripts under their own name.
const INTERPRETERS: [&str; 4] = ["perl", "python3", "ruby", "java"];

/// What [`ProtectionProbe`] reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProtectionFacts {
    /// Products found.
    pub products: Vec<Product>,
    /// Web servers that run.
    pub web_servers: Vec<Running>,
    /// Mail servers that run.
    pub mail_servers: Vec<Running>,
    /// What the web application firewall is told to do.
    pub waf: waf::Settings,
}

/// Reads what keeps intruders out.
pub struct ProtectionProbe;

impl Probe for ProtectionProbe {
    type Fact = ProtectionFacts;
    const ID: ProbeId = ProbeId::Protection;
    const WATCHES: &'static [&'static str] = &[
        "/etc/apache2/mods-enabled",
        "/etc/audit",
        "/etc/modsecurity",
        "/etc/nginx",
        "/etc/postfix",
        "/etc/rspamd",
        "/etc/suricata",
        "/etc/systemd/system/multi-user.target.wants",
        "/etc/systemd/system/timers.target.wants",
    ];

    fn gather(host: &Host, _ask: &Ask, _facts: &mut Facts) -> Known<ProtectionFacts> {
        match read(host) {
            Ok(facts) => Known::Value(facts),
            Err(unknown) => unknown.into(),
        }
    }

    fn slot(facts: &mut Facts) -> &mut Known<ProtectionFacts> {
        &mut facts.protection
    }
}

/// Reads what keeps intruders out.
pub fn read(host: &Host) -> Result<ProtectionFacts, Unknown> {
    let names: Vec<&str> = entries()
        .iter()
        .flat_map(|entry| entry.processes.iter().map(String::as_str))
        .chain(WEB_SERVERS)
        .chain(MAIL_SERVERS)
        .chain(INTERPRETERS)
        .collect();
    let running = processes::read(host, &names)?;
    // Without a status file the packages say nothing, and paths and processes still do.
    let status = status::read(host).unwrap_or_default();
    let installed: HashSet<&str> = status
        .packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    let of = |names: &[&str]| -> Vec<Running> {
        let is = |process: &&Running| names.iter().any(|name| process.is(name));
        running.iter().filter(is).cloned().collect()
    };
    let web_servers = of(&WEB_SERVERS);
    let found = |entry: &ProductEntry| {
        let product = find(host, entry, &installed, &running, &web_servers);
        (!product.found_by.is_empty() || !product.running.is_empty()).then_some(product)
    };
    Ok(ProtectionFacts {
        products: entries().iter().filter_map(found).collect(),
        mail_servers: of(&MAIL_SERVERS),
        waf: waf::Settings::read(host),
        web_servers,
    })
}

fn find(
    host: &Host,
    entry: &ProductEntry,
    installed: &HashSet<&str>,
    running: &[Running],
    web_servers: &[Running],
) -> Product {
    let packages = entry
        .packages
        .iter()
        .filter(|package| installed.contains(package.as_str()));
    let paths = entry.paths.iter().filter(|path| host.exists(path));
    let own = running
        .iter()
        .filter(|process| entry.processes.iter().any(|name| is_program(process, name)));
    let loaded = web_servers
        .iter()
        .filter(|process| has_loaded(host, process, &entry.modules));
    let words: Vec<&str> = entry.scheduled.iter().map(String::as_str).collect();
    let scheduled = if words.is_empty() {
        Vec::new()
    } else {
        schedule::find(host, &words)
    };
    Product {
        group: entry.group,
        name: entry.name.clone(),
        found_by: packages.chain(paths).cloned().collect(),
        running: own.chain(loaded).cloned().collect(),
        scheduled,
        periodic: entry.processes.is_empty() && entry.modules.is_empty(),
        rules: newest(host, entry),
        verified: entry.verified,
    }
}

/// Whether a process is of the program, or an interpreter that runs the script of that name.
fn is_program(process: &Running, name: &str) -> bool {
    let interprets = || INTERPRETERS.iter().any(|interpreter| process.is(interpreter));
    let runs = |argument: &String| {
        let argument = argument.split(' ').next().unwrap_or_default();
        argument.rsplit('/').next() == Some(name)
    };
    process.is(name) || interprets() && process.arguments.iter().take(4).any(runs)
}

/// Whether a process has loaded one of the libraries, by `/proc/PID/maps`.
fn has_loaded(host: &Host, process: &Running, modules: &[String]) -> bool {
    if modules.is_empty() {
        return false;
    }
    let maps = host
        .read_head(format!("/proc/{}/maps", process.pid), MOST_MAPS)
        .unwrap_or_default();
    modules
        .iter()
        .any(|module| memchr::memmem::find(&maps, module.as_bytes()).is_some())
}

/// The newest of a product's rule files.
fn newest(host: &Host, entry: &ProductEntry) -> Option<Rules> {
    let ends = |file: &std::path::PathBuf| {
        let name = file.to_string_lossy();
        entry.endings.is_empty() || entry.endings.iter().any(|end| name.ends_with(end))
    };
    let mut found: Option<Rules> = None;
    for path in &entry.rules {
        let Ok(metadata) = host.metadata(path) else {
            continue;
        };
        let files = if metadata.is_dir() {
            host.walk(path, MOST_RULE_FILES).unwrap_or_default()
        } else {
            vec![path.into()]
        };
        for file in files.into_iter().filter(ends) {
            let changed = host
                .metadata(&file)
                .ok()
                .and_then(|metadata| metadata.modified().ok());
            let since = changed.and_then(|changed| changed.duration_since(UNIX_EPOCH).ok());
            let second = since.and_then(|since| i64::try_from(since.as_secs()).ok());
            let Some(changed_at) = second.and_then(|second| Timestamp::from_second(second).ok()) else {
                continue;
            };
            if found.as_ref().is_none_or(|found| found.changed_at < changed_at) {
                found = Some(Rules {
                    path: file.display().to_string(),
                    changed_at,
                });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(root: &std::path::Path, pid: u32, name: &str, executable: &str, arguments: &str) {
        let directory = root.join(format!("proc/{pid}"));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("stat"), format!("{pid} ({name}) S 1 1 1 0")).unwrap();
        std::fs::write(directory.join("cmdline"), arguments).unwrap();
        std::os::unix::fs::symlink(executable, directory.join("exe")).unwrap();
    }

    #[test]
    fn a_product_works_where_it_runs_is_loaded_or_is_started_now_and_then() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        process(root, 1, "systemd", "/lib/systemd/systemd", "/sbin/init\0");
        process(root, 7, "nginx", "/usr/sbin/nginx", "nginx: master process\0");
        process(
            root,
            8,
            "/usr/sbin/amavi",
            "/usr/bin/perl",
            "/usr/sbin/amavisd-new (master)\0",
        );
        std::fs::write(
            root.join("proc/7/maps"),
            "7f00 r-xp /usr/lib/nginx/modules/ngx_http_modsecurity_module.so\n",
        )
        .unwrap();
        for path in [
            "usr/bin",
            "var/lib/aide",
            "etc/audit",
            "etc/systemd/system/timers.target.wants",
        ] {
            std::fs::create_dir_all(root.join(path)).unwrap();
        }
        for path in ["usr/bin/aide", "var/lib/aide/aide.db", "usr/bin/crowdsec"] {
            std::fs::write(root.join(path), "").unwrap();
        }
        std::os::unix::fs::symlink(
            "/lib/systemd/system/dailyaidecheck.timer",
            root.join("etc/systemd/system/timers.target.wants/dailyaidecheck.timer"),
        )
        .unwrap();
        let facts = read(&Host::at(root).unwrap()).unwrap();
        let works: Vec<_> = facts
            .products
            .iter()
            .map(|product| (product.name.as_str(), product.works(), product.rules.is_some()))
            .collect();
        assert_eq!(
            works,
            [
                ("ModSecurity", true, false),
                ("amavis", true, false),
                ("AIDE", true, true),
                ("CrowdSec", false, false),
            ]
        );
        assert_eq!((facts.web_servers.len(), facts.mail_servers.len()), (1, 0));
    }

    #[test]
    fn what_a_product_writes_all_the_time_is_not_its_rules() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let write = |path: &str, day: &str| {
            let file = root.join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            let at: Timestamp = format!("{day}T00:00:00Z").parse().unwrap();
            let file = std::fs::File::create(file).unwrap();
            file.set_modified(at.into()).unwrap();
        };
        for (path, day) in [
            ("usr/share/rspamd/rules/rspamd.lua", "2026-01-01"),
            ("var/lib/rspamd/rspamd.rrd", "2026-11-20"),
            ("var/lib/rspamd/stats.ucl", "2026-11-20"),
            ("var/lib/rspamd/0a1b.map", "2026-02-01"),
            ("usr/bin/spamassassin", "2026-01-01"),
            (
                "var/lib/spamassassin/4.000001/updates_spamassassin_org/20_drugs.cf",
                "2026-03-01",
            ),
            ("var/lib/spamassassin/.spamassassin/bayes_toks", "2026-11-20"),
            ("etc/rspamd/options.inc", "2026-01-01"),
        ] {
            write(path, day);
        }
        process(root, 1, "systemd", "/lib/systemd/systemd", "/sbin/init\0");
        let facts = read(&Host::at(root).unwrap()).unwrap();
        let ages: Vec<_> = facts
            .products
            .iter()
            .map(|product| {
                (
                    product.name.as_str(),
                    product.rules.as_ref().unwrap().path.as_str(),
                )
            })
            .collect();
        assert_eq!(
            ages,
            [
                ("Rspamd", "/var/lib/rspamd/0a1b.map"),
                (
                    "SpamAssassin",
                    "/var/lib/spamassassin/4.000001/updates_spamassassin_org/20_drugs.cf"
                ),
            ]
        );
    }
}
