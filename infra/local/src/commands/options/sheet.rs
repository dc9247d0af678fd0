//! CSV in and out, a batch of rows at a time: any number of rows in little
//! memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use csv_core::ReadRecordResult;
use flate2::bufread::MultiGzDecoder;

use super::OptionsError;
use crate::report::{decimals, thousands};

/// Bytes read or written at once.
const BUFFER_BYTES: usize = 1 << 18;
/// First bytes of what gzip compressed.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// The longest row in bytes.
const ROW_BYTES_MAX: usize = 1 << 20;
/// Between two lines of progress.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// Rows of a file with a header.
pub(super) struct Sheet {
    input: Box<dyn BufRead>,
    csv: csv_core::Reader,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    cells: usize,
    columns: Vec<String>,
    pub(super) path: String,
}

impl Sheet {
    /// Opens a file, `-` for standard input; compressed ones as well.
    pub(super) fn open(path: &Path) -> Result<Self, OptionsError> {
        let name = path.display().to_string();
        let failed = |source| OptionsError::Read {
            path: name.clone(),
            source,
        };
        let raw: Box<dyn Read> = match name.as_str() {
            "-" => Box::new(io::stdin()),
            _ => Box::new(File::open(path).map_err(failed)?),
        };
        let mut raw = BufReader::with_capacity(BUFFER_BYTES, raw);
        let is_gzip = raw.fill_buf().map_err(failed)?.starts_with(&GZIP_MAGIC);
        let input: Box<dyn BufRead> = if is_gzip {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(raw)))
        } else {
            Box::new(raw)
        };
        let mut sheet = Self {
            input,
            csv: csv_core::Reader::new(),
            bytes: vec![0; 4_096],
            ends: vec![0; 64],
            cells: 0,
            columns: Vec::new(),
            path: name.clone(),
        };
        if sheet.advance()? {
            sheet.columns = (0..sheet.cells)
                .map(|at| {
                    String::from_utf8_lossy(sheet.cell(at))
                        .trim_start_matches('\u{feff}')
                        .trim()
                        .to_owned()
                })
                .collect();
        }
        Ok(sheet)
    }

    /// The column of one of these names, whatever their case.
    pub(super) fn column(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| {
            let mut columns = self.columns.iter();
            columns.position(|column| column.eq_ignore_ascii_case(name))
        })
    }

    /// The same, or an error that says which there are.
    pub(super) fn needed(&self, names: &[&'static str]) -> Result<usize, OptionsError> {
        self.column(names).ok_or_else(|| OptionsError::NoColumn {
            path: self.path.clone(),
            column: names.first().copied().unwrap_or_default(),
            found: self.columns.join(", "),
        })
    }

    /// Goes to the next row; there may be none.
    pub(super) fn advance(&mut self) -> Result<bool, OptionsError> {
        self.try_advance().map_err(|source| OptionsError::Read {
            path: self.path.clone(),
            source,
        })
    }

    fn try_advance(&mut self) -> io::Result<bool> {
        let (mut written, mut ended) = (0, 0);
        loop {
            let input = self.input.fill_buf()?;
            let (result, read, bytes, ends) =
                self.csv
                    .read_record(input, &mut self.bytes[written..], &mut self.ends[ended..]);
            self.input.consume(read);
            written += bytes;
            ended += ends;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if self.bytes.len() >= ROW_BYTES_MAX => {
                    return Err(io::Error::other("a row is longer than 1 MB: is this CSV?"));
                }
                ReadRecordResult::OutputFull => self.bytes.resize(self.bytes.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record => {
                    self.cells = ended;
                    return Ok(true);
                }
                ReadRecordResult::End => return Ok(false),
            }
        }
    }

    /// A cell of the row; empty where the row is too short.
    pub(super) fn cell(&self, column: usize) -> &[u8] {
        if column >= self.cells {
            return &[];
        }
        let start = if column == 0 { 0 } else { self.ends[column - 1] };
        &self.bytes[start..self.ends[column]]
    }

    /// A cell as text, without blanks around it.
    pub(super) fn text(&self, column: usize) -> &str {
        std::str::from_utf8(self.cell(column)).unwrap_or_default().trim()
    }

    /// A cell as a number, if it is one.
    pub(super) fn number(&self, column: usize) -> Option<f64> {
        self.text(column)
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
    }

    /// The number in a column that may not be there.
    pub(super) fn number_of(&self, column: Option<usize>) -> Option<f64> {
        self.number(column?)
    }
}

/// A file of rows, or standard output.
pub(in crate::commands) struct Output {
    out: Box<dyn Write>,
    buffer: Vec<u8>,
    path: String,
    starts: bool,
}

impl Output {
    pub(in crate::commands) fn create(path: Option<&Path>) -> Result<Self, OptionsError> {
        let name = path.map_or_else(|| "-".to_owned(), |path| path.display().to_string());
        let out: Box<dyn Write> = match path.filter(|_| name != "-") {
            None => Box::new(io::stdout().lock()),
            Some(path) => Box::new(File::create(path).map_err(|source| OptionsError::Write {
                path: name.clone(),
                source,
            })?),
        };
        Ok(Self {
            out,
            buffer: Vec::with_capacity(BUFFER_BYTES + 4_096),
            path: name,
            starts: true,
        })
    }

    fn separate(&mut self) {
        if !self.starts {
            self.buffer.push(b',');
        }
        self.starts = false;
    }

    /// A cell of text, quoted where it must be.
    pub(in crate::commands) fn text(&mut self, text: &[u8]) {
        self.separate();
        if text
            .iter()
            .any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r'))
        {
            self.buffer.push(b'"');
            for byte in text {
                if *byte == b'"' {
                    self.buffer.push(b'"');
                }
                self.buffer.push(*byte);
            }
            self.buffer.push(b'"');
        } else {
            self.buffer.extend_from_slice(text);
        }
    }

    /// A cell with the shortest digits that read back as the same number;
    /// empty where there is none.
    pub(in crate::commands) fn number(&mut self, number: Option<f64>) {
        self.separate();
        if let Some(number) = number.filter(|number| number.is_finite()) {
            let mut digits = zmij::Buffer::new();
            self.buffer
                .extend_from_slice(digits.format_finite(number).as_bytes());
        }
    }

    /// Ends the row.
    pub(in crate::commands) fn end_row(&mut self) -> Result<(), OptionsError> {
        self.buffer.push(b'\n');
        self.starts = true;
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes what is still held. A pipe that is closed wants no more.
    pub(in crate::commands) fn flush(&mut self) -> Result<(), OptionsError> {
        let written = self.out.write_all(&self.buffer).and_then(|()| self.out.flush());
        self.buffer.clear();
        written.map_err(|source| OptionsError::Write {
            path: self.path.clone(),
            source,
        })
    }
}

/// How far a command on rows is, and where its time goes.
pub(super) struct Progress {
    began: Instant,
    shown: Instant,
    is_shown: bool,
    pub(super) computing: Duration,
    pub(super) rows: u64,
}

impl Progress {
    pub(super) fn begin() -> Self {
        let now = Instant::now();
        Self {
            began: now,
            shown: now,
            is_shown: io::stderr().is_terminal(),
            computing: Duration::ZERO,
            rows: 0,
        }
    }

    pub(super) fn tell(&mut self) {
        if self.is_shown && self.shown.elapsed() >= PROGRESS_EVERY {
            self.shown = Instant::now();
            eprint!("\r{} rows", thousands(self.rows));
        }
    }

    /// What was done, in a line.
    pub(super) fn summary(&self) -> String {
        let total = self.began.elapsed().as_secs_f64();
        let clear = if self.is_shown { "\r" } else { "" };
        format!(
            "{clear}{} rows in {} s, {} rows/s; {} % of the time computing, the rest reading and writing",
            thousands(self.rows),
            decimals(total, 2),
            thousands((self.rows as f64 / total.max(1e-9)) as u64),
            decimals(100.0 * self.computing.as_secs_f64() / total.max(1e-9), 1)
        )
    }
}
