//! Whether the system waits for a restart: the flag that packages raise, and the kernel that runs against the newest
//! installed of its flavour.

use serde::Serialize;

use crate::host::Host;

use super::status::Installed;
use super::version;

/// Largest file taken here, in bytes.
const LARGEST_FILE: u64 = 256 * 1024;

/// Whether the system waits for a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reboot {
    /// `None` where nothing asks for one and no kernel package of the running kernel's flavour is installed, as in a
    /// container.
    pub required: Option<bool>,
    /// Whether `/run/reboot-required` stands.
    pub flagged: bool,
    /// Packages that raised it.
    pub flagged_by: Vec<String>,
    /// Release of the running kernel, such as `6.1.0-37-amd64`.
    pub running_kernel: String,
    /// Release of the newest installed kernel of the same flavour.
    pub newest_kernel: Option<String>,
}

/// Reads it.
pub(super) fn read(host: &Host, installed: &[Installed]) -> Reboot {
    let line = |path: &str| {
        let text = host.read_text(path, LARGEST_FILE).unwrap_or_default();
        text.lines().next().unwrap_or_default().trim().to_owned()
    };
    let flagged = host.exists("/run/reboot-required");
    let packages = host
        .read_text("/run/reboot-required.pkgs", LARGEST_FILE)
        .unwrap_or_default();
    let mut flagged_by: Vec<_> = packages.lines().map(|name| name.trim().to_owned()).collect();
    flagged_by.sort_unstable();
    flagged_by.dedup();
    let running = line("/proc/sys/kernel/osrelease");
    let newest = newest_of_flavour(&running, installed);
    let outdated = newest.map(|(release, package)| {
        release != running || running_package(&line("/proc/version")).is_some_and(|v| v != package.version)
    });
    Reboot {
        required: if flagged { Some(true) } else { outdated },
        flagged,
        flagged_by,
        newest_kernel: newest.map(|(release, _)| release.to_owned()),
        running_kernel: running,
    }
}

/// The newest installed kernel of the running one's flavour.
fn newest_of_flavour<'a>(running: &str, installed: &'a [Installed]) -> Option<(&'a str, &'a Installed)> {
    let (_, flavour) = split(running)?;
    let images = installed
        .iter()
        .filter(|package| package.complete)
        .filter_map(|package| {
            let release = package.name.strip_prefix("linux-image-")?;
            let release = release.strip_prefix("unsigned-").unwrap_or(release);
            let (number, its_flavour) = split(release)?;
            (its_flavour == flavour).then_some((number, release, package))
        });
    images
        .max_by(|a, b| version::compare(a.0, b.0))
        .map(|(_, release, package)| (release, package))
}

/// A kernel release as number and flavour: `6.1.0-37-cloud-amd64` → `6.1.0-37`, `cloud-amd64`. A metapackage's name
/// (`linux-image-amd64`) has no number.
fn split(release: &str) -> Option<(&str, &str)> {
    if !release.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let hyphen = release
        .match_indices('-')
        .find(|(at, _)| {
            release
                .get(at + 1..)
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
        })?
        .0;
    Some((release.get(..hyphen)?, release.get(hyphen + 1..)?))
}

/// Package version that Debian writes into its kernels: `… #1 SMP PREEMPT_DYNAMIC Debian 6.1.140-1 (2025-05-22)`.
fn running_package(kernel_version: &str) -> Option<&str> {
    kernel_version
        .split(" Debian ")
        .last()
        .filter(|rest| *rest != kernel_version)?
        .split(' ')
        .next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(release: &str, version: &str) -> Installed {
        Installed {
            name: format!("linux-image-{release}"),
            architecture: "amd64".to_owned(),
            version: version.to_owned(),
            source: "linux-signed-amd64".to_owned(),
            held: false,
            complete: true,
        }
    }

    fn required(running: &str, kernel: &str, images: &[Installed]) -> Option<bool> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("proc/sys/kernel")).unwrap();
        std::fs::write(
            dir.path().join("proc/sys/kernel/osrelease"),
            format!("{running}\n"),
        )
        .unwrap();
        std::fs::write(dir.path().join("proc/version"), kernel).unwrap();
        read(&Host::at(dir.path()).unwrap(), images).required
    }

    #[test]
    fn the_newest_of_the_same_flavour_decides() {
        let old = image("6.1.0-9-amd64", "6.1.27-1");
        let new = image("6.1.0-37-amd64", "6.1.140-1");
        let cloud = image("6.1.0-38-cloud-amd64", "6.1.147-1");
        let meta = image("amd64", "6.1.147-1");
        let backports = image("6.9.7+bpo-amd64", "6.9.7-1~bpo12+1");
        let all = [old.clone(), new.clone(), cloud, meta.clone()];
        let debian = "Linux version 6.1.0-37-amd64 (x@y) (gcc-12) #1 SMP PREEMPT_DYNAMIC Debian 6.1.140-1 (2025-05-22)";
        assert_eq!(required("6.1.0-37-amd64", debian, &all), Some(false));
        assert_eq!(required("6.1.0-9-amd64", "", &all), Some(true));
        assert_eq!(
            required("6.1.0-37-amd64", &debian.replace("140", "139"), &all),
            Some(true)
        );
        assert_eq!(
            required("6.9.7+bpo-amd64", "", &[new.clone(), backports.clone()]),
            Some(false)
        );
        assert_eq!(required("6.1.0-37-amd64", "", &[new, backports]), Some(true));
        // A container: no kernel package, or the metapackage alone.
        assert_eq!(required("6.1.0-37-amd64", "", &[meta]), None);
        assert_eq!(required("6.18.5", "", &[old]), None);
    }

    #[test]
    fn ubuntu_flavours_are_told_apart() {
        let generic = image("6.8.0-45-generic", "6.8.0-45.45");
        let hwe = image("unsigned-6.11.0-17-generic", "6.11.0-17.17~24.04.2");
        let aws = image("6.8.0-1050-aws", "6.8.0-1050.52");
        let all = [generic, hwe, aws];
        assert_eq!(required("6.8.0-1050-aws", "", &all), Some(false));
        assert_eq!(required("6.8.0-45-generic", "", &all), Some(true));
    }

    #[test]
    fn the_flag_names_who_raised_it() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("run")).unwrap();
        std::fs::write(
            dir.path().join("run/reboot-required"),
            "*** System restart required ***\n",
        )
        .unwrap();
        std::fs::write(
            dir.path().join("run/reboot-required.pkgs"),
            "libc6\nlinux-base\nlibc6\n",
        )
        .unwrap();
        let reboot = read(&Host::at(dir.path()).unwrap(), &[]);
        assert_eq!(reboot.required, Some(true));
        assert_eq!(reboot.flagged_by, ["libc6", "linux-base"]);
    }
}
