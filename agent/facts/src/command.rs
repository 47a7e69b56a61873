//! Running a program of the host, for the few things that only it is an authority on.
//!
//! By absolute path, without a shell, with an empty environment but for `LC_ALL=C` and no input, within a time and an
//! amount of output; what it wrote is handed over in pieces.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::AsFd;

/// Most of standard error kept, in bytes: enough for the sentence that says what went wrong.
const MOST_COMPLAINT: usize = 4 * 1024;

/// Bytes read at once.
const PIECE: usize = 64 * 1024;

/// What a program may use up.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// It is killed when it takes longer.
    pub time: Duration,
    /// It is killed when it writes more than these bytes to standard output.
    pub output: u64,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By itself, and well.
    Success,
    /// Killed, since there was more output than it may write.
    OutputCut,
}

/// Why a program gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It is not installed.
    #[error("{} is not installed", .0.display())]
    NotFound(PathBuf),
    /// It could not be started or read from.
    #[error("{}: {source}", program.display())]
    Io {
        /// The program.
        program: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// It took too long and was killed.
    #[error("{} took longer than {seconds} s", program.display())]
    TimedOut {
        /// The program.
        program: PathBuf,
        /// The limit.
        seconds: u64,
    },
    /// It ended with a failure.
    #[error("{} ended with {status}: {complaint}", program.display())]
    Failed {
        /// The program.
        program: PathBuf,
        /// How it ended.
        status: ExitStatus,
        /// The first line of what it wrote to standard error.
        complaint: String,
    },
}

/// Runs `program` with `arguments`, and hands what it writes to `take` piece by piece.
pub fn run(
    program: &Path,
    arguments: &[String],
    limits: Limits,
    take: &mut dyn FnMut(&[u8]),
) -> Result<Ending, CommandError> {
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => CommandError::NotFound(program.to_owned()),
        _ => CommandError::Io {
            program: program.to_owned(),
            source,
        },
    };
    if !program.is_absolute() {
        return Err(CommandError::NotFound(program.to_owned()));
    }
    // The one place that may: see clippy.toml.
    #[expect(clippy::disallowed_methods)]
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let read = match (child.stdout.take(), child.stderr.take()) {
        (Some(output), Some(complaint)) => {
            let pipes = (OwnedFd::from(output), OwnedFd::from(complaint));
            read_both(pipes, limits, take)
        }
        _ => Err(std::io::Error::other("no pipe")),
    };
    let read = match read {
        Ok(read) => read,
        Err(source) => {
            kill(&mut child);
            return Err(failed(source));
        }
    };
    match read.end {
        End::OutputCut => {
            kill(&mut child);
            Ok(Ending::OutputCut)
        }
        End::TimedOut => {
            kill(&mut child);
            Err(CommandError::TimedOut {
                program: program.to_owned(),
                seconds: limits.time.as_secs(),
            })
        }
        End::Closed => {
            let status = child.wait().map_err(failed)?;
            if status.success() {
                return Ok(Ending::Success);
            }
            let complaint = String::from_utf8_lossy(&read.complaint).into_owned();
            Err(CommandError::Failed {
                program: program.to_owned(),
                status,
                complaint: complaint.lines().next().unwrap_or_default().to_owned(),
            })
        }
    }
}

fn kill(child: &mut Child) {
    // Either fails only where the child has ended already, which is what is wanted.
    let _ended = child.kill();
    let _reaped = child.wait();
}

enum End {
    Closed,
    OutputCut,
    TimedOut,
}

struct Reading {
    end: End,
    complaint: Vec<u8>,
}

/// Reads both pipes until both are closed, so that neither can block the program.
fn read_both(
    (output, complaint): (OwnedFd, OwnedFd),
    limits: Limits,
    take: &mut dyn FnMut(&[u8]),
) -> std::io::Result<Reading> {
    let deadline = Instant::now() + limits.time;
    let (mut output, mut errors) = (Some(File::from(output)), Some(File::from(complaint)));
    let mut reading = Reading {
        end: End::Closed,
        complaint: Vec::new(),
    };
    let mut piece = vec![0; PIECE];
    let mut taken: u64 = 0;
    while output.is_some() || errors.is_some() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            reading.end = End::TimedOut;
            return Ok(reading);
        }
        let (output_ready, errors_ready) = wait(output.as_ref(), errors.as_ref(), left)?;
        if output_ready && let Some(file) = &mut output {
            let length = file.read(&mut piece)?;
            if length == 0 {
                output = None;
            }
            let room = usize::try_from(limits.output - taken).unwrap_or(usize::MAX);
            take(piece.get(..length.min(room)).unwrap_or_default());
            taken = taken.saturating_add(length as u64);
            if taken > limits.output {
                reading.end = End::OutputCut;
                return Ok(reading);
            }
        }
        if errors_ready && let Some(file) = &mut errors {
            let length = file.read(&mut piece)?;
            if length == 0 {
                errors = None;
            }
            let room = MOST_COMPLAINT - reading.complaint.len();
            let kept = piece.get(..length.min(room)).unwrap_or_default();
            reading.complaint.extend_from_slice(kept);
        }
    }
    Ok(reading)
}

/// Waits until one of the pipes has something, or is closed; which of the two.
fn wait(output: Option<&File>, errors: Option<&File>, left: Duration) -> std::io::Result<(bool, bool)> {
    let mut pipes = Vec::with_capacity(2);
    for file in [output, errors].into_iter().flatten() {
        pipes.push(PollFd::new(file.as_fd(), PollFlags::POLLIN));
    }
    let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
    match poll(&mut pipes, left) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(errno) => return Err(errno.into()),
    }
    let mut ready = pipes.iter().map(|pipe| pipe.any().unwrap_or_default());
    let output_ready = output.is_some() && ready.next().unwrap_or_default();
    let errors_ready = errors.is_some() && ready.next().unwrap_or_default();
    Ok((output_ready, errors_ready))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limits: Limits) -> (Result<Ending, CommandError>, Vec<u8>) {
        let mut output = Vec::new();
        let arguments = ["-c".to_owned(), script.to_owned()];
        let ending = run(Path::new("/bin/sh"), &arguments, limits, &mut |piece| {
            output.extend_from_slice(piece);
        });
        (ending, output)
    }

    const WIDE: Limits = Limits {
        time: Duration::from_secs(60),
        output: 1 << 20,
    };

    #[test]
    fn what_a_program_writes_is_handed_over() {
        let (ending, output) = shell("echo one; echo two >&2; echo $LC_ALL$HOME", WIDE);
        assert_eq!(ending.unwrap(), Ending::Success);
        assert_eq!(output, b"one\nC\n");
    }

    #[test]
    fn a_failure_says_what_the_program_said() {
        let (ending, _) = shell("echo no such thing >&2; exit 3", WIDE);
        assert!(ending.unwrap_err().to_string().contains("no such thing"));
        let missing = run(Path::new("/nowhere/x"), &[], WIDE, &mut |_| ());
        assert!(matches!(missing, Err(CommandError::NotFound(_))));
        let relative = run(Path::new("sh"), &[], WIDE, &mut |_| ());
        assert!(matches!(relative, Err(CommandError::NotFound(_))));
    }

    #[test]
    fn output_and_time_are_bounded() {
        let limits = Limits { output: 1000, ..WIDE };
        let (ending, output) = shell("while :; do echo yyyyyyyyyyyyyyyy; done", limits);
        assert_eq!((ending.unwrap(), output.len()), (Ending::OutputCut, 1000));
        let limits = Limits {
            time: Duration::from_millis(50),
            ..WIDE
        };
        let (ending, _) = shell("exec sleep 600", limits);
        assert!(matches!(ending, Err(CommandError::TimedOut { .. })));
    }
}
