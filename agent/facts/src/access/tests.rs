use std::collections::BTreeSet;
use std::fs;
use std::io::Write;

use super::*;
use crate::Memory;

const NOW: &str = "2026-11-22T10:00:00Z";

fn event(serial: u64, second: i64, name: &str) -> String {
    let stamp = format!("audit({second}.000:{serial})");
    format!(
        "type=SYSCALL msg={stamp}: arch=c000003e syscall=257 success=yes exit=3 auid=1000 uid=1000 exe=\"/usr/bin/cat\" key=\"personal-data\"\n\
         type=CWD msg={stamp}: cwd=\"/\"\n\
         type=PATH msg={stamp}: item=0 name=\"{name}\" nametype=NORMAL\n\
         type=PROCTITLE msg={stamp}: proctitle=\"cat\"\n"
    )
}

struct World {
    dir: tempfile::TempDir,
    memory: Memory,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for path in ["var/log/audit", "etc/audit/rules.d", "srv/pii", "proc"] {
            fs::create_dir_all(dir.path().join(path)).unwrap();
        }
        fs::write(
            dir.path().join("etc/passwd"),
            "alice:x:1000:1000::/home/alice:/bin/sh\n",
        )
        .unwrap();
        Self {
            dir,
            memory: Memory::default(),
        }
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.dir.path().join("var/log/audit").join(name);
        let mut file = fs::File::options().create(true).append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn look(&mut self) -> AccessFacts {
        let ask = Ask {
            probes: BTreeSet::from([ProbeId::Access]),
            now: NOW.parse().unwrap(),
            access_paths: vec![PathBuf::from("/srv/pii"), PathBuf::from("/srv/gone")],
            memory: self.memory.clone(),
            ..Ask::default()
        };
        let host = Host::at(self.dir.path()).unwrap();
        let facts = crate::gather(&host, &ask);
        self.memory = facts.memory;
        let Known::Value(access) = facts.access else {
            panic!("{:?}", facts.access)
        };
        access
    }
}

fn count(facts: &AccessFacts) -> u32 {
    facts
        .readers
        .get("alice")
        .map_or(0, |reader| reader.slots.values().sum())
}

#[test]
fn accesses_of_declared_paths_are_counted_once_over_runs_and_rotation() {
    let mut world = World::new();
    let now = NOW.parse::<Timestamp>().unwrap().as_second();
    world.write("audit.log", &event(1, now - 60, "/srv/pii/a.csv"));
    world.write("audit.log", &event(2, now - 50, "/etc/hosts"));
    let facts = world.look();
    assert_eq!(count(&facts), 1);
    assert!(!facts.paths[Path::new("/srv/gone")]);
    assert_eq!(count(&world.look()), 1, "read once");

    let next = event(3, now - 40, "/srv/pii/b.csv");
    let (half, rest) = next.split_at(next.find("type=CWD").unwrap());
    world.write("audit.log", half);
    let log = world.dir.path().join("var/log/audit");
    assert_eq!(count(&world.look()), 1);
    world.write("audit.log", rest);
    fs::rename(log.join("audit.log"), log.join("audit.log.1")).unwrap();
    world.write("audit.log", &event(4, now - 30, "/srv/pii/c.csv"));
    let facts = world.look();
    assert_eq!(count(&facts), 3, "rotated with an event half written");
    assert_eq!(
        facts.readers["alice"].programs,
        BTreeSet::from(["/usr/bin/cat".to_owned()])
    );
}

#[test]
fn what_is_not_the_running_host_has_no_kernel_and_rules_come_of_its_files() {
    let mut world = World::new();
    let rules = world.dir.path().join("etc/audit/rules.d");
    fs::write(
        rules.join("30-personal-data.rules"),
        "-D\n-w /srv/pii -p r -k personal-data\n",
    )
    .unwrap();
    fs::write(rules.join("README"), "-w /srv/gone -p r\n").unwrap();
    let facts = world.look();
    assert!(matches!(facts.kernel, Known::Failed { .. }));
    assert!(matches!(facts.log, Known::Absent(_)));
    let kept = facts.kept_rules.value().unwrap();
    assert_eq!(kept.len(), 1);
    assert!(kept[0].covers(Path::new("/srv/pii/a.csv")));
}

#[test]
fn the_log_is_where_auditd_is_set_to_write_it() {
    let mut world = World::new();
    fs::write(
        world.dir.path().join("etc/audit/auditd.conf"),
        "log_file = /var/log/audit/other.log\n",
    )
    .unwrap();
    let now = NOW.parse::<Timestamp>().unwrap().as_second();
    world.write("other.log", &event(1, now - 60, "/srv/pii/a.csv"));
    assert_eq!(count(&world.look()), 1);
}
