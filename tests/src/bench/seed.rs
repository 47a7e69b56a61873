//! Hosts straight into a collector's database, for benchmarks alone: their rows and certificates as enrolment would
//! leave them, and their first reports through the collector's own [`Store::keep`]. The collector must not run.

use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use plumbline_agent::identity::Identity;
use plumbline_collector::store::{Incoming, PackedBody, SqliteStore, Store};
use plumbline_config::seal::Sealer;
use plumbline_config::wire::EnrollReply;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SerialNumber,
};
use rusqlite::Connection;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::collector::{Collector, LOOPBACKS};
use crate::company::{Company, Host};

/// How long the certificates last.
const LIFETIME: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Reports in one transaction.
const BATCH: usize = 256;

/// The hosts of a home: those that are there, and as many more as `hosts` asks for, each with its first report.
pub(crate) fn hosts(collector: &Collector, company: &Company, hosts: u32) -> Vec<Host> {
    let began = Instant::now();
    let mut known = load(&collector.database(), company);
    let there = u32::try_from(known.len()).expect("a number of hosts");
    if there < hosts {
        let more: Vec<Host> = (there..hosts).map(Host::new).collect();
        add_rows(&collector.database(), &key(collector), company, &more);
        known.extend(first_reports(
            &collector.database(),
            &key(collector),
            company,
            more,
        ));
        eprintln!("seeded hosts {there} to {hosts} in {:.0?}", began.elapsed());
    }
    known.truncate(hosts as usize);
    known
}

/// The key that all hosts of a home share: what is measured costs the same, and a home can be gone on with.
pub(crate) fn key(collector: &Collector) -> KeyPair {
    let path = collector.database().with_file_name("bench-hosts.key");
    if let Ok(pem) = std::fs::read_to_string(&path) {
        return KeyPair::from_pem(&pem).expect("the hosts' key");
    }
    let key = KeyPair::generate().expect("a key");
    std::fs::write(&path, key.serialize_pem()).expect("the key can be kept");
    key
}

fn load(database: &Path, company: &Company) -> Vec<Host> {
    let db = Connection::open(database).expect("the database");
    let mut statement = db
        .prepare("SELECT name, last_sequence, coalesce(last_sha256, '') FROM hosts ORDER BY name")
        .expect("hosts");
    let rows = statement
        .query_map([], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, i64>(1)?,
                row.get::<_, String>(2)?,
            ))
        })
        .expect("hosts");
    rows.enumerate()
        .map(|(number, row)| {
            let (name, sequence, sha256) = row.expect("a host");
            let number = u32::try_from(number).expect("a number");
            assert_eq!(
                name,
                Company::name(number),
                "the home holds other hosts than these benchmarks make"
            );
            Host::after(number, company, sequence.unsigned_abs(), sha256)
        })
        .collect()
}

/// Serial number of a host's certificate; its first bit is zero, so that DER needs no more bytes (X.690, 8.3.2).
fn serial(number: u32) -> [u8; 16] {
    (0x4000_0000_0000_0000_0000_0000_0000_0000_u128 | u128::from(number)).to_be_bytes()
}

fn add_rows(database: &Path, key: &KeyPair, company: &Company, hosts: &[Host]) {
    let mut db = Connection::open(database).expect("the database");
    let tx = db.transaction().expect("a transaction");
    let now = Timestamp::now();
    let os = serde_json::to_string(company.os()).expect("an operating system");
    let mut host_row = tx
        .prepare(
            "INSERT INTO hosts (id, name, role, labels, os, machine, agent_version, incarnation, enrolled_at)
             VALUES (?1, ?2, ?3, '{}', ?4, '', '0', 1, ?5)",
        )
        .expect("a statement");
    let mut pulse = tx
        .prepare("INSERT INTO host_pulse (host, heard_at) VALUES (?1, ?2)")
        .expect("a statement");
    let mut certificate = tx
        .prepare(
            "INSERT INTO certificates (serial, host, incarnation, public_key, issued_at, not_after)
             VALUES (?1, ?2, 1, ?3, ?4, ?5)",
        )
        .expect("a statement");
    let mut total = tx
        .prepare(
            "INSERT INTO totals (shard, counted, number) VALUES ('', ?1, 1)
             ON CONFLICT (shard, counted) DO UPDATE SET number = number + 1",
        )
        .expect("a statement");
    let at = now.as_microsecond();
    for host in hosts {
        let role = Company::role(host.number).name();
        let id = host.id.as_str();
        host_row
            .execute((id, Company::name(host.number), role, &os, at))
            .expect("a host");
        pulse.execute((id, at)).expect("a pulse");
        let until = (now + LIFETIME).as_microsecond();
        certificate
            .execute((
                hex::encode(serial(host.number)),
                id,
                key.public_key_raw(),
                at,
                until,
            ))
            .expect("a certificate");
        total.execute([format!("hosts/{role}/fresh")]).expect("a total");
    }
    drop((host_row, pulse, certificate, total));
    tx.commit().expect("a commit");
}

/// A report as the collector's door hands it to the store.
pub(crate) fn incoming(host: &mut Host, company: &Company, sealer: &Sealer) -> Incoming {
    let id = host.id.clone();
    let body = host.seal(company).to_vec();
    let signature = sealer.seal(&body).expect("a signature");
    let (packed, body) =
        PackedBody::packed_by_host(compress_to_vec(body.as_slice(), CompressionLevel::Fastest))
            .expect("a body");
    host.confirmed();
    let report = serde_json::from_slice(&body).expect("a report");
    Incoming::new((id, 1), report, packed, signature, Timestamp::now())
}

fn first_reports(database: &Path, key: &KeyPair, company: &Company, mut hosts: Vec<Host>) -> Vec<Host> {
    let store = SqliteStore::open(database).expect("the store");
    let sealer = Sealer::from_pkcs8(key.serialized_der()).expect("the hosts' key");
    let (sender, batches) = sync_channel::<Vec<Incoming>>(4);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for batch in batches {
                store.keep(&batch).expect("reports can be kept");
            }
        });
        for some in hosts.chunks_mut(BATCH) {
            let batch = some
                .iter_mut()
                .map(|host| incoming(host, company, &sealer))
                .collect();
            sender.send(batch).expect("the store goes on");
        }
        drop(sender);
    });
    hosts
}

/// Makes the identities that hosts show, with certificates by the collector's own CA.
#[derive(Debug)]
pub(crate) struct Identities {
    issuer: Issuer<'static, KeyPair>,
    ca_pem: String,
    key: KeyPair,
    port: u16,
    several_addresses: bool,
    not_before: Timestamp,
}

impl Identities {
    pub(crate) fn new(collector: &Collector, several_addresses: bool) -> Self {
        let (ca_pem, ca_key) = collector.ca();
        let ca_key = KeyPair::from_pem(&ca_key).expect("the CA's key");
        Self {
            issuer: Issuer::from_ca_cert_pem(&ca_pem, ca_key).expect("the CA"),
            ca_pem,
            key: key(collector),
            port: collector.agent_port,
            several_addresses,
            not_before: Timestamp::now() - SignedDuration::from_mins(5),
        }
    }

    pub(crate) fn of(&self, host: &Host) -> Identity {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, host.id.as_str());
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(SerialNumber::from_slice(&serial(host.number)));
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        let since = |at: Timestamp| std::time::Duration::from_secs(at.as_second().unsigned_abs());
        params.not_before = epoch + since(self.not_before);
        params.not_after = epoch + since(self.not_before + LIFETIME);
        let certificate = params.signed_by(&self.key, &self.issuer).expect("a certificate");
        let last = if self.several_addresses {
            1 + host.number % LOOPBACKS
        } else {
            1
        };
        let reply = EnrollReply {
            host_id: host.id.clone(),
            incarnation: 1,
            role: Company::role(host.number),
            certificate_pem: certificate.pem(),
            ca_pem: self.ca_pem.clone(),
            agent_url: format!("https://127.0.0.{last}:{}", self.port),
            plan_key: "00".repeat(32),
        };
        Identity::from_reply(reply, &self.key).expect("an identity")
    }
}
