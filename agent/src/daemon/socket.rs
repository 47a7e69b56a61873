//! The local socket that `status` and `drill` ask: whoever connects says what it wants in one line, or nothing for the
//! status, and gets one JSON document. Only the user that the agent runs as (and root) can.

use std::fs::Permissions;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

use super::board::Status;
use super::drill::{self, DrillReply};
use super::{DaemonError, Shared};

/// Who does not read the answer in this time does not get it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// How long `status` waits for the daemon.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);
/// What is said to begin a drill of failed logins.
const DRILL: &[u8] = b"drill logins\n";
/// Longest of what may be said.
const LONGEST_WISH: u64 = 64;
/// Largest answer that `status` takes, in bytes.
const LARGEST_ANSWER: u64 = 4 * 1024 * 1024;

/// Why the daemon could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Nobody listens.
    #[error("no agent listens on {}; start it with `systemctl start plumbline-agent` or `plumbline-agent run`", .0.display())]
    NotRunning(PathBuf),
    /// Somebody else's.
    #[error("the socket {} may not be used by this user; ask as root or as the agent's own user", .0.display())]
    Denied(PathBuf),
    /// The answer did not come, or made no sense.
    #[error("the agent on {} gave no answer: {why}", socket.display())]
    NoAnswer {
        /// The socket.
        socket: PathBuf,
        /// Why.
        why: String,
    },
}

/// Asks the daemon that listens on `socket` for its state.
pub fn ask(socket: &Path) -> Result<Status, SocketError> {
    request(socket, b"")
}

/// Asks the daemon that listens on `socket` to begin a drill of failed logins.
pub fn ask_for_drill(socket: &Path) -> Result<DrillReply, SocketError> {
    request(socket, DRILL)
}

fn request<T: DeserializeOwned>(socket: &Path, wish: &[u8]) -> Result<T, SocketError> {
    let no_answer = |why: String| SocketError::NoAnswer {
        socket: socket.to_owned(),
        why,
    };
    let stream = BlockingStream::connect(socket).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => SocketError::NotRunning(socket.to_owned()),
        ErrorKind::PermissionDenied => SocketError::Denied(socket.to_owned()),
        _ => no_answer(error.to_string()),
    })?;
    stream
        .set_read_timeout(Some(ASK_TIMEOUT))
        .map_err(|error| no_answer(error.to_string()))?;
    let mut said = &stream;
    io::Write::write_all(&mut said, wish)
        .and_then(|()| stream.shutdown(Shutdown::Write))
        .map_err(|error| no_answer(error.to_string()))?;
    let bounded = io::Read::take(stream, LARGEST_ANSWER);
    serde_json::from_reader(bounded).map_err(|error| no_answer(error.to_string()))
}

/// The daemon's end.
#[derive(Debug)]
pub(super) struct StatusSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl StatusSocket {
    /// Listens at `path`, in place of a socket that a daemon that was killed left there.
    pub(super) fn bind(path: &Path) -> Result<Self, DaemonError> {
        let failed = |error| DaemonError::system(format!("listen on {}", path.display()))(error);
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory).map_err(failed)?;
        }
        match BlockingStream::connect(path) {
            Ok(_) => return Err(failed(ErrorKind::AddrInUse.into())),
            // Only what is a socket without a listener is removed.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                std::fs::remove_file(path).map_err(failed)?;
            }
            Err(_) => {}
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        // The umask of the program made it private already; this holds under any other.
        std::fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(Self {
            listener,
            path: path.to_owned(),
        })
    }

    /// Answers one after the other, without end.
    pub(super) async fn serve(&self, shared: &Shared) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    // Who went away in the meantime needs no answer.
                    let _gone = timeout(ANSWER_TIMEOUT, answer(stream, shared)).await;
                }
                Err(error) => {
                    tracing::warn!("status socket: {error}");
                    tokio::time::sleep(ANSWER_TIMEOUT).await;
                }
            }
        }
    }
}

impl Drop for StatusSocket {
    fn drop(&mut self) {
        // What is left behind is replaced at the next start.
        let _left = std::fs::remove_file(&self.path);
    }
}

async fn answer(mut stream: UnixStream, shared: &Shared) -> io::Result<()> {
    let mut wish = Vec::new();
    (&mut stream).take(LONGEST_WISH).read_to_end(&mut wish).await?;
    let answer = if wish == DRILL {
        serde_json::to_vec(&drill::begin(shared, Timestamp::now()))
    } else {
        serde_json::to_vec(&shared.board.read())
    };
    stream.write_all(&answer.unwrap_or_default()).await?;
    stream.shutdown().await
}
