//! The probe over the listening sockets of the running host.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use plumbline_config::plan::Transport;

use super::listening::listening;
use super::survey::{Depth, Options, Target, survey};
use super::{CertificateFile, TlsListeners, Trust, read_file};
use crate::ask::Ask;
use crate::facts::Facts;
use crate::host::Host;
use crate::known::Known;
use crate::probe::{Probe, ProbeId};
use crate::sockets::Listener;

/// Largest file of certificates taken, in bytes.
const LARGEST_FILE: u64 = 16 * 1024 * 1024;
/// Where distributions keep the authorities that the host trusts.
pub const HOST_ANCHORS: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// Speaks to every listening TCP socket, and over UDP to those that may speak DTLS or QUIC.
pub struct TlsProbe;

impl Probe for TlsProbe {
    type Fact = TlsListeners;
    const ID: ProbeId = ProbeId::Tls;

    fn gather(host: &Host, ask: &Ask, facts: &mut Facts) -> Known<TlsListeners> {
        if !host.is_live() {
            return Known::failed("TLS", "TLS can only be tried on the running host");
        }
        let sockets = match facts.sockets.value() {
            Ok(sockets) => sockets,
            Err(unknown) => return unknown.into(),
        };
        let trust = trust(host, ask);
        let options = Options {
            depth: Depth::Full,
            alternate_name: facts.os.value().ok().map(|os| os.host_name.clone()),
            trust: trust.clone(),
            ..Options::default()
        };
        let (listeners, unseen) = listening(host, &sockets.listeners, &options, &|| {});
        let named = survey(&named(ask), &options, |_| {});
        // Declared authorities are certificates too, and one that can't be read is to be said.
        let files = ask.certificate_paths.iter().chain(&ask.authority_paths);
        let certificate_files = files.map(|path| certificate_file(host, path, &trust)).collect();
        Known::Value(TlsListeners {
            listeners,
            unseen,
            named,
            certificate_files,
        })
    }

    fn slot(facts: &mut Facts) -> &mut Known<TlsListeners> {
        &mut facts.tls
    }
}

/// The authorities that certificates are held against; where none can be read, no chain leads to one. What expires soon is
/// for the plan to say.
fn trust(host: &Host, ask: &Ask) -> Trust {
    let read = |path: &Path| host.read(path, LARGEST_FILE).ok();
    let anchors = if ask.authority_paths.is_empty() {
        let bundle = HOST_ANCHORS.iter().find_map(|path| read(Path::new(path)));
        bundle.map(|pem| Trust::anchors_of_pem(&pem)).unwrap_or_default()
    } else {
        let files = ask.authority_paths.iter().filter_map(|path| read(path));
        files.flat_map(|pem| Trust::anchors_of_pem(&pem)).collect()
    };
    let declared = ask.certificate_paths.iter().filter_map(|path| read(path));
    Trust {
        anchors: Some(anchors),
        known: declared.flat_map(|pem| Trust::anchors_of_pem(&pem)).collect(),
        now: ask.now,
        notice: Duration::ZERO,
    }
}

fn certificate_file(host: &Host, path: &Path, trust: &Trust) -> CertificateFile {
    let read = host.read(path, LARGEST_FILE).map_err(|error| error.to_string());
    let certificates = read.and_then(|bytes| {
        let read = read_file(&bytes, trust);
        if read.is_empty() {
            Err("it holds no certificate in PEM or DER form".to_owned())
        } else {
            Ok(read)
        }
    });
    CertificateFile {
        path: path.display().to_string(),
        certificates,
    }
}

/// Endpoints of other hosts that the plan names.
fn named(ask: &Ask) -> Vec<Target> {
    let target = |endpoint: &String| {
        let (host, port) = endpoint.rsplit_once(':').unwrap_or((endpoint, ""));
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = port.parse().unwrap_or_default();
        let name = host.parse::<IpAddr>().is_err().then(|| host.to_owned());
        // What leads nowhere is an endpoint that can't be reached, and so said to be one.
        let addresses = (port != 0).then(|| (host, port).to_socket_addrs());
        Target {
            endpoint: endpoint.clone(),
            addresses: addresses
                .and_then(Result::ok)
                .map(Iterator::collect)
                .unwrap_or_default(),
            port,
            name: name.clone(),
            expected_name: name,
            ..Target::default()
        }
    };
    ask.endpoints.iter().map(target).collect()
}

/// UDP services that are known to speak something else, and would only wonder: DNS, DHCP, TFTP, portmap, NTP, NetBIOS,
/// SNMP, syslog, RIP, SSDP, NFS, mDNS, LLMNR.
const OTHER_UDP: [u16; 18] = [
    53, 67, 68, 69, 111, 123, 137, 138, 161, 162, 500, 514, 520, 1900, 2049, 4500, 5353, 5355,
];
/// From here on ports are those that clients send from (`ip_local_port_range`, ip(7)).
const FIRST_CLIENT_PORT: u16 = 32_768;

/// Whether DTLS or QUIC may be spoken on a UDP socket.
pub(super) fn may_encrypt_datagrams(listener: &Listener) -> bool {
    listener.transport == Transport::Udp
        && listener.port < FIRST_CLIENT_PORT
        && !OTHER_UDP.contains(&listener.port)
}

/// What to speak to of a socket of the namespace that this thread is in.
pub(super) fn target(listener: &Listener) -> Target {
    Target {
        endpoint: SocketAddr::new(listener.address, listener.port).to_string(),
        addresses: addresses(listener),
        port: listener.port,
        datagrams: listener.transport == Transport::Udp,
        process: listener
            .process
            .as_ref()
            .map(|process| process.name.clone())
            .unwrap_or_default(),
        ..Target::default()
    }
}

/// Where a socket can be reached from its own namespace: where it is bound, or over loopback where it is bound to any
/// address.
fn addresses(listener: &Listener) -> Vec<SocketAddr> {
    let at = |address: IpAddr| SocketAddr::new(address, listener.port);
    match listener.address {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => vec![at(Ipv4Addr::LOCALHOST.into())],
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) if listener.v6_only => vec![at(Ipv6Addr::LOCALHOST.into())],
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => {
            vec![at(Ipv6Addr::LOCALHOST.into()), at(Ipv4Addr::LOCALHOST.into())]
        }
        // A link-local address means nothing without its interface.
        IpAddr::V6(address) if address.is_unicast_link_local() => {
            let scope = listener.interface.as_deref().and_then(interface_index);
            vec![SocketAddrV6::new(address, listener.port, 0, scope.unwrap_or_default()).into()]
        }
        address => vec![at(address)],
    }
}

/// Asked of the kernel, since `/sys` is of one namespace alone.
fn interface_index(name: &str) -> Option<u32> {
    let index = nix::net::if_::if_nametoindex(name).ok();
    index.or_else(|| name.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sockets::Sockets;

    fn listener(address: &str, v6_only: bool) -> Listener {
        Listener {
            transport: Transport::Tcp,
            address: address.parse().unwrap(),
            port: 443,
            interface: None,
            v6_only,
            process: None,
        }
    }

    #[test]
    fn any_address_is_reached_over_loopback_of_its_family() {
        let tried = |address, v6_only| -> Vec<String> {
            addresses(&listener(address, v6_only))
                .iter()
                .map(ToString::to_string)
                .collect()
        };
        assert_eq!(tried("0.0.0.0", false), ["127.0.0.1:443"]);
        assert_eq!(tried("::", true), ["[::1]:443"]);
        assert_eq!(tried("::", false), ["[::1]:443", "127.0.0.1:443"]);
        assert_eq!(tried("192.0.2.7", false), ["192.0.2.7:443"]);
    }

    #[test]
    fn a_directory_has_no_listener_to_speak_to() {
        let host = Host::at(tempfile::tempdir().unwrap().path()).unwrap();
        let mut facts = Facts {
            sockets: Known::Value(Sockets::default()),
            ..Facts::default()
        };
        assert!(matches!(
            TlsProbe::gather(&host, &Ask::default(), &mut facts),
            Known::Failed { .. }
        ));
    }
}
