//! Reads a list of leavers from a CSV.

use ::csv::{Reader, ReaderBuilder, StringRecord, Trim};

use super::header::Header;
use super::{LeaverList, MAX_ROWS, TOO_MANY, bounded, checked, of};
use crate::{Error, Result};

/// Reads a CSV with a header, as spreadsheets and HR systems save it. The module `header` says what columns may be called. Fields
/// are separated by `,`, `;`, tabs or `|`, as the line `sep=` before the header says, or whichever the header uses. Spaces
/// around fields, empty lines, and empty fields at the end of a row are ignored, as is what a spreadsheet puts around a
/// value to keep it as it is: `'007` and `="007"`.
///
/// # Errors
/// [`Error::TooLarge`], or [`Error::Invalid`] if the text is not UTF-8 or the header is not what the route accepts.
pub fn from_csv(body: &[u8]) -> Result<LeaverList> {
    bounded(body)?;
    let text = utf8(body)?;
    let (said, table) = separator(text)?;
    let mut reader = reader(table, said.unwrap_or_else(|| delimiter(table)));
    let before = text.strip_suffix(table).unwrap_or_default();
    let mut lines = Lines {
        text: table,
        read: 0,
        line: 1 + breaks(before.as_bytes()),
    };
    let mut header: Option<Header> = None;
    let mut rows = Vec::new();
    let mut record = StringRecord::new();
    while reader
        .read_record(&mut record)
        .map_err(|error| unreadable(&error))?
    {
        let line = lines.of(&record);
        if record.iter().all(str::is_empty) {
            continue;
        }
        let Some(header) = &header else {
            header = Some(Header::read(&record)?);
            continue;
        };
        if rows.len() == MAX_ROWS {
            return Err(TOO_MANY);
        }
        rows.push(of(line, header.pick(&record).and_then(checked)));
    }
    let Some(header) = header else {
        return Err(Error::invalid("", "the CSV is empty"));
    };
    if let Some(last) = rows.last_mut()
        && lines.ends_in_quotes()
    {
        *last = of(
            last.row,
            Err("a quote is not closed: all that follows would be part of this row".to_owned()),
        );
    }
    Ok(LeaverList {
        rows,
        ignored_columns: header.ignored,
        last_days: header.last_days,
        ..LeaverList::default()
    })
}

fn reader(text: &str, delimiter: u8) -> Reader<&[u8]> {
    ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .from_reader(text.as_bytes())
}

fn unreadable(error: &::csv::Error) -> Error {
    Error::invalid("", format!("the CSV cannot be read: {error}"))
}

/// The text of a body, without a byte order mark.
fn utf8(body: &[u8]) -> Result<&str> {
    if body.starts_with(&[0xff, 0xfe]) || body.starts_with(&[0xfe, 0xff]) {
        return Err(Error::invalid(
            "",
            "the CSV is UTF-16; save it as UTF-8 and send it again",
        ));
    }
    let text = std::str::from_utf8(body).map_err(|error| {
        let good = body.get(..error.valid_up_to()).unwrap_or_default();
        let line = 1 + breaks(good);
        Error::invalid(
            "",
            format!("line {line} of the CSV is not UTF-8; save it as UTF-8 and send it again"),
        )
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// What may separate fields. Where two explain a header equally well, it is the later one.
const SEPARATORS: &[u8] = b"|\t;,";

/// The separator that Excel's line `sep=;` says, and what follows that line. It may be in quotes, and have separators at
/// its end, as a spreadsheet saves it.
fn separator(text: &str) -> Result<(Option<u8>, &str)> {
    let first = text.split(['\r', '\n']).next().unwrap_or_default();
    let bare = first.trim_matches([' ', '"']);
    let Some(said) = bare
        .get(..4)
        .filter(|start| start.eq_ignore_ascii_case("sep="))
        .and_then(|start| bare.strip_prefix(start))
    else {
        return Ok((None, text));
    };
    let rest = text.get(first.len()..).unwrap_or_default();
    let rest = rest
        .strip_prefix("\r\n")
        .or_else(|| rest.strip_prefix(['\r', '\n']))
        .unwrap_or(rest);
    match said.bytes().next() {
        Some(one) if SEPARATORS.contains(&one) => Ok((Some(one), rest)),
        // A tab at the end of a line is easily lost.
        None => Ok((None, rest)),
        Some(_) => Err(Error::invalid(
            "",
            "the line sep= of the CSV must say a comma, a semicolon, a tab or a bar",
        )),
    }
}

/// The separator under which the header has the most columns that are known, else the most columns.
fn delimiter(text: &str) -> u8 {
    let columns = |separator: &u8| {
        let records = reader(text, *separator).into_records();
        let mut records = records.map_while(std::result::Result::ok);
        let header = records.find(|record| !record.iter().all(str::is_empty));
        let header = header.unwrap_or_default();
        (Header::known(&header), header.len())
    };
    SEPARATORS
        .iter()
        .copied()
        .max_by_key(columns)
        .unwrap_or(b',')
}

/// Counts lines. The reader's own count is wrong after blank lines and for `\r\n`.
struct Lines<'a> {
    text: &'a str,
    /// How many bytes are counted so far.
    read: usize,
    line: usize,
}

impl Lines<'_> {
    /// The line on which a record begins. Records must come in order.
    fn of(&mut self, record: &StringRecord) -> usize {
        let bytes = self.text.as_bytes();
        let at = record
            .position()
            .and_then(|position| usize::try_from(position.byte()).ok())
            .unwrap_or(self.read);
        // Within this record the reader skips the rest of the previous line, and blank lines.
        let skipped = bytes
            .get(at..)
            .unwrap_or_default()
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        let begins = at + skipped;
        self.line += breaks(bytes.get(self.read..begins).unwrap_or_default());
        self.read = begins;
        self.line
    }

    /// True if the last record has a quote that is not closed.
    fn ends_in_quotes(&self) -> bool {
        let last = self.text.get(self.read..).unwrap_or_default();
        last.matches('"').count() % 2 == 1
    }
}

/// The number of line breaks: `\n`, `\r\n`, and `\r` alone.
fn breaks(bytes: &[u8]) -> usize {
    let next = bytes.iter().skip(1).map(Some).chain([None]);
    bytes
        .iter()
        .zip(next)
        .filter(|(byte, next)| match byte {
            b'\n' => true,
            b'\r' => *next != Some(&b'\n'),
            _ => false,
        })
        .count()
}

#[cfg(test)]
#[path = "csv_tests.rs"]
mod tests;
