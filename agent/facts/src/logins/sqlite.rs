//! Tables of an SQLite database, read without SQLite: its library would make the agent larger by a sixth, and what is
//! asked of it here is to walk one table.
//!
//! The file format is documented and promised to stay (sqlite.org/fileformat2.html). Read are tables with row numbers, in
//! order of these, with their overflow pages, and what a write-ahead log has committed. Nothing is locked: a page that is
//! being written may be read half, which shows as a broken row at worst.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// First bytes of a database.
pub(super) const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Largest row read; what is larger tells of no login.
const LARGEST_ROW: usize = 64 * 1024;

/// Deepest tree walked. With the least that a page can hold, this is more rows than there are numbers for.
const DEEPEST: usize = 40;

/// Most frames of a write-ahead log taken in; SQLite itself starts it over at 1,000.
const MOST_FRAMES: u64 = 65_536;

/// Why a table can't be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum DatabaseError {
    /// The bytes are not as the format has them.
    #[error("it is no SQLite database, or a broken one: {0}")]
    Broken(&'static str),
    /// There is no such table.
    #[error("it holds no table {0}")]
    NoTable(&'static str),
    /// It could not be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// A value of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Integer(i64),
    /// Text or bytes.
    Bytes(&'a [u8]),
    /// A floating-point number, which nothing here needs.
    Real,
}

impl<'a> Value<'a> {
    pub(super) const fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub(super) const fn integer(self) -> Option<i64> {
        match self {
            Self::Integer(integer) => Some(integer),
            _ => None,
        }
    }
}

/// A database, open to be read.
#[derive(Debug)]
pub(super) struct Database {
    file: File,
    page_size: usize,
    /// Bytes of a page that are used.
    usable: usize,
    pages: u32,
    /// Pages that the write-ahead log has newer, and where.
    newer: HashMap<u32, u64>,
    log: Option<File>,
}

/// A table: where it begins, and the names of its columns, in lower case.
#[derive(Debug)]
pub(super) struct Table {
    root: u32,
    columns: Vec<String>,
}

/// A row: its number, and its values by the names of their columns.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) number: i64,
    table: &'a Table,
    values: &'a [Value<'a>],
}

impl<'a> Row<'a> {
    /// The value of a column; null where there is none of that name.
    pub(super) fn get(&self, column: &str) -> Value<'a> {
        let place = self.table.columns.iter().position(|name| name == column);
        let value = place.and_then(|place| self.values.get(place));
        value.copied().unwrap_or(Value::Null)
    }
}

impl Database {
    /// The database in `file`, with what its write-ahead log has committed.
    pub(super) fn open(file: File, log: Option<File>) -> Result<Self, DatabaseError> {
        let mut head = [0; 100];
        file.read_exact_at(&mut head, 0)
            .map_err(|_| DatabaseError::Broken("it is too short"))?;
        if !head.starts_with(MAGIC) {
            return Err(DatabaseError::Broken("its first bytes are others"));
        }
        let page_size = match number(&head, 16, 2)? {
            1 => 65_536,
            size if size.is_power_of_two() && size >= 512 => size,
            _ => return Err(DatabaseError::Broken("its pages have no size")),
        };
        let usable = page_size - number(&head, 20, 1)?;
        if usable < 480 {
            return Err(DatabaseError::Broken("its pages are too small"));
        }
        let length = file.metadata()?.len();
        let pages = u32::try_from(length / page_size as u64).unwrap_or(u32::MAX);
        let mut database = Self {
            file,
            page_size,
            usable,
            pages,
            newer: HashMap::new(),
            log,
        };
        database.take_in_log()?;
        Ok(database)
    }

    /// The table of a name, of several the first that is there.
    pub(super) fn table(&self, names: &[&'static str]) -> Result<(&'static str, Table), DatabaseError> {
        let columns = ["type", "name", "tbl_name", "rootpage", "sql"];
        let schema = Table {
            root: 1,
            columns: columns.map(str::to_owned).to_vec(),
        };
        let mut found = None;
        self.rows(&schema, i64::MIN, &mut |row| {
            let name = row.get("name").bytes().unwrap_or_default();
            let known = names
                .iter()
                .find(|known| known.as_bytes().eq_ignore_ascii_case(name));
            let is_table = row.get("type") == Value::Bytes(b"table");
            let root = row.get("rootpage").integer().map(u32::try_from);
            if let (Some(known), true, Some(Ok(root)), None) = (known, is_table, root, &found) {
                let sql = row.get("sql").bytes().unwrap_or_default();
                let columns = columns_of(&String::from_utf8_lossy(sql));
                found = Some((*known, Table { root, columns }));
            }
        })?;
        found.ok_or(DatabaseError::NoTable(names.first().copied().unwrap_or_default()))
    }

    /// Hands over the rows with numbers behind `after`, in their order. A row that is broken or too large is passed over;
    /// gives how many those were.
    pub(super) fn rows(
        &self,
        table: &Table,
        after: i64,
        take: &mut dyn FnMut(&Row<'_>),
    ) -> Result<u64, DatabaseError> {
        let mut broken = 0;
        // Pages that are yet to be read, the next one last, and how deep they lie.
        let mut waiting = vec![(table.root, 0)];
        let mut visits = 0;
        while let Some((number, depth)) = waiting.pop() {
            visits += 1;
            if visits > self.pages || depth > DEEPEST {
                return Err(DatabaseError::Broken("its pages go round in circles"));
            }
            let page = self.page(number)?;
            // The first page begins with the head of the file.
            let start = if number == 1 { 100 } else { 0 };
            let cells = self::number(&page, start + 3, 2)?;
            match page.get(start) {
                Some(0x05) => {
                    let mut below = Vec::new();
                    for cell in 0..cells {
                        let place = self::number(&page, start + 12 + 2 * cell, 2)?;
                        let child = page_number(&page, place)?;
                        let (last, _) = varint(&page, place + 4)?;
                        if last > after {
                            below.push((child, depth + 1));
                        }
                    }
                    below.push((page_number(&page, start + 8)?, depth + 1));
                    waiting.extend(below.into_iter().rev());
                    if waiting.len() > self.pages as usize {
                        return Err(DatabaseError::Broken("its pages go round in circles"));
                    }
                }
                Some(0x0d) => {
                    for cell in 0..cells {
                        let place = self::number(&page, start + 8 + 2 * cell, 2)?;
                        let (length, place) = varint(&page, place)?;
                        let (row, place) = varint(&page, place)?;
                        if row <= after {
                            continue;
                        }
                        let payload = self.payload(&page, place, length);
                        let values = payload.as_deref().ok().and_then(values);
                        match values {
                            Some(values) => take(&Row {
                                number: row,
                                table,
                                values: &values,
                            }),
                            None => broken += 1,
                        }
                    }
                }
                _ => return Err(DatabaseError::Broken("a page is of no table")),
            }
        }
        Ok(broken)
    }

    fn page(&self, number: u32) -> Result<Vec<u8>, DatabaseError> {
        let mut page = vec![0; self.page_size];
        match (self.newer.get(&number), &self.log) {
            (Some(place), Some(log)) => log.read_exact_at(&mut page, *place)?,
            _ => {
                let place = u64::from(number)
                    .checked_sub(1)
                    .ok_or(DatabaseError::Broken("it names a page 0"))?;
                self.file
                    .read_exact_at(&mut page, place * self.page_size as u64)
                    .map_err(|_| DatabaseError::Broken("a page is missing"))?;
            }
        }
        Ok(page)
    }

    /// The bytes of a row that begin at `place` of a page, and may go on in others.
    fn payload(&self, page: &[u8], place: usize, length: i64) -> Result<Vec<u8>, DatabaseError> {
        const BROKEN: DatabaseError = DatabaseError::Broken("a row is cut off");
        let length = usize::try_from(length).map_err(|_| BROKEN)?;
        if length > LARGEST_ROW {
            return Err(DatabaseError::Broken("a row is too large"));
        }
        // "B-tree cell format" of the file format.
        let most = self.usable - 35;
        let here = if length <= most {
            length
        } else {
            let least = (self.usable - 12) * 32 / 255 - 23;
            let rest = least + (length - least) % (self.usable - 4);
            if rest <= most { rest } else { least }
        };
        let mut payload = page.get(place..place + here).ok_or(BROKEN)?.to_vec();
        if here == length {
            return Ok(payload);
        }
        let mut next = page_number(page, place + here)?;
        while payload.len() < length {
            let page = self.page(next)?;
            let left = (length - payload.len()).min(self.usable - 4);
            payload.extend_from_slice(page.get(4..4 + left).ok_or(BROKEN)?);
            next = page_number(&page, 0)?;
        }
        Ok(payload)
    }

    /// Notes which pages the write-ahead log has newer: those up to its last commit, by its own salt.
    fn take_in_log(&mut self) -> Result<(), DatabaseError> {
        let Some(log) = &self.log else {
            return Ok(());
        };
        let mut head = [0; 32];
        if log.read_exact_at(&mut head, 0).is_err() {
            return Ok(());
        }
        let magic = matches!(page_number(&head, 0)?, 0x377f_0682 | 0x377f_0683);
        if !magic || page_number(&head, 8)? as usize != self.page_size {
            return Ok(());
        }
        let salt = head.get(16..24).unwrap_or_default().to_vec();
        let mut open = HashMap::new();
        let size = self.page_size as u64 + 24;
        for frame in 0..MOST_FRAMES {
            let place = 32 + frame * size;
            let mut head = [0; 24];
            if log.read_exact_at(&mut head, place).is_err() || head.get(8..16) != Some(&salt) {
                break;
            }
            open.insert(page_number(&head, 0)?, place + 24);
            let pages = page_number(&head, 4)?;
            if pages > 0 {
                self.pages = self.pages.max(pages);
                self.newer.extend(open.drain());
            }
        }
        Ok(())
    }
}

/// The values of a row ("Record Format" of the file format).
fn values(record: &[u8]) -> Option<Vec<Value<'_>>> {
    let (head, mut place) = varint(record, 0).ok()?;
    let head = usize::try_from(head).ok().filter(|head| *head <= record.len())?;
    let mut body = record.get(head..)?;
    let mut values = Vec::new();
    while place < head {
        let (kind, behind) = varint(record, place).ok()?;
        place = behind;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => usize::try_from(kind).ok()?,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            _ => usize::try_from(kind.checked_sub(12)? / 2).ok()?,
        };
        let (value, rest) = body.split_at_checked(length)?;
        body = rest;
        values.push(match kind {
            0 => Value::Null,
            7 => Value::Real,
            8 => Value::Integer(0),
            9 => Value::Integer(1),
            1..=6 => {
                let negative = value.first().is_some_and(|first| first & 0x80 != 0);
                let start = if negative { -1 } else { 0 };
                Value::Integer(value.iter().fold(start, |sum, byte| sum << 8 | i64::from(*byte)))
            }
            _ => Value::Bytes(value),
        });
    }
    Some(values)
}

/// The names of columns in `CREATE TABLE name(…)`, in lower case.
fn columns_of(sql: &str) -> Vec<String> {
    let inside = sql.split_once('(').map_or("", |(_, rest)| rest);
    let mut depth = 0;
    let parts = inside.split(|letter| {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        // The one that closes the list ends it too: what follows names no column.
        (letter == ',' && depth == 0) || depth < 0
    });
    let name = |part: &str| {
        let name = part.split_whitespace().next()?;
        Some(name.trim_matches(['"', '`', '[', ']', '\'']).to_ascii_lowercase())
    };
    parts.filter_map(name).collect()
}

/// A number of some bytes, the highest first.
fn number(bytes: &[u8], place: usize, length: usize) -> Result<usize, DatabaseError> {
    let bytes = bytes
        .get(place..place + length)
        .ok_or(DatabaseError::Broken("a page is cut off"))?;
    Ok(bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
}

fn page_number(bytes: &[u8], place: usize) -> Result<u32, DatabaseError> {
    let number = number(bytes, place, 4)?;
    u32::try_from(number).map_err(|_| DatabaseError::Broken("a page has no number"))
}

/// A number of one to nine bytes, and the place behind it.
fn varint(bytes: &[u8], place: usize) -> Result<(i64, usize), DatabaseError> {
    let mut number = 0i64;
    for (count, byte) in bytes.iter().skip(place).take(9).enumerate() {
        if count == 8 {
            return Ok((number << 8 | i64::from(*byte), place + 9));
        }
        number = number << 7 | i64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Ok((number, place + count + 1));
        }
    }
    Err(DatabaseError::Broken("a number is cut off"))
}

#[cfg(test)]
mod tests;
