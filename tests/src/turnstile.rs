//! One address before several servers: each connection goes to the next of them, and is cut after a while, wherever it
//! is.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// The longest that a connection lives; the shortest is a quarter of it.
const LIFE: Duration = Duration::from_millis(4_000);

/// A listener before servers. Its threads end with the process.
pub struct Turnstile {
    /// Connections that each server got.
    taken: Arc<Vec<AtomicUsize>>,
}

impl Turnstile {
    pub fn before(servers: &[SocketAddr], listener: TcpListener) -> Self {
        let taken: Arc<Vec<AtomicUsize>> = Arc::new(servers.iter().map(|_| AtomicUsize::new(0)).collect());
        let (counted, servers) = (Arc::clone(&taken), servers.to_vec());
        thread::spawn(move || {
            for (number, client) in listener.incoming().flatten().enumerate() {
                // Where one is away the next is tried, as whoever stands before servers does.
                let there = (number..number + servers.len()).find_map(|number| {
                    let place = number % servers.len();
                    Some((place, TcpStream::connect(servers[place]).ok()?))
                });
                let Some((place, server)) = there else {
                    continue;
                };
                counted[place].fetch_add(1, Ordering::Relaxed);
                join(
                    &client,
                    &server,
                    LIFE * u32::try_from(4 + number * 7 % 13).unwrap() / 16,
                );
            }
        });
        Self { taken }
    }

    /// Connections that each server got.
    pub fn taken(&self) -> Vec<usize> {
        self.taken
            .iter()
            .map(|taken| taken.load(Ordering::Relaxed))
            .collect()
    }
}

/// Carries bytes both ways until one side is done or the time is over.
fn join(client: &TcpStream, server: &TcpStream, life: Duration) {
    for (from, to) in [(client, server), (server, client)] {
        let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        thread::spawn(move || {
            let mut bytes = [0; 16 * 1024];
            while let Ok(count @ 1..) = from.read(&mut bytes) {
                if to.write_all(&bytes[..count]).is_err() {
                    break;
                }
            }
            let _closed = to.shutdown(Shutdown::Both);
        });
    }
    let (client, server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || {
        thread::sleep(life);
        let _closed = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
    });
}
