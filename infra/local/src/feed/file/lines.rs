//! Lines of bounded length, and the fields of a line.

use std::io::{self, BufRead, Read};
use std::ops::Range;

use csv_core::ReadRecordResult;

/// The longest line in bytes.
pub(super) const LINE_BYTES_MAX: usize = 64 * 1024;

/// Reads lines one after another. A quoted field cannot span lines, so that
/// one stray quote spoils one row and not the rest of the file.
pub(super) struct Lines<R> {
    text: R,
    line: Vec<u8>,
    number: u64,
    offset: u64,
    start: u64,
}

/// What [`Lines::advance`] found.
#[derive(Debug)]
pub(super) enum Found {
    /// A line, now in [`Lines::line`].
    Line,
    /// A line longer than [`LINE_BYTES_MAX`]; its rest is skipped.
    TooLong,
    /// No more lines.
    End,
}

impl<R: BufRead> Lines<R> {
    /// Lines of `text`, which begins after `number` lines and `offset` bytes.
    pub(super) fn new(text: R, number: u64, offset: u64) -> Self {
        Self {
            text,
            line: Vec::new(),
            number,
            offset,
            start: offset,
        }
    }

    /// Goes to the next line.
    pub(super) fn advance(&mut self) -> io::Result<Found> {
        self.start = self.offset;
        let bytes = self.read_piece()?;
        if bytes == 0 {
            return Ok(Found::End);
        }
        self.number += 1;
        if self.is_ended() || bytes < LINE_BYTES_MAX {
            return Ok(Found::Line);
        }
        while self.read_piece()? == LINE_BYTES_MAX && !self.is_ended() {}
        Ok(Found::TooLong)
    }

    fn read_piece(&mut self) -> io::Result<usize> {
        self.line.clear();
        let bytes = self
            .text
            .by_ref()
            .take(LINE_BYTES_MAX as u64)
            .read_until(b'\n', &mut self.line)?;
        self.offset += bytes as u64;
        Ok(bytes)
    }

    /// Whether the line ends with an end of line, not with the file.
    pub(super) fn is_ended(&self) -> bool {
        self.line.last() == Some(&b'\n')
    }

    /// The line without its end.
    pub(super) fn line(&self) -> &[u8] {
        without_end(&self.line)
    }

    /// Its number, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The offset of its first byte.
    pub(super) fn start(&self) -> u64 {
        self.start
    }
}

/// A line without its end. Blanks stay: a tab may divide empty columns.
pub(super) fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Whether a line holds nothing to read: blank, or a comment.
pub(super) fn is_blank(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    line.is_empty() || line.starts_with(b"#")
}

/// Splits a line into fields.
#[derive(Debug)]
pub(super) struct Fields {
    delimiter: u8,
    unquoted: Vec<u8>,
    spans: Vec<Range<usize>>,
}

impl Fields {
    pub(super) fn new(delimiter: u8) -> Self {
        Self {
            delimiter,
            unquoted: Vec::new(),
            spans: Vec::new(),
        }
    }

    /// Splits `line`, and returns its fields without quotes and outer blanks.
    pub(super) fn split<'a>(&'a mut self, line: &'a [u8]) -> Row<'a> {
        self.spans.clear();
        let text = if line.contains(&b'"') {
            self.unquote(line);
            &self.unquoted
        } else {
            let mut start = 0;
            for piece in line.split(|byte| *byte == self.delimiter) {
                self.spans.push(start..start + piece.len());
                start += piece.len() + 1;
            }
            line
        };
        Row {
            text,
            spans: &self.spans,
        }
    }

    fn unquote(&mut self, line: &[u8]) {
        let mut reader = csv_core::ReaderBuilder::new().delimiter(self.delimiter).build();
        // Quotes and delimiters only fall away, and a line of n bytes has at most n + 1 fields.
        self.unquoted.clear();
        self.unquoted.resize(line.len() + 1, 0);
        let mut ends = vec![0; line.len() + 1];
        let (mut read, mut written, mut count) = (0, 0, 0);
        loop {
            let (result, bytes_in, bytes_out, fields) = reader.read_record(
                line.get(read..).unwrap_or_default(),
                self.unquoted.get_mut(written..).unwrap_or_default(),
                ends.get_mut(count..).unwrap_or_default(),
            );
            read += bytes_in;
            written += bytes_out;
            count += fields;
            if result != ReadRecordResult::InputEmpty || (bytes_in == 0 && read >= line.len()) {
                break;
            }
        }
        let mut start = 0;
        for end in ends.into_iter().take(count) {
            self.spans.push(start..end);
            start = end;
        }
    }
}

/// The fields of one line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    text: &'a [u8],
    spans: &'a [Range<usize>],
}

impl<'a> Row<'a> {
    pub(super) fn len(self) -> usize {
        self.spans.len()
    }

    /// The field, without outer blanks.
    pub(super) fn get(self, index: usize) -> Option<&'a [u8]> {
        self.text
            .get(self.spans.get(index)?.clone())
            .map(<[u8]>::trim_ascii)
    }

    pub(super) fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        (0..self.len()).filter_map(move |index| self.get(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_line() {
        let check = |line: &str, delimiter: u8, expected: &[&str]| {
            let mut fields = Fields::new(delimiter);
            let row = fields.split(line.as_bytes());
            let found: Vec<&str> = row
                .iter()
                .map(|field| std::str::from_utf8(field).unwrap())
                .collect();
            assert_eq!(found, expected, "{line}");
        };
        check("a,b,c", b',', &["a", "b", "c"]);
        check(" a , b,", b',', &["a", "b", ""]);
        check("", b',', &[""]);
        check("a;b,c", b';', &["a", "b,c"]);
        check("\"a\",\"1,234\",c", b',', &["a", "1,234", "c"]);
        check("\"a\"\"b\",c", b',', &["a\"b", "c"]);
        check("a,\"b", b',', &["a", "b"]);
        check("a,b\",c", b',', &["a", "b\"", "c"]);
        check("\"\",\"\"", b',', &["", ""]);
    }

    #[test]
    fn lines_have_numbers_and_offsets() {
        let mut lines = Lines::new(&b"one\r\n\ntwo"[..], 0, 0);
        let mut found = Vec::new();
        while !matches!(lines.advance().unwrap(), Found::End) {
            let text = String::from_utf8(lines.line().to_vec()).unwrap();
            found.push((lines.number(), lines.start(), text, lines.is_ended()));
        }
        let expected = [(1, 0, "one", true), (2, 5, "", true), (3, 6, "two", false)];
        assert_eq!(
            found,
            expected.map(|(number, start, text, ended)| (number, start, text.to_owned(), ended))
        );
    }

    #[test]
    fn long_lines_are_skipped_whole() {
        for extra in [0, 1, LINE_BYTES_MAX - 1, LINE_BYTES_MAX, LINE_BYTES_MAX + 1] {
            let mut text = vec![b'x'; LINE_BYTES_MAX + extra];
            text.extend_from_slice(b"\nnext\n");
            let mut lines = Lines::new(&text[..], 0, 0);
            assert!(matches!(lines.advance().unwrap(), Found::TooLong), "{extra}");
            assert!(matches!(lines.advance().unwrap(), Found::Line), "{extra}");
            assert_eq!((lines.line(), lines.number()), (&b"next"[..], 2), "{extra}");
        }
    }
}
