//! Stacks of block devices. The archives beside the headers were recorded on a running system.

use std::path::{Path, PathBuf};

use super::archive::lay_out;
use crate::known::Known;
use crate::volumes::{self, DeviceKind, Doubt, PlainDevice, Protection, Storage, Swap, Volume, VolumeFacts};

macro_rules! recorded {
    ($name:literal) => {
        read(include_str!(concat!("../../../fixtures/volumes/", $name, ".txt")))
    };
}

fn read(archive: &str) -> VolumeFacts {
    volumes::read(&lay_out(archive).host, &[]).unwrap()
}

fn volume<'a>(facts: &'a VolumeFacts, point: &str) -> &'a Volume {
    facts
        .volumes
        .iter()
        .find(|volume| volume.mount_point == Path::new(point))
        .unwrap()
}

/// In one word: `encrypted`, `plain`, `virtual`, `hollow`, `memory`, `remote`, or why it can't be told.
fn protection(facts: &VolumeFacts, storage: &Storage) -> String {
    match facts.protection(storage) {
        Protection::Encrypted(_) => "encrypted".to_owned(),
        Protection::Plain(PlainDevice::Disk(name)) => format!("plain on {name}"),
        Protection::Plain(PlainDevice::VirtualDisk(name)) => format!("plain on virtual {name}"),
        Protection::Plain(PlainDevice::HollowMapping(name)) => format!("hollow {name}"),
        Protection::Memory => "memory".to_owned(),
        Protection::Remote => "remote".to_owned(),
        Protection::Unknown(doubt) => doubt.to_string(),
    }
}

fn of_volume(facts: &VolumeFacts, point: &str) -> String {
    protection(facts, &volume(facts, point).storage)
}

fn of_swap(facts: &VolumeFacts, path: &str) -> String {
    let swap: &Swap = facts
        .swaps
        .iter()
        .find(|swap| swap.path == Path::new(path))
        .unwrap();
    protection(facts, &swap.storage)
}

/// Strengths of the mappings beneath a mount point, in bits.
fn strengths(facts: &VolumeFacts, point: &str) -> Vec<Option<u32>> {
    let layers = facts.layers(&volume(facts, point).storage);
    let crypts = layers.into_iter().filter(|layer| layer.kind == "crypt");
    crypts
        .map(|layer| layer.cipher.and_then(|cipher| cipher.strength))
        .collect()
}

#[test]
fn a_virtual_machine_with_a_luks_data_disk_and_zram() {
    let facts = recorded!("virtual-machine");
    assert_eq!(of_volume(&facts, "/"), "plain on virtual vda");
    assert_eq!(of_volume(&facts, "/srv/data"), "encrypted");
    assert_eq!(strengths(&facts, "/srv/data"), [Some(256)]);
    assert_eq!(of_swap(&facts, "/dev/zram0"), "memory");
    assert_eq!(of_volume(&facts, "/run"), "memory");
    assert!(
        facts
            .volumes
            .iter()
            .all(|volume| volume.mount_point != Path::new("/proc"))
    );
}

#[test]
fn lvm_on_luks_encrypts_all_that_lies_on_it() {
    let facts = recorded!("lvm-on-luks");
    for point in ["/mnt/home", "/mnt/loop", "/mnt/merged"] {
        assert_eq!(of_volume(&facts, point), "encrypted", "{point}");
        assert_eq!(strengths(&facts, point), [Some(256)], "{point}");
    }
    for path in ["/dev/dm-3", "/mnt/home/swapfile"] {
        assert_eq!(of_swap(&facts, path), "encrypted", "{path}");
    }
    assert_eq!(of_volume(&facts, "/mnt/esp"), "plain on sda");
    assert!(volume(&facts, "/mnt/esp").efi_system_partition);
    assert!(!volume(&facts, "/mnt/home").efi_system_partition);
    let names: Vec<_> = facts
        .layers(&volume(&facts, "/mnt/loop").storage)
        .into_iter()
        .map(|l| l.name)
        .collect();
    assert_eq!(names, ["loop0", "dm-2", "dm-1", "sda2", "sda"]);
}

#[test]
fn luks_on_lvm_encrypts_its_own_volume_and_not_its_neighbour() {
    let facts = recorded!("luks-on-lvm");
    assert_eq!(of_volume(&facts, "/mnt/secret"), "encrypted");
    assert_eq!(strengths(&facts, "/mnt/secret"), [Some(256)]);
    assert_eq!(of_volume(&facts, "/mnt/plain"), "plain on sda");
    assert_eq!(of_swap(&facts, "/mnt/plain/swap file"), "plain on sda");
}

#[test]
fn luks_on_raid_is_found_through_the_array_to_both_disks() {
    let facts = recorded!("luks-on-raid");
    assert_eq!(of_volume(&facts, "/mnt/raid"), "encrypted");
    assert_eq!(strengths(&facts, "/mnt/raid"), [Some(128)]);
    let kinds: Vec<_> = facts
        .layers(&volume(&facts, "/mnt/raid").storage)
        .into_iter()
        .map(|l| l.kind)
        .collect();
    assert_eq!(kinds, ["crypt", "raid", "partition", "partition", "disk", "disk"]);
}

#[test]
fn btrfs_is_as_encrypted_as_the_worst_of_its_devices() {
    let facts = recorded!("btrfs-on-luks");
    for point in ["/mnt/btrfs", "/mnt/sub"] {
        assert_eq!(of_volume(&facts, point), "encrypted");
        assert_eq!(strengths(&facts, point), [Some(256), Some(256)]);
    }
    assert_eq!(of_volume(&facts, "/mnt/half"), "plain on virtual nvme0n1");
}

#[test]
fn a_mapping_without_a_header_is_encrypted_and_its_cipher_is_not_known() {
    let facts = recorded!("without-header");
    assert_eq!(of_volume(&facts, "/mnt/detached"), "encrypted");
    assert_eq!(of_swap(&facts, "/dev/dm-11"), "encrypted");
    let header = |name: &str| {
        let mut kinds = facts.devices.values().map(|device| &device.kind);
        kinds.find_map(|kind| match kind {
            DeviceKind::Crypt(crypt) if crypt.name == name => Some(crypt.header.clone()),
            _ => None,
        })
    };
    assert!(matches!(header("detached"), Some(Known::Failed { .. })));
    assert!(matches!(header("cryptswap"), Some(Known::Absent(_))));
}

#[test]
fn a_header_of_another_volume_is_not_taken_for_the_mappings_own() {
    let archive = include_str!("../../../fixtures/volumes/virtual-machine.txt");
    let other: String = archive
        .lines()
        .map(|line| match line.starts_with("luks2") {
            true => "luks2 /dev/vdb 00112233-4455-6677-8899-aabbccddeeff 512\n".to_owned(),
            false => format!("{line}\n"),
        })
        .collect();
    let facts = read(&other);
    assert_eq!(of_volume(&facts, "/srv/data"), "encrypted");
    assert_eq!(strengths(&facts, "/srv/data"), [None]);
}

#[test]
fn a_mapping_that_is_not_encrypted_yet_is_plain() {
    assert_eq!(
        of_volume(&recorded!("encrypting"), "/mnt/inprog"),
        "hollow inprog"
    );
}

#[test]
fn swap_on_a_partition_is_plain() {
    assert_eq!(of_swap(&recorded!("plain-swap"), "/dev/sdb4"), "plain on sdb");
}

const ROOT: &str = "file /proc/self/mountinfo\n> 27 1 254:0 / / rw - ext4 /dev/mapper/a rw\n";

/// A mapping `dm-N` of device 254:N, with what lies beneath it.
fn mapping(minor: u32, uuid: &str, slaves: &[&str]) -> String {
    let directory = format!("/sys/devices/virtual/block/dm-{minor}");
    let mut text = format!(
        "link /sys/dev/block/254:{minor} ../../devices/virtual/block/dm-{minor}\n\
         file {directory}/dev\n> 254:{minor}\nfile {directory}/dm/name\n> m{minor}\n\
         file {directory}/dm/uuid\n> {uuid}\n"
    );
    for slave in slaves {
        text += &format!("link {directory}/slaves/{slave} ../../{slave}\n");
    }
    text
}

#[test]
fn devices_that_lie_on_each_other_in_a_circle_are_not_vouched_for() {
    let circle = format!(
        "{ROOT}{}{}",
        mapping(0, "LVM-a", &["dm-1"]),
        mapping(1, "LVM-b", &["dm-0"])
    );
    let facts = read(&circle);
    assert_eq!(
        facts.protection(&volume(&facts, "/").storage),
        Protection::Unknown(Doubt::Circle)
    );
    assert_eq!(facts.layers(&volume(&facts, "/").storage).len(), 2);
    let beside_a_guard = format!(
        "{ROOT}{}{}{}",
        mapping(0, "LVM-a", &["dm-1", "dm-2"]),
        mapping(1, "LVM-b", &["dm-0"]),
        mapping(2, "CRYPT-PLAIN-c", &[])
    );
    assert_eq!(of_volume(&read(&beside_a_guard), "/"), Doubt::Circle.to_string());
    let itself = format!("{ROOT}{}", mapping(0, "LVM-a", &["dm-0"]));
    assert_eq!(of_volume(&read(&itself), "/"), Doubt::Circle.to_string());
}

#[test]
fn a_file_made_a_device_that_holds_itself_is_a_circle() {
    let archive = "file /proc/self/mountinfo\n> 27 1 7:0 / / rw - ext4 /dev/loop0 rw\n\
                   link /sys/dev/block/7:0 ../../devices/virtual/block/loop0\n\
                   file /sys/devices/virtual/block/loop0/loop/backing_file\n> /image\n";
    let missing = "/image: the file behind a loop device cannot be found";
    assert_eq!(of_volume(&read(archive), "/"), missing);
    let there = format!("{archive}file /image\n");
    assert_eq!(of_volume(&read(&there), "/"), Doubt::Circle.to_string());
}

#[test]
fn a_shared_device_on_two_ways_down_is_no_circle() {
    let archive = format!(
        "{ROOT}{}{}{}{}",
        mapping(0, "LVM-a", &["dm-1", "dm-2"]),
        mapping(1, "LVM-b", &["dm-3"]),
        mapping(2, "LVM-c", &["dm-3"]),
        mapping(3, "CRYPT-PLAIN-d", &[])
    );
    assert_eq!(of_volume(&read(&archive), "/"), "encrypted");
}

#[test]
fn what_sysfs_does_not_show_is_not_vouched_for() {
    assert_eq!(of_volume(&read(ROOT), "/"), "254:0: sysfs does not show it");
    let nothing_beneath = format!("{ROOT}{}", mapping(0, "LVM-a", &[]));
    assert_eq!(
        of_volume(&read(&nothing_beneath), "/"),
        "dm-0: sysfs shows nothing beneath it"
    );
    let dangling = format!("{ROOT}{}", mapping(0, "LVM-a", &["sda1"]));
    assert_eq!(
        of_volume(&read(&dangling), "/"),
        "dm-0: sysfs names a device beneath it that it does not show"
    );
}

#[test]
fn verity_and_integrity_do_not_encrypt() {
    for uuid in [
        "CRYPT-VERITY-a",
        "CRYPT-INTEGRITY-a",
        "CRYPT-SUBDEV-a",
        "LVM-CRYPT-LUKS2-a",
        "",
    ] {
        let archive = format!(
            "{ROOT}{}link /sys/dev/block/8:0 ../../devices/virtual/block/sda\n\
             file /sys/devices/virtual/block/sda/dev\n> 8:0\n",
            mapping(0, uuid, &["sda"])
        );
        assert_eq!(of_volume(&read(&archive), "/"), "plain on sda", "{uuid}");
    }
}

#[test]
fn file_systems_without_a_block_device_say_what_they_are() {
    let archive = "\
file /proc/self/mountinfo
> 1 0 0:50 / / rw - overlay overlay rw,lowerdir=/a,upperdir=/var/lib/docker/overlay2/x/diff,workdir=/w
> 2 1 0:51 / /tmp rw - tmpfs tmpfs rw
> 3 1 0:52 / /mnt/nfs rw - nfs4 nas:/data rw
> 4 1 0:53 / /tank rw - zfs tank rw
> 5 1 0:54 / /home/a rw - ecryptfs /home/.a rw,ecryptfs_sig=0,ecryptfs_cipher=aes,ecryptfs_key_bytes=16
> 6 1 0:55 / /home/b rw - fuse.gocryptfs /home/.b rw
> 7 1 0:56 / /home/c ro - fuse.gocryptfs /home/c.plain ro
> 8 1 0:57 / /mnt/other rw - fuse.mergerfs a rw
> 9 1 0:58 / /mnt/btrfs rw - btrfs /dev/sda1 rw
";
    let facts = read(archive);
    for (point, expected) in [
        ("/", Doubt::Container.to_string()),
        ("/tmp", "memory".to_owned()),
        ("/mnt/nfs", "remote".to_owned()),
        ("/tank", Doubt::OwnEncryption.to_string()),
        ("/home/a", "encrypted".to_owned()),
        ("/home/b", "encrypted".to_owned()),
        ("/home/c", Doubt::ReverseView.to_string()),
        ("/mnt/other", Doubt::NoDevice.to_string()),
        ("/mnt/btrfs", "/dev/sda1: sysfs does not show it".to_owned()),
    ] {
        assert_eq!(of_volume(&facts, point), expected, "{point}");
    }
    let ecryptfs = &volume(&facts, "/home/a").storage;
    assert!(matches!(ecryptfs, Storage::EncryptedBy { cipher: Some((name, 128)), .. } if name == "aes"));
}

#[test]
fn declared_paths_are_found_through_links_to_the_mount_they_lie_on() {
    let laid = lay_out(&format!(
        "{}dir /mnt/home/app/data\nlink /srv/data /mnt/home/app/data\n",
        include_str!("../../../fixtures/volumes/lvm-on-luks.txt")
    ));
    let paths = ["/srv/data", "/srv", "/none"].map(PathBuf::from);
    let facts = volumes::read(&laid.host, &paths).unwrap();
    let found = facts.declared[&paths[0]].value().unwrap();
    assert_eq!(found.mount_point, Path::new("/mnt/home"));
    assert_eq!(found.real_path, Path::new("/mnt/home/app/data"));
    assert_eq!(protection(&facts, &found.storage), "encrypted");
    let plain = facts.declared[&paths[1]].value().unwrap();
    assert_eq!(protection(&facts, &plain.storage), "plain on virtual vda");
    assert!(matches!(facts.declared[&paths[2]], Known::Failed { .. }));
}

#[test]
fn what_a_sandbox_hides_is_read_from_the_first_process() {
    let first = "file /proc/1/mountinfo\n> 27 1 254:0 / / rw - ext4 /dev/mapper/a rw\n\
                 > 28 27 8:1 / /home rw - ext4 /dev/sda1 rw\n";
    let own = "file /proc/self/mountinfo\n> 27 1 254:0 / / ro - ext4 /dev/mapper/a rw\n\
               > 28 27 0:60 / /home ro - tmpfs tmpfs ro\ndir /home\n";
    let laid = lay_out(&format!("{first}{own}{}", mapping(0, "CRYPT-PLAIN-a", &[])));
    let facts = volumes::read(&laid.host, &["/home".into()]).unwrap();
    assert!(volume(&facts, "/").writable);
    let hidden = facts
        .volumes
        .iter()
        .find(|volume| volume.source == "/dev/sda1")
        .unwrap();
    assert_eq!(hidden.mount_point, Path::new("/home"));
    assert!(matches!(facts.declared[Path::new("/home")], Known::Failed { .. }));
}

#[test]
fn without_a_table_of_mounts_nothing_is_told() {
    for archive in [
        "",
        "file /proc/self/mountinfo\n",
        "file /proc/self/mountinfo\n> rubbish\n",
    ] {
        assert!(volumes::read(&lay_out(archive).host, &[]).is_err(), "{archive}");
    }
    let rubbish = format!("{ROOT}file /proc/swaps\n> Filename Type\n> rubbish\n");
    assert!(volumes::read(&lay_out(&rubbish).host, &[]).is_err());
}

#[test]
fn the_running_host_is_read() {
    let facts = volumes::read(&crate::Host::live().unwrap(), &["/".into()]).unwrap();
    assert!(
        facts
            .volumes
            .iter()
            .any(|volume| volume.mount_point == Path::new("/"))
    );
    assert!(facts.declared[Path::new("/")].value().is_ok());
}
