//! What waits, in a file without a name, until all of a document is known.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};

/// Text that is written once and read once, with a place in it where more may be put.
#[derive(Debug)]
pub(crate) struct Spool {
    file: BufWriter<File>,
    written: u64,
    /// Where something goes between.
    gap: u64,
}

impl Spool {
    /// Fails where no file can be made in the directory for temporary files.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            file: BufWriter::new(tempfile::tempfile()?),
            written: 0,
            gap: 0,
        })
    }

    pub(crate) fn put(&mut self, text: &str) -> io::Result<()> {
        self.file.write_all(text.as_bytes())?;
        self.written += text.len() as u64;
        Ok(())
    }

    /// What is put between goes here.
    pub(crate) fn leave_gap(&mut self) {
        self.gap = self.written;
    }

    /// Gives back all that was put, and `between` in the gap.
    pub(crate) fn pour(mut self, between: &str, out: &mut dyn Write) -> io::Result<()> {
        self.file.flush()?;
        let file = self.file.get_mut();
        file.seek(SeekFrom::Start(0))?;
        io::copy(&mut Read::take(&mut *file, self.gap), out)?;
        out.write_all(between.as_bytes())?;
        io::copy(file, out)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_between_stands_in_the_gap() {
        for (before, after) in [("a", "b"), ("", "b"), ("a", ""), ("", "")] {
            let mut spool = Spool::new().unwrap();
            spool.put(before).unwrap();
            spool.leave_gap();
            spool.put(after).unwrap();
            let mut out = Vec::new();
            spool.pour("·", &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), format!("{before}·{after}"));
        }
    }
}
