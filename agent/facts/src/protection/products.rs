//! Products that keep intruders out, known by what they leave on a host: `products.toml`.

use std::sync::LazyLock;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::antivirus::processes::Running;
use crate::antivirus::schedule::Scheduled;

/// What a product is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// Filters what is asked of web sites.
    Waf,
    /// Filters mail.
    Mail,
    /// Watches a machine for attacks on it.
    Endpoint,
    /// Notices intruders.
    Ids,
}

/// A product as the table has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductEntry {
    /// What it is for.
    pub group: Group,
    /// Name.
    pub name: String,
    /// What a plan may call it, in small letters.
    pub words: Vec<String>,
    /// Names of its programs that run.
    #[serde(default)]
    pub processes: Vec<String>,
    /// Libraries of it that a web server loads.
    #[serde(default)]
    pub modules: Vec<String>,
    /// Packages it comes in.
    #[serde(default)]
    pub packages: Vec<String>,
    /// Paths it installs.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Files and directories of its rules.
    #[serde(default)]
    pub rules: Vec<String>,
    /// Ends of the names of its rule files; empty: any.
    #[serde(default)]
    pub endings: Vec<String>,
    /// Words in the names of what starts it now and then.
    #[serde(default)]
    pub scheduled: Vec<String>,
    /// Whether the names were compared with the product's own package.
    #[serde(default)]
    pub verified: bool,
}

impl ProductEntry {
    /// Whether a plan that says `declared` means it.
    #[must_use]
    pub fn is_meant_by(&self, declared: &str) -> bool {
        let declared = declared.to_lowercase();
        self.words.iter().any(|word| declared.contains(word.as_str()))
    }
}

/// A product found on the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Product {
    /// What it is for.
    pub group: Group,
    /// Name.
    pub name: String,
    /// Packages and paths it was found by; none where only its processes were.
    pub found_by: Vec<String>,
    /// Its processes, or the web servers that have loaded it.
    pub running: Vec<Running>,
    /// What starts it now and then.
    pub scheduled: Vec<Scheduled>,
    /// It runs now and then, not all the time.
    pub periodic: bool,
    /// Its rules; `None` where none were found.
    pub rules: Option<Rules>,
    /// Whether the names were compared with the product's own package.
    pub verified: bool,
}

impl Product {
    /// Whether it works: runs, is loaded, or is started now and then.
    #[must_use]
    pub fn works(&self) -> bool {
        !self.running.is_empty() || self.periodic && !self.scheduled.is_empty()
    }

    /// Whether a plan that says `declared` means it.
    #[must_use]
    pub fn is_meant_by(&self, declared: &str) -> bool {
        entries()
            .iter()
            .any(|entry| entry.group == self.group && entry.name == self.name && entry.is_meant_by(declared))
    }
}

/// Rules of a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rules {
    /// The newest of their files.
    pub path: String,
    /// When that was last written.
    pub changed_at: Timestamp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    product: Vec<ProductEntry>,
}

/// Every product of the table.
#[must_use]
pub fn entries() -> &'static [ProductEntry] {
    static ENTRIES: LazyLock<Vec<ProductEntry>> = LazyLock::new(|| {
        // The table is part of the program; the test proves that it parses.
        toml::from_str::<Table>(include_str!("products.toml"))
            .map_or_else(|_| Vec::new(), |table| table.product)
    });
    &ENTRIES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_parses_and_every_product_can_be_found_and_named() {
        let table: Table = toml::from_str(include_str!("products.toml")).unwrap();
        for group in [Group::Waf, Group::Mail, Group::Endpoint, Group::Ids] {
            let of = table.product.iter().filter(|product| product.group == group);
            assert!(of.count() >= 4, "{group:?}");
        }
        for product in table.product {
            let can_work = [&product.processes, &product.modules, &product.scheduled];
            assert!(can_work.iter().any(|names| !names.is_empty()), "{product:?}");
            assert!(!product.words.is_empty(), "{product:?}");
            let paths = product.paths.iter().chain(&product.rules);
            assert!(paths.clone().count() > 0, "{product:?}");
            assert!(paths.into_iter().all(|path| path.starts_with('/')), "{product:?}");
            assert!(
                product.words.iter().all(|word| *word == word.to_lowercase()),
                "{product:?}"
            );
        }
    }
}
