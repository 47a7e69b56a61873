//! Two network namespaces, sockets in one and connections from the other.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, SockaddrStorage, bind, connect, getsockopt, recv, send,
    setsockopt, socket, sockopt,
};
use nix::unistd::gettid;
use plumbline_config::plan::Transport;
use plumbline_facts::sockets::Listener;

use crate::cases::Case;

const TCP_PORTS: [u16; 5] = [22, 80, 443, 5432, 8080];
const UDP_PORTS: [u16; 3] = [53, 123, 5353];
/// Ports that some rulesets translate and nothing listens on.
const TRANSLATED: [(Transport, u16); 4] = [
    (Transport::Tcp, 9000),
    (Transport::Tcp, 9100),
    (Transport::Udp, 9053),
    (Transport::Tcp, 1),
];
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_millis(350);

/// One connection to try.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    pub(crate) from: IpAddr,
    pub(crate) from_port: Option<u16>,
    pub(crate) interface: &'static str,
    pub(crate) to: IpAddr,
    pub(crate) port: u16,
    pub(crate) transport: Transport,
}

/// Runs a program to its end; what it prints.
pub(crate) fn output(program: &str, args: &[&str]) -> String {
    let done = Command::new(program).args(args).output().unwrap();
    assert!(
        done.status.success(),
        "{program} {args:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8(done.stdout).unwrap()
}

/// Whether iptables-nft is installed.
pub(crate) fn has_iptables() -> bool {
    Command::new("iptables-nft-restore").arg("-V").output().is_ok()
}

/// Loads rules of nft(8), or of iptables-nft-restore(8), which start with `*`.
pub(crate) fn nft(rules: &str) {
    let (program, args): (_, &[_]) = match rules.starts_with('*') {
        true => ("iptables-nft-restore", &[]),
        false => ("nft", &["-f", "-"]),
    };
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(rules.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(
        done.status.success(),
        "{rules}\n{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// Whether a program is installed.
pub(crate) fn has(program: &str) -> bool {
    std::env::split_paths("/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin")
        .any(|directory| directory.join(program).exists())
}

/// Runs a script in this network namespace, and in a mount namespace of its own.
pub(crate) fn shell(script: &str) {
    output("unshare", &["-m", "bash", "-euc", script]);
}

/// Takes away whatever a case has loaded or set.
pub(crate) fn clean_up() {
    shell(
        "nft flush ruleset
         for program in iptables-legacy ip6tables-legacy; do
             six=${program#iptables-legacy}; names=/proc/thread-self/net/${six:+ip6_tables_names}
             [ -n \"$six\" ] || names=/proc/thread-self/net/ip_tables_names
             [ -e $names ] && command -v $program >/dev/null || continue
             for table in $(cat $names); do
                 $program -w -t $table -F; $program -w -t $table -X
                 for chain in INPUT OUTPUT FORWARD PREROUTING POSTROUTING; do
                     $program -w -t $table -P $chain ACCEPT 2>/dev/null || true
                 done
             done
         done
         # The kernel lets go of sets a little after the rules that named them.
         for attempt in $(seq 20); do
             if ! command -v ipset >/dev/null || ipset destroy 2>/dev/null; then break; fi
             sleep 0.05
         done
         for rule in 100 101; do ip rule del pref $rule 2>/dev/null || true; done
         ip route flush table 77 2>/dev/null || true
         echo 0 >/proc/sys/net/ipv4/conf/eth1/rp_filter
         echo 0 >/proc/sys/net/ipv4/conf/eth0/route_localnet
         echo 1 >/proc/sys/net/ipv4/ip_forward
         ip route del blackhole 198.51.100.7 2>/dev/null || true
         ip link set eth1 group 0",
    );
}

/// Moves this thread to a network namespace of its own and opens sockets there; `None` where that is not possible.
pub(crate) fn open_namespace() -> Option<Vec<Listener>> {
    let runs = |program: &str| Command::new(program).arg("-V").output().is_ok();
    if !runs("nft") || !runs("ip") || unshare(CloneFlags::CLONE_NEWNET).is_err() {
        return None;
    }
    output("ip", &["link", "set", "lo", "up"]);
    let mut listeners = Vec::new();
    for address in [
        IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    ] {
        for port in TCP_PORTS {
            serve_tcp(SocketAddr::new(address, port));
            listeners.push(listener(Transport::Tcp, address, port));
        }
        for port in UDP_PORTS {
            serve_udp(SocketAddr::new(address, port));
            listeners.push(listener(Transport::Udp, address, port));
        }
    }
    Some(listeners)
}

fn listener(transport: Transport, address: IpAddr, port: u16) -> Listener {
    Listener {
        transport,
        address,
        port,
        interface: None,
        v6_only: true,
        process: None,
    }
}

/// A socket bound to the address; an IPv6 one takes IPv6 alone.
fn bound(kind: SockType, at: SocketAddr) -> OwnedFd {
    let family = if at.is_ipv6() {
        AddressFamily::Inet6
    } else {
        AddressFamily::Inet
    };
    let socket = socket(family, kind, SockFlag::SOCK_CLOEXEC, None).unwrap();
    if at.is_ipv6() {
        setsockopt(&socket, sockopt::Ipv6V6Only, &true).unwrap();
    }
    setsockopt(&socket, sockopt::ReuseAddr, &true).unwrap();
    bind(socket.as_raw_fd(), &SockaddrStorage::from(at)).unwrap();
    socket
}

/// Sends every byte back.
fn serve_tcp(at: SocketAddr) {
    serve(bound(SockType::Stream, at));
}

fn serve(socket: OwnedFd) {
    nix::sys::socket::listen(&socket, nix::sys::socket::Backlog::new(128).unwrap()).unwrap();
    let listener = TcpListener::from(socket);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let (mut stream, mut byte) = (stream, [0]);
                if stream.read_exact(&mut byte).is_ok() {
                    let _ = stream.write_all(&byte);
                }
            });
        }
    });
}

fn serve_udp(at: SocketAddr) {
    let socket = UdpSocket::from(bound(SockType::Datagram, at));
    thread::spawn(move || {
        let mut bytes = [0; 64];
        while let Ok((length, from)) = socket.recv_from(&mut bytes) {
            let _ = socket.send_to(&bytes[..length], from);
        }
    });
}

/// A namespace behind this one, as a container has it: 172.17.0.2 on the bridge br0, with sockets.
pub(crate) struct Container(std::process::Child);

impl Container {
    pub(crate) fn start() -> Self {
        let child = Command::new("unshare")
            .args(["-n", "sleep", "600"])
            .spawn()
            .unwrap();
        let own = std::fs::read_link("/proc/thread-self/ns/net").unwrap();
        let theirs = format!("/proc/{}/ns/net", child.id());
        while std::fs::read_link(&theirs).is_ok_and(|theirs| theirs == own) {
            thread::sleep(Duration::from_millis(2));
        }
        shell(&format!(
            "ip link add br0 type bridge
             ip address add 172.17.0.1/16 dev br0
             ip link set br0 up
             ip link add veth0 type veth peer name eth0 netns {id}
             ip link set veth0 master br0 up
             nsenter -t {id} -n ip address add 172.17.0.2/16 dev eth0
             nsenter -t {id} -n ip link set eth0 up
             nsenter -t {id} -n ip link set lo up
             nsenter -t {id} -n ip route add default via 172.17.0.1
             echo 1 >/proc/sys/net/ipv4/ip_forward",
            id = child.id()
        ));
        let (done, wait) = channel();
        thread::spawn(move || {
            let namespace = std::fs::File::open(theirs).unwrap();
            nix::sched::setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
            let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
            serve_tcp(SocketAddr::new(any, 80));
            serve_udp(SocketAddr::new(any, 53));
            done.send(()).unwrap();
        });
        wait.recv().unwrap();
        Self(child)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Opens the sockets that are not on every address: on one address, on one device, on the loopback one, in a group.
pub(crate) fn open_more() {
    serve_tcp("10.9.0.9:7001".parse().unwrap());
    serve_tcp("127.0.0.1:7003".parse().unwrap());
    let device = bound(SockType::Stream, "0.0.0.0:7002".parse().unwrap());
    setsockopt(&device, sockopt::BindToDevice, &"eth1".into()).unwrap();
    serve(device);
    let group = UdpSocket::bind("0.0.0.0:0").unwrap();
    group
        .join_multicast_v4(&Ipv4Addr::new(224, 0, 0, 251), &Ipv4Addr::new(10, 9, 0, 1))
        .unwrap();
    // A member for as long as the test runs.
    std::mem::forget(group);
}

/// A thread in a namespace of its own, from which connections are tried.
pub(crate) struct Client {
    ask: Sender<(Vec<Probe>, u32)>,
    told: Receiver<Vec<bool>>,
}

impl Client {
    /// Joins its namespace to this thread's by eth0 (10.9.0.0/24) and eth1 (10.9.1.0/24), and to itself 192.0.2.66,
    /// 198.51.100.7 and 2001:db8:66::66, which this side reaches through eth0.
    pub(crate) fn start() -> Self {
        let (ask, asked) = channel::<(Vec<Probe>, u32)>();
        let (tell, told) = channel();
        let (started, start) = channel();
        let (joined, join) = channel::<()>();
        thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            started.send(gettid().as_raw()).unwrap();
            join.recv().unwrap();
            for (link, four, six) in [
                ("far0", "10.9.0.2/24", "2001:db8:9::2/64"),
                ("far1", "10.9.1.2/24", "2001:db8:91::2/64"),
            ] {
                set_up(link, four, six);
            }
            for address in ["192.0.2.66/32", "198.51.100.7/32"] {
                output("ip", &["address", "add", address, "dev", "far0"]);
            }
            // Duplicate address detection would keep it from being used at once.
            output(
                "ip",
                &["address", "add", "2001:db8:66::66/128", "dev", "far0", "nodad"],
            );
            output("ip", &["link", "set", "lo", "up"]);
            output("ip", &["route", "add", "224.0.0.0/4", "dev", "far0"]);
            output(
                "ip",
                &["route", "add", "172.17.0.0/16", "via", "10.9.0.1", "dev", "far0"],
            );
            tell.send(Vec::new()).unwrap();
            while let Ok((probes, patience)) = asked.recv() {
                tell.send(attempt(&probes, PATIENCE * patience)).unwrap();
            }
        });
        let client = start.recv().unwrap().to_string();
        for (near, far) in [("eth0", "far0"), ("eth1", "far1")] {
            output(
                "ip",
                &[
                    "link", "add", near, "type", "veth", "peer", "name", far, "netns", &client,
                ],
            );
        }
        set_up("eth0", "10.9.0.1/24", "2001:db8:9::1/64");
        set_up("eth1", "10.9.1.1/24", "2001:db8:91::1/64");
        output("ip", &["address", "add", "10.9.0.9/24", "dev", "eth0"]);
        joined.send(()).unwrap();
        told.recv().unwrap();
        for (route, via) in [("default", "10.9.0.2"), ("2001:db8:66::/48", "2001:db8:9::2")] {
            output("ip", &["route", "add", route, "via", via, "dev", "eth0"]);
        }
        Self { ask, told }
    }

    /// Tries every connection at once; whether each was answered.
    pub(crate) fn try_all(&self, probes: &[Probe], patience: u32) -> Vec<bool> {
        self.ask.send((probes.to_vec(), patience)).unwrap();
        self.told.recv().unwrap()
    }
}

fn set_up(link: &str, four: &str, six: &str) {
    output("ip", &["address", "add", four, "dev", link]);
    output("ip", &["address", "add", six, "dev", link, "nodad"]);
    output("ip", &["link", "set", link, "up"]);
}

/// The connections that are tried on a ruleset.
pub(crate) fn probes(case: &Case) -> Vec<Probe> {
    let sources = [
        ("10.9.0.2", "eth0", "10.9.0.1"),
        ("192.0.2.66", "eth0", "10.9.0.1"),
        ("198.51.100.7", "eth0", "10.9.0.1"),
        ("10.9.1.2", "eth1", "10.9.1.1"),
        ("2001:db8:9::2", "eth0", "2001:db8:9::1"),
        ("2001:db8:66::66", "eth0", "2001:db8:9::1"),
    ];
    let tcp = TCP_PORTS.map(|port| (Transport::Tcp, port));
    let udp = UDP_PORTS.map(|port| (Transport::Udp, port));
    let mut found = Vec::new();
    for (from, interface, to) in sources {
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        for (transport, port) in tcp.into_iter().chain(udp).chain(TRANSLATED) {
            let ports: &[_] = if case.name == "source port" {
                &[None, Some(53)]
            } else {
                &[None]
            };
            found.extend(ports.iter().map(|from_port| Probe {
                from,
                from_port: *from_port,
                interface,
                to,
                port,
                transport,
            }));
        }
    }
    if case.everywhere {
        for (from, interface, to, transport, port) in [
            ("10.9.0.2", "eth0", "10.9.0.9", Transport::Tcp, 7001),
            ("10.9.0.2", "eth0", "10.9.0.1", Transport::Tcp, 7001),
            ("10.9.1.2", "eth1", "10.9.1.1", Transport::Tcp, 7002),
            ("10.9.0.2", "eth0", "10.9.0.1", Transport::Tcp, 7002),
            ("10.9.0.2", "eth0", "10.9.0.1", Transport::Tcp, 7003),
            ("10.9.0.2", "eth0", "10.9.0.9", Transport::Tcp, 22),
            ("10.9.0.2", "eth0", "224.0.0.251", Transport::Udp, 5353),
            ("10.9.0.2", "eth0", "224.0.0.251", Transport::Udp, 123),
            ("10.9.0.2", "eth0", "224.0.0.252", Transport::Udp, 5353),
            ("10.9.0.2", "eth0", "10.9.0.255", Transport::Udp, 5353),
            ("10.9.0.2", "eth0", "172.17.0.2", Transport::Tcp, 80),
            ("192.0.2.66", "eth0", "172.17.0.2", Transport::Tcp, 80),
            ("10.9.0.2", "eth0", "172.17.0.2", Transport::Tcp, 81),
            ("10.9.0.2", "eth0", "10.9.0.1", Transport::Tcp, 8081),
            ("192.0.2.66", "eth0", "10.9.0.1", Transport::Tcp, 8081),
            ("10.9.1.2", "eth1", "10.9.1.1", Transport::Tcp, 8081),
            ("10.9.0.2", "eth0", "10.9.0.1", Transport::Tcp, 8082),
            ("10.9.0.2", "eth0", "10.9.0.1", Transport::Udp, 8053),
        ] {
            found.push(Probe {
                from: from.parse().unwrap(),
                from_port: None,
                interface,
                to: to.parse().unwrap(),
                port,
                transport,
            });
        }
    }
    found
}

/// A connection under way.
struct Attempt {
    socket: OwnedFd,
    sent: bool,
}

fn attempt(probes: &[Probe], patience: Duration) -> Vec<bool> {
    let mut attempts: Vec<_> = probes.iter().map(|probe| Some(open(probe))).collect();
    let mut answered = vec![false; probes.len()];
    let end = Instant::now() + patience;
    while Instant::now() < end && attempts.iter().any(Option::is_some) {
        for (place, slot) in attempts.iter_mut().enumerate() {
            let Some(attempt) = slot else { continue };
            match attempt.advance() {
                Ok(true) => {
                    answered[place] = true;
                    *slot = None;
                }
                Ok(false) => {}
                Err(_) => *slot = None,
            }
        }
        thread::sleep(Duration::from_millis(2));
    }
    answered
}

fn open(probe: &Probe) -> Attempt {
    let kind = match probe.transport {
        Transport::Tcp => SockType::Stream,
        Transport::Udp => SockType::Datagram,
    };
    let from = SocketAddr::new(probe.from, probe.from_port.unwrap_or(0));
    let socket = bound(kind, from);
    nix::fcntl::fcntl(
        &socket,
        nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK),
    )
    .unwrap();
    let to = SocketAddr::new(probe.to, probe.port);
    // The answer to a datagram for many comes from another address.
    let many = probe.to.is_multicast() || probe.to.to_string().ends_with(".255");
    if many {
        setsockopt(&socket, sockopt::Broadcast, &true).unwrap();
        let socket = UdpSocket::from(socket);
        let _ = socket.send_to(b"?", to);
        return Attempt {
            socket: socket.into(),
            sent: true,
        };
    }
    let _ = connect(socket.as_raw_fd(), &SockaddrStorage::from(to));
    Attempt { socket, sent: false }
}

impl Attempt {
    /// Sends a byte once it can and looks for it to come back. An error: refused.
    fn advance(&mut self) -> Result<bool, Errno> {
        let mut ready = [PollFd::new(
            self.socket.as_fd(),
            PollFlags::POLLIN | PollFlags::POLLOUT,
        )];
        poll(&mut ready, PollTimeout::ZERO)?;
        let events = ready[0].revents().unwrap_or(PollFlags::empty());
        let error = getsockopt(&self.socket, sockopt::SocketError)?;
        if error != 0 {
            return Err(Errno::from_raw(error));
        }
        if !self.sent && events.contains(PollFlags::POLLOUT) {
            send(self.socket.as_raw_fd(), b"?", MsgFlags::empty())?;
            self.sent = true;
        }
        if self.sent && events.contains(PollFlags::POLLIN) {
            return Ok(recv(self.socket.as_raw_fd(), &mut [0], MsgFlags::empty())? == 1);
        }
        Ok(false)
    }
}
