//! The local socket that `status` asks: whoever connects gets one JSON document. Only the user that the agent runs as
//! (and root) can.

use std::fs::Permissions;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

use super::DaemonError;
use super::board::{Board, Status};

/// Who does not read the answer in this time does not get it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// How long `status` waits for the daemon.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);
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
    pub(super) async fn serve(&self, board: &Board) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let answer = serde_json::to_vec(&board.read()).unwrap_or_default();
                    // Who went away in the meantime needs no answer.
                    let _gone = timeout(ANSWER_TIMEOUT, give(stream, &answer)).await;
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

async fn give(mut stream: UnixStream, answer: &[u8]) -> io::Result<()> {
    stream.write_all(answer).await?;
    stream.shutdown().await
}
