//! Asking for a password: on the terminal, without showing it, or from standard input; never as an argument, which every
//! process on the machine may read.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, IsTerminal, Write};

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use plumbline_config::message::Message;
use plumbline_console::{Failure, Output};
use zeroize::Zeroizing;

/// Longest line read, in bytes: longer than the longest password.
const LONGEST_LINE: u64 = 4 * 1024;

/// A new password for `user`: asked for twice on a terminal, the first line of standard input otherwise.
pub(crate) fn ask(user: &str, output: &Output) -> Result<Zeroizing<String>, Failure> {
    if !io::stdin().is_terminal() {
        return line(io::stdin().lock()).map_err(|error| failed(&error));
    }
    let prompt = |message: Message| hidden(&message.render_in(output.lang)).map_err(|error| failed(&error));
    let first = prompt(Message::new("people-prompt-password").arg("user", user))?;
    let second = prompt(Message::new("people-prompt-again"))?;
    if first != second {
        return Err(Failure::new("the two passwords are not the same; try again"));
    }
    Ok(first)
}

fn failed(error: &io::Error) -> Failure {
    Failure::new(format!(
        "cannot read a password: {error}; type it at a terminal or send it on standard input"
    ))
}

/// Reads a line from the terminal, which shows none of it meanwhile.
fn hidden(prompt: &str) -> io::Result<Zeroizing<String>> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    terminal.write_all(prompt.as_bytes())?;
    let silence = Silence::on(terminal.try_clone()?)?;
    let answer = line(BufReader::new(&terminal));
    drop(silence);
    terminal.write_all(b"\n")?;
    answer
}

/// A terminal that does not show what is typed, until this is dropped.
struct Silence {
    terminal: File,
    before: Termios,
}

impl Silence {
    fn on(terminal: File) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(&terminal, SetArg::TCSAFLUSH, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing restored.
        let _gone = tcsetattr(&self.terminal, SetArg::TCSAFLUSH, &self.before);
    }
}

fn line(input: impl BufRead) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    input.take(LONGEST_LINE).read_line(&mut text)?;
    let length = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(length);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_the_first_line_and_keeps_its_spaces() {
        assert_eq!(line(&b" a b \r\nmore\n"[..]).unwrap().as_str(), " a b ");
        assert_eq!(line(&b""[..]).unwrap().as_str(), "");
        assert!(line(&[b'x'; 10_000][..]).unwrap().len() <= 4 * 1024);
        assert!(line(&b"\xff\n"[..]).is_err());
    }
}
