//! Products other than ClamAV, known by what they leave on a host: `products.toml`.

use std::collections::HashSet;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::host::Host;

use super::processes::Running;

/// A product as the table has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductEntry {
    /// Name.
    pub name: String,
    /// Names of its programs that run.
    pub processes: Vec<String>,
    /// Packages it comes in.
    pub packages: Vec<String>,
    /// Paths it installs.
    pub paths: Vec<String>,
    /// Whether a person has seen these names on a host with the product.
    #[serde(default)]
    pub verified: bool,
}

/// A product found on the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Product {
    /// Name.
    pub name: String,
    /// Package or path it was found by; none where only its processes were.
    pub found_by: Vec<String>,
    /// Its processes.
    pub running: Vec<Running>,
    /// Whether a person has seen these names on a host with the product.
    pub verified: bool,
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

/// Products found on the host, by their packages among `installed`, their paths, or their processes.
#[must_use]
pub fn find(host: &Host, installed: &HashSet<&str>, processes: &[Running]) -> Vec<Product> {
    let product = |entry: &ProductEntry| {
        let packages = entry
            .packages
            .iter()
            .filter(|package| installed.contains(package.as_str()));
        let paths = entry.paths.iter().filter(|path| host.exists(path));
        let is = |process: &&Running| entry.processes.iter().any(|name| process.is(name));
        Product {
            name: entry.name.clone(),
            found_by: packages.chain(paths).cloned().collect(),
            running: processes.iter().filter(is).cloned().collect(),
            verified: entry.verified,
        }
    };
    let found = |product: &Product| !product.found_by.is_empty() || is_sure(product);
    entries().iter().map(product).filter(found).collect()
}

/// Whether the processes alone tell the product: a short name such as `pmd` may be anyone's.
fn is_sure(product: &Product) -> bool {
    product.running.iter().any(|process| process.name.len() > 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(name: &str) -> Running {
        Running {
            pid: 7,
            name: name.to_owned(),
            executable: None,
            arguments: Vec::new(),
        }
    }

    #[test]
    fn the_table_parses_and_every_product_can_be_found() {
        let table: Table = toml::from_str(include_str!("products.toml")).unwrap();
        assert!(table.product.len() > 20);
        assert!(
            table
                .product
                .is_sorted_by(|a, b| a.name.to_lowercase() < b.name.to_lowercase())
        );
        for product in table.product {
            assert!(
                !product.processes.is_empty() && !product.name.is_empty(),
                "{product:?}"
            );
            assert!(
                product.paths.iter().all(|path| path.starts_with('/')),
                "{product:?}"
            );
        }
    }

    #[test]
    fn a_product_is_found_by_package_path_or_an_unmistakable_process() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("opt/traps")).unwrap();
        let host = Host::at(dir.path()).unwrap();
        let found = find(
            &host,
            &HashSet::from(["mdatp"]),
            &[running("falcon-sensor"), running("cma")],
        );
        let names: Vec<_> = found.iter().map(|product| product.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "CrowdStrike Falcon",
                "Microsoft Defender for Endpoint",
                "Palo Alto Cortex XDR"
            ]
        );
        assert_eq!(found[0].running.len(), 1);
        assert!(found[1].running.is_empty());
    }
}
