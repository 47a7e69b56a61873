//! `inspect encryption`.

use std::path::{Path, PathBuf};

use plumbline_console::{Failure, Format, Outcome, Output};
use plumbline_facts::Host;
use plumbline_facts::volumes::{
    self, KeySlot, Layer, LuksHeader, PlainDevice, Protection, Segment, Storage, Swap, Volume, VolumeFacts,
    Weakness,
};
use serde::Serialize;

/// Arguments of `inspect encryption`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: plumbline-agent inspect encryption\n\
                        Example: plumbline-agent inspect encryption /dev/sda3 header.img --format json")]
pub(crate) struct Args {
    /// Devices, or files that start with a LUKS header, such as one saved by luksHeaderBackup; prints one JSON object
    /// a line for each
    #[arg(value_name = "DEVICE|FILE")]
    files: Vec<PathBuf>,

    /// Look at the host laid out beneath this directory instead of the running one
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
}

/// Prints what is encrypted, by what and how strongly.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Outcome, Failure> {
    let host = Host::at(&args.root)?;
    if args.files.is_empty() {
        print_host(&volumes::read(&host, &[])?, output)?;
    } else {
        print_headers(&host, &args.files, output)?;
    }
    Ok(Outcome::Clean)
}

/// What a header says, each key always there.
#[derive(Serialize)]
struct HeaderReport<'a> {
    file: &'a Path,
    version: u8,
    uuid: String,
    cipher: Option<String>,
    key_bits: Option<u32>,
    strength: Option<u32>,
    weaknesses: Vec<Weakness>,
    key_derivation: Option<String>,
    tokens: Vec<String>,
    key_slots: Vec<KeySlot>,
    segments: Vec<Segment>,
    reencryption: bool,
    damaged_copy: Option<String>,
}

impl<'a> HeaderReport<'a> {
    fn new(file: &'a Path, header: LuksHeader) -> Self {
        let cipher = header.cipher.as_ref();
        let of_cipher = cipher.iter().flat_map(|cipher| &cipher.weaknesses);
        Self {
            file,
            version: header.version,
            uuid: header.uuid,
            cipher: cipher.map(|cipher| cipher.name.clone()),
            key_bits: cipher.and_then(|cipher| cipher.key_bits),
            strength: cipher.and_then(|cipher| cipher.strength),
            weaknesses: of_cipher.chain(&header.key_slot_weaknesses).copied().collect(),
            key_derivation: header.key_derivation,
            tokens: header.tokens,
            key_slots: header.key_slots,
            segments: header.segments,
            reencryption: header.reencryption,
            damaged_copy: header.damaged_copy,
        }
    }
}

fn print_headers(host: &Host, files: &[PathBuf], output: &Output) -> Result<(), Failure> {
    let mut reports = Vec::new();
    for file in files {
        let header = volumes::read_header(host, &std::path::absolute(file)?)
            .map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
        reports.push(HeaderReport::new(file, header));
    }
    if output.format == Format::Json {
        return reports.iter().try_for_each(|report| output.json_line(report));
    }
    let number = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
    output.table(
        [
            "file",
            "version",
            "cipher",
            "key bits",
            "strength",
            "key derivation",
            "tokens",
        ],
        reports.into_iter().map(|report| {
            [
                report.file.display().to_string(),
                report.version.to_string(),
                report.cipher.unwrap_or_default(),
                number(report.key_bits),
                number(report.strength),
                report.key_derivation.unwrap_or_default(),
                report.tokens.join(", "),
            ]
        }),
    )
}

#[derive(Serialize)]
struct HostReport<'a> {
    volumes: Vec<VolumeReport<'a>>,
    swaps: Vec<SwapReport<'a>>,
}

#[derive(Serialize)]
struct VolumeReport<'a> {
    mount_point: &'a Path,
    file_system: &'a str,
    source: &'a str,
    writable: bool,
    fscrypt: bool,
    #[serde(flatten)]
    state: State,
}

impl<'a> VolumeReport<'a> {
    fn of(facts: &VolumeFacts, volume: &'a Volume) -> Self {
        Self {
            mount_point: &volume.mount_point,
            file_system: &volume.file_system,
            source: &volume.source,
            writable: volume.writable,
            fscrypt: volume.fscrypt,
            state: State::of(facts, &volume.storage),
        }
    }
}

#[derive(Serialize)]
struct SwapReport<'a> {
    path: &'a Path,
    kib: u64,
    #[serde(flatten)]
    state: State,
}

impl<'a> SwapReport<'a> {
    fn of(facts: &VolumeFacts, swap: &'a Swap) -> Self {
        Self {
            path: &swap.path,
            kib: swap.kib,
            state: State::of(facts, &swap.storage),
        }
    }
}

#[derive(Serialize)]
struct State {
    /// `encrypted`, `plain`, `memory`, `remote` or `unknown`.
    protection: &'static str,
    /// What keeps it plain, or why it can't be told.
    detail: Option<String>,
    layers: Vec<Layer>,
}

impl State {
    fn of(facts: &VolumeFacts, storage: &Storage) -> Self {
        let (protection, detail) = match facts.protection(storage) {
            Protection::Encrypted(_) => ("encrypted", None),
            Protection::Plain(PlainDevice::Disk(name) | PlainDevice::VirtualDisk(name)) => {
                ("plain", Some(name))
            }
            Protection::Plain(PlainDevice::HollowMapping(name)) => (
                "plain",
                Some(format!("{name} is mapped as encrypted and keeps data plain")),
            ),
            Protection::Memory => ("memory", None),
            Protection::Remote => ("remote", None),
            Protection::Unknown(doubt) => ("unknown", Some(doubt.to_string())),
        };
        Self {
            protection,
            detail,
            layers: facts.layers(storage),
        }
    }

    /// The devices from the uppermost down, as `dm-0 (crypt luks-home) > sda3 (partition) > sda (disk)`.
    fn stack(&self) -> String {
        let name = |layer: &Layer| match &layer.detail {
            Some(detail) => format!("{} ({} {detail})", layer.name, layer.kind),
            None => format!("{} ({})", layer.name, layer.kind),
        };
        self.layers.iter().map(name).collect::<Vec<_>>().join(" > ")
    }
}

fn print_host(facts: &VolumeFacts, output: &Output) -> Result<(), Failure> {
    let report = HostReport {
        volumes: facts
            .volumes
            .iter()
            .map(|volume| VolumeReport::of(facts, volume))
            .collect(),
        swaps: facts
            .swaps
            .iter()
            .map(|swap| SwapReport::of(facts, swap))
            .collect(),
    };
    if output.format == Format::Json {
        return output.json(&report);
    }
    let row = |place: String, kind: &str, state: &State| {
        let detail = state.detail.clone().unwrap_or_default();
        [
            place,
            kind.to_owned(),
            state.protection.to_owned(),
            detail,
            state.stack(),
        ]
    };
    let volumes = report.volumes.iter().map(|volume| {
        row(
            volume.mount_point.display().to_string(),
            volume.file_system,
            &volume.state,
        )
    });
    let swaps = report
        .swaps
        .iter()
        .map(|swap| row(swap.path.display().to_string(), "swap", &swap.state));
    output.table(
        ["place", "type", "protection", "detail", "layers"],
        volumes.chain(swaps),
    )
}
