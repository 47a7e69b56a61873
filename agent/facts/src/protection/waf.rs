//! What a web application firewall is told to do, from the settings of ModSecurity and NAXSI.
//!
//! Source: the reference manual of ModSecurity (`SecRuleEngine`), ModSecurity-nginx (`modsecurity`), NAXSI
//! (`SecRulesEnabled`, `LearningMode`).

use serde::Serialize;

use crate::host::Host;

/// Where settings lie; files beneath that end in `.conf` or `.rules`.
const DIRECTORIES: [&str; 9] = [
    "/etc/apache2/mods-enabled",
    "/etc/apache2/conf-enabled",
    "/etc/apache2/sites-enabled",
    "/etc/httpd/conf.d",
    "/etc/httpd/modsecurity.d",
    "/etc/modsecurity",
    "/etc/nginx",
    "/etc/coraza",
    "/etc/coraza-spoa",
];
/// Most files read.
const MOST_FILES: usize = 2_000;
/// Largest file taken, in bytes.
const LARGEST_FILE: u64 = 1024 * 1024;
/// Directories whose files are kept and not read by the server.
const KEPT: [&str; 3] = ["/sites-available/", "/conf-available/", "/mods-available/"];

/// What the settings say, each with the file that says it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// Suspicious requests are stopped.
    pub blocking: Vec<String>,
    /// They are let pass and noted.
    pub watching: Vec<String>,
    /// They are not looked at.
    pub off: Vec<String>,
    /// Files that hold rules, or load files of rules that are there.
    pub with_rules: Vec<String>,
}

impl Settings {
    /// Reads them; files that can't be read are left out.
    pub(super) fn read(host: &Host) -> Self {
        let mut found = Self::default();
        let files = DIRECTORIES
            .iter()
            .flat_map(|directory| files(host, directory))
            .take(MOST_FILES);
        for file in files {
            let Ok(text) = host.read_text(&file, LARGEST_FILE) else {
                continue;
            };
            for line in text.lines() {
                found.line(line, &file);
                if has_rules(host, &file, line) && found.with_rules.last() != Some(&file) {
                    found.with_rules.push(file.clone());
                }
            }
        }
        found
    }

    fn line(&mut self, line: &str, file: &str) {
        let line = line.trim().trim_end_matches(';').to_ascii_lowercase();
        let mut words = line.split_ascii_whitespace();
        let list = match (words.next(), words.next().map(|word| word.trim_matches('"'))) {
            (Some("secruleengine" | "modsecurity"), Some("on")) => &mut self.blocking,
            (Some("secruleengine"), Some("detectiononly")) => &mut self.watching,
            (Some("secruleengine" | "modsecurity"), Some("off")) => &mut self.off,
            (Some("secrulesenabled"), None) => &mut self.blocking,
            (Some("learningmode"), None) => &mut self.watching,
            (Some("secrulesdisabled"), None) => &mut self.off,
            _ => return,
        };
        // `modsecurity on` loads it; what it does is said by SecRuleEngine.
        if line.starts_with("modsecurity on") {
            return;
        }
        if !list.iter().any(|known| known == file) {
            list.push(file.to_owned());
        }
    }
}

/// Whether a line is a rule, or loads rules: the Core Rule Set, or what lies in a directory of rules. A pattern that
/// matches no file loads nothing, and the rules of the file that ModSecurity comes with only set it up.
fn has_rules(host: &Host, file: &str, line: &str) -> bool {
    let mut words = line.split_ascii_whitespace();
    let (Some(directive), Some(argument)) = (words.next(), words.next()) else {
        return false;
    };
    match directive.to_ascii_lowercase().as_str() {
        "secrule" => !file.ends_with("/modsecurity.conf"),
        "secremoterules" | "modsecurity_rules_remote" => true,
        "include" | "includeoptional" | "modsecurity_rules_file" => {
            let path = argument.trim_matches(['"', '\'', ';']);
            let of_rules = ["crs", "owasp", "/rules/", "activated_rules"];
            of_rules.iter().any(|word| path.contains(word)) && is_there(host, path)
        }
        _ => false,
    }
}

/// Whether a path, or a pattern in its last part, has a file.
fn is_there(host: &Host, path: &str) -> bool {
    let Some((directory, name)) = path.rsplit_once('/') else {
        return false;
    };
    match name.split_once('*') {
        None => host.exists(path),
        Some((start, end)) => {
            let fits = |file: &String| {
                file.len() >= start.len() + end.len() && file.starts_with(start) && file.ends_with(end)
            };
            host.list(directory).unwrap_or_default().iter().any(fits)
        }
    }
}

/// Settings files in a directory and in those in it; links of `*-enabled` are followed.
fn files(host: &Host, directory: &str) -> Vec<String> {
    let is_read =
        |name: &str| name.ends_with(".conf") || name.ends_with(".rules") || directory.ends_with("-enabled");
    let mut found: Vec<String> = host
        .list(directory)
        .unwrap_or_default()
        .into_iter()
        .filter(|name| is_read(name))
        .map(|name| format!("{directory}/{name}"))
        .collect();
    let beneath = host.walk(directory, MOST_FILES).unwrap_or_default();
    for path in beneath {
        let path = path.display().to_string();
        let kept = KEPT.iter().any(|kept| path.contains(kept));
        if !kept && !found.contains(&path) && (is_read(&path) || path.contains("-enabled/")) {
            found.push(path);
        }
    }
    // Nginx keeps sites as links.
    let sites = format!("{directory}/sites-enabled");
    let listed = host.list(&sites).unwrap_or_default();
    found.extend(listed.into_iter().map(|name| format!("{sites}/{name}")));
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_where_the_server_reads_them() {
        let dir = tempfile::tempdir().unwrap();
        for path in [
            "etc/modsecurity",
            "etc/nginx/sites-available",
            "etc/nginx/sites-enabled",
        ] {
            std::fs::create_dir_all(dir.path().join(path)).unwrap();
        }
        let write = |path: &str, text: &str| std::fs::write(dir.path().join(path), text).unwrap();
        write(
            "etc/modsecurity/modsecurity.conf",
            "# SecRuleEngine Off\nSecRuleEngine DetectionOnly\n",
        );
        write(
            "etc/modsecurity/modsecurity.conf-recommended",
            "SecRuleEngine Off\n",
        );
        write("etc/nginx/nginx.conf", "http {\n  modsecurity on;\n}\n");
        write("etc/nginx/sites-available/shop", "modsecurity off;\n");
        write("etc/nginx/sites-available/old", "modsecurity off;\n");
        std::os::unix::fs::symlink(
            "/etc/nginx/sites-available/shop",
            dir.path().join("etc/nginx/sites-enabled/shop"),
        )
        .unwrap();
        let settings = Settings::read(&Host::at(dir.path()).unwrap());
        assert_eq!(settings.watching, ["/etc/modsecurity/modsecurity.conf"]);
        assert_eq!(settings.off, ["/etc/nginx/sites-enabled/shop"]);
        assert!(settings.blocking.is_empty());
        assert!(settings.with_rules.is_empty());
    }

    #[test]
    fn rules_are_there_where_settings_load_some_that_exist() {
        // As Debian's packages libapache2-mod-security2 and modsecurity-crs lay it out.
        let dir = tempfile::tempdir().unwrap();
        for path in [
            "etc/apache2/mods-available",
            "etc/apache2/mods-enabled",
            "usr/share/modsecurity-crs",
        ] {
            std::fs::create_dir_all(dir.path().join(path)).unwrap();
        }
        std::fs::write(
            dir.path().join("etc/apache2/mods-available/security2.conf"),
            "<IfModule security2_module>\n\tIncludeOptional /etc/modsecurity/*.conf\n\
             \tIncludeOptional /usr/share/modsecurity-crs/*.load\n</IfModule>\n",
        )
        .unwrap();
        std::os::unix::fs::symlink(
            "../mods-available/security2.conf",
            dir.path().join("etc/apache2/mods-enabled/security2.conf"),
        )
        .unwrap();
        let host = Host::at(dir.path()).unwrap();
        assert!(Settings::read(&host).with_rules.is_empty());
        std::fs::write(dir.path().join("usr/share/modsecurity-crs/owasp-crs.load"), "").unwrap();
        assert_eq!(
            Settings::read(&host).with_rules,
            ["/etc/apache2/mods-enabled/security2.conf"]
        );
        for (line, rules) in [
            ("SecRule ARGS \"@rx x\" \"id:1,deny\"", true),
            (
                "modsecurity_rules_file /usr/share/modsecurity-crs/owasp-crs.load;",
                true,
            ),
            ("Include /usr/share/modsecurity-crs/none.load", false),
            ("# Include /usr/share/modsecurity-crs/owasp-crs.load", false),
            ("Include /etc/apache2/mods-enabled/security2.conf", false),
            ("SecRuleEngine On", false),
        ] {
            assert_eq!(
                has_rules(&host, "/etc/modsecurity/own.conf", line),
                rules,
                "{line}"
            );
        }
        let own = "SecRule REQUEST_HEADERS:Content-Type \"text/xml\" \"id:200000,phase:1\"";
        assert!(!has_rules(&host, "/etc/modsecurity/modsecurity.conf", own));
    }
}
