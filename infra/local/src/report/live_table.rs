//! A table of the newest signals, drawn in place.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use serde_json::value::RawValue;
use tickwire_market::UnixNanos;
use tickwire_streams::Offset;

use super::text::thousands;
use crate::client::{Item, ItemKind, Output, outputs};

/// Between two drawings.
const DRAW_EVERY: Duration = Duration::from_millis(100);
/// Over which a rate is taken.
const RATE_WINDOW_NANOS: i64 = 2 * UnixNanos::PER_SECOND;
/// A latency above this is that of a stamp of the past, in nanoseconds.
const LAG_NANOS_MAX: i64 = 600 * UnixNanos::PER_SECOND;
/// A latency worth a colour, in nanoseconds.
const LAG_NANOS_HIGH: i64 = UnixNanos::PER_SECOND;
/// Widest column of stream keys, in characters.
const KEY_WIDTH_MAX: usize = 52;
/// Size where the terminal does not tell it: columns, rows.
const SIZE_DEFAULT: (usize, usize) = (100, 30);

/// Marks what a simulation made up.
const MOCK: &str = " mock";

const HEAD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const UP: Style = AnsiColor::Green.on_default();
const DOWN: Style = AnsiColor::Red.on_default();
const HIGH: Style = AnsiColor::Yellow.on_default();
const PLAIN: Style = Style::new();

/// How a table is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// With colours.
    pub colours: bool,
    /// Columns and rows; asked of the terminal at each drawing if not given.
    pub size: Option<(usize, usize)>,
}

impl Look {
    /// For a terminal on standard output: colours unless the environment forbids them.
    pub fn of_stdout() -> Self {
        let choice = anstream::AutoStream::choice(&io::stdout());
        Self {
            colours: choice != anstream::ColorChoice::Never,
            size: None,
        }
    }

    fn size(self) -> (usize, usize) {
        self.size.unwrap_or_else(|| {
            let size = terminal_size::terminal_size();
            size.map_or(SIZE_DEFAULT, |(width, height)| {
                (usize::from(width.0), usize::from(height.0))
            })
        })
    }
}

#[derive(Default)]
struct Row {
    key: String,
    value: String,
    mock: bool,
    offset: Option<Offset>,
    exchange_time: Option<UnixNanos>,
    received: Option<UnixNanos>,
    lag_nanos: Option<i64>,
    signals: u64,
    /// Instead of a value.
    remark: String,
    number: Option<f64>,
    trend: Option<bool>,
    window: (i64, u64),
    rate: Option<f64>,
}

/// A table of the newest signal of each stream with a status area above,
/// redrawn in place.
pub struct LiveTable<W: Write> {
    out: W,
    look: Look,
    rows: Vec<Row>,
    places: HashMap<String, usize>,
    status: Vec<String>,
    lines_drawn: usize,
    drawn: Option<i64>,
}

impl<W: Write> LiveTable<W> {
    /// An empty table on `out`, which is a terminal.
    pub fn new(out: W, look: Look) -> Self {
        Self {
            out,
            look,
            rows: Vec::new(),
            places: HashMap::new(),
            status: Vec::new(),
            lines_drawn: 0,
            drawn: None,
        }
    }

    fn row(&mut self, stream: &str) -> &mut Row {
        let place = match self.places.get(stream) {
            Some(place) => *place,
            None => {
                self.places.insert(stream.to_owned(), self.rows.len());
                self.rows.push(Row {
                    key: stream.to_owned(),
                    remark: "waiting".into(),
                    ..Row::default()
                });
                self.rows.len() - 1
            }
        };
        &mut self.rows[place]
    }

    /// A row for the stream, before its first signal.
    pub fn add(&mut self, stream: &str) {
        self.row(stream);
    }

    /// The newest signal of a stream.
    pub fn update(&mut self, stream: &str, item: &Item<'_>, received: UnixNanos) {
        let row = self.row(stream);
        row.remark.clear();
        row.value.clear();
        row.value.push_str(item.d.map_or("", RawValue::get));
        row.mock = item.mock;
        row.offset = item.o;
        row.exchange_time = item.t;
        row.received = Some(received);
        // A snapshot is as old as its stream is quiet: that is no latency.
        row.lag_nanos = (item.k == ItemKind::Signal)
            .then(|| lag_nanos(item, received))
            .flatten();
        row.signals += u64::from(item.signals());
    }

    /// Says something instead of a stream's value.
    pub fn remark(&mut self, stream: &str, remark: &str) {
        remark.clone_into(&mut self.row(stream).remark);
    }

    /// Lines above the table.
    pub fn status(&mut self, lines: impl IntoIterator<Item = String>) {
        self.status = lines.into_iter().collect();
    }

    /// Draws, unless it was drawn a moment ago.
    ///
    /// # Errors
    /// When the terminal cannot be written to.
    pub fn draw(&mut self, now: UnixNanos) -> io::Result<()> {
        let pause = i64::try_from(DRAW_EVERY.as_nanos()).unwrap_or(i64::MAX);
        if self
            .drawn
            .is_some_and(|drawn| (0..pause).contains(&now.0.saturating_sub(drawn)))
        {
            return Ok(());
        }
        self.draw_now(now)
    }

    /// Draws.
    ///
    /// # Errors
    /// When the terminal cannot be written to.
    pub fn draw_now(&mut self, now: UnixNanos) -> io::Result<()> {
        self.drawn = Some(now.0);
        let (width, height) = self.look.size();
        let lines = self.lines(now, width, height);
        let mut text = self.erasure();
        for line in &lines {
            self.write_line(&mut text, line, width);
        }
        self.lines_drawn = lines.len();
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// Takes the table away, so that something else can be printed; the next
    /// drawing comes below that.
    ///
    /// # Errors
    /// When the terminal cannot be written to.
    pub fn erase(&mut self) -> io::Result<()> {
        let text = self.erasure();
        self.lines_drawn = 0;
        self.drawn = None;
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// Prints a line above the table.
    ///
    /// # Errors
    /// When the terminal cannot be written to.
    pub fn print(&mut self, line: &str) -> io::Result<()> {
        self.erase()?;
        writeln!(self.out, "{line}")
    }

    fn erasure(&self) -> String {
        if self.lines_drawn == 0 {
            String::new()
        } else {
            format!("\x1b[{}A\r\x1b[J", self.lines_drawn)
        }
    }

    fn write_line(&self, text: &mut String, line: &[(String, Style)], width: usize) {
        let mut left = width.saturating_sub(1);
        for (part, style) in line {
            let cut: String = part.chars().take(left).collect();
            left -= cut.chars().count();
            // Writing to a string cannot fail.
            let _ = match self.look.colours && *style != PLAIN {
                true => write!(text, "{style}{cut}{style:#}"),
                false => write!(text, "{cut}"),
            };
        }
        text.push('\n');
    }

    fn lines(&mut self, now: UnixNanos, width: usize, height: usize) -> Vec<Vec<(String, Style)>> {
        let mut lines: Vec<Vec<_>> = self
            .status
            .iter()
            .map(|line| vec![(line.clone(), PLAIN)])
            .collect();
        if self.rows.is_empty() {
            return lines;
        }
        let room = height.saturating_sub(lines.len() + 3).max(1);
        let hidden = self.rows.len().saturating_sub(room);
        let widest = self
            .rows
            .iter()
            .map(|row| row.key.chars().count())
            .max()
            .unwrap_or(0);
        let key_width = widest.clamp(6, KEY_WIDTH_MAX.min(width / 2).max(6));
        // Exchange time, offset, age, lag and rate take 61; the value has the rest.
        let value_width = width.saturating_sub(key_width + 62).clamp(12, 48);
        let head = format!(
            "{:key_width$}  {:value_width$}  {:19}  {:>12}  {:>6}  {:>6}  {:>6}",
            "stream", "value", "exchange time, UTC", "offset", "age", "lag", "rate/s"
        );
        lines.push(vec![(head, HEAD)]);
        for row in self.rows.iter_mut().take(room) {
            row.measure(now);
            lines.push(row.cells(now, key_width, value_width));
        }
        if hidden > 0 {
            lines.push(vec![(format!("… and {} more", thousands(hidden as u64)), DIM)]);
        }
        lines
    }
}

/// How long after its cause an item came: after the stamp of the sender, or,
/// where that is of the past, after the log took it.
fn lag_nanos(item: &Item<'_>, received: UnixNanos) -> Option<i64> {
    [item.r, item.i]
        .into_iter()
        .flatten()
        .map(|time| received.nanos_since(time))
        .find(|lag| (-LAG_NANOS_MAX..LAG_NANOS_MAX).contains(lag))
}

impl Row {
    /// Rate and trend, once a drawing.
    fn measure(&mut self, now: UnixNanos) {
        let (since, before) = self.window;
        if since == 0 {
            self.window = (now.0, self.signals);
        } else if now.0.saturating_sub(since) >= RATE_WINDOW_NANOS {
            let seconds = now.0.saturating_sub(since) as f64 / UnixNanos::PER_SECOND as f64;
            self.rate = Some((self.signals - before) as f64 / seconds);
            self.window = (now.0, self.signals);
        }
    }

    fn cells(&mut self, now: UnixNanos, key_width: usize, value_width: usize) -> Vec<(String, Style)> {
        let pad = |text: &str, width: usize| format!("{:width$}  ", shorten(text, width));
        let (text, style) = if self.remark.is_empty() {
            let (text, number) = value_text(&self.value);
            if let (Some(number), Some(before)) = (number, self.number)
                && number != before
            {
                self.trend = Some(number > before);
            }
            self.number = number.or(self.number);
            let style = match (number, self.trend) {
                (None, _) => DIM,
                (_, Some(true)) => UP,
                (_, Some(false)) => DOWN,
                _ => PLAIN,
            };
            // What is made up is marked, however long it is.
            let mark = if self.mock { MOCK } else { "" };
            let room = value_width.saturating_sub(mark.len());
            (format!("{}{mark}", cut(&text, room)), style)
        } else {
            (self.remark.clone(), DIM)
        };
        let dash = || "-".to_owned();
        let age = self
            .received
            .map_or_else(dash, |received| span_text(now.nanos_since(received)));
        let lag = self.lag_nanos.map_or_else(dash, span_text);
        let lag_style = if self.lag_nanos.is_some_and(|lag| lag > LAG_NANOS_HIGH) {
            HIGH
        } else {
            PLAIN
        };
        let rate = self.rate.map_or_else(dash, |rate| {
            if rate < 10.0 {
                format!("{rate:.1}")
            } else {
                format!("{rate:.0}")
            }
        });
        let offset = self.offset.map_or_else(dash, |offset| offset.to_string());
        vec![
            (pad(&self.key, key_width), PLAIN),
            (pad(&text, value_width), style),
            (
                format!(
                    "{:19}  {offset:>12}  {age:>6}  ",
                    self.exchange_time.map_or_else(dash, time_text)
                ),
                PLAIN,
            ),
            (format!("{lag:>6}"), lag_style),
            (format!("  {rate:>6}"), PLAIN),
        ]
    }
}

/// Cuts at the end.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// Cuts in the middle: what tells streams apart stands at their ends.
fn shorten(text: &str, width: usize) -> String {
    let count = text.chars().count();
    if count <= width {
        return text.to_owned();
    }
    let (head, tail) = (width / 2, width - width / 2 - 1);
    let front: String = text.chars().take(head).collect();
    let back: String = text.chars().skip(count - tail).collect();
    format!("{front}…{back}")
}

/// `2013-01-02 15:04:05`.
fn time_text(time: UnixNanos) -> String {
    Timestamp::from(time).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// `12ms`, `3.4s`, `5m`, `2h`, `3d`.
fn span_text(nanos: i64) -> String {
    let ms = nanos as f64 / 1e6;
    match ms.abs() {
        ..1_000.0 => format!("{ms:.0}ms"),
        ..100_000.0 => format!("{:.1}s", ms / 1e3),
        ..6_000_000.0 => format!("{:.0}m", ms / 6e4),
        ..360_000_000.0 => format!("{:.0}h", ms / 3.6e6),
        _ => format!("{:.0}d", ms / 8.64e7),
    }
}

/// A value in a few words, and the number that it goes up and down by.
pub(crate) fn value_text(json: &str) -> (String, Option<f64>) {
    let Some(outputs) = serde_json::from_str::<&RawValue>(json).ok().and_then(outputs) else {
        return (json.to_owned(), None);
    };
    let field = |name: &str| {
        outputs
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, output)| output)
    };
    let number = |name: &str| match field(name) {
        Some(Output::Number(number)) => number.as_f64(),
        _ => None,
    };
    let mut text = String::new();
    // Writing to a string cannot fail.
    if let Some(price) = field("price") {
        let _ = write!(text, "{}", output_text(price));
        if let Some(size) = field("size") {
            let _ = write!(text, " x {}", output_text(size));
        }
        if let (Some(bid), Some(ask)) = (field("bid"), field("ask")) {
            let _ = write!(text, "  {}/{}", output_text(bid), output_text(ask));
        }
        return (text, number("price"));
    }
    if let (Some(open), Some(high), Some(low), Some(close)) =
        (field("open"), field("high"), field("low"), field("close"))
    {
        let [open, high, low, close] = [open, high, low, close].map(output_text);
        let _ = write!(text, "{close}  o {open} h {high} l {low}");
        if let Some(volume) = field("volume") {
            let _ = write!(text, " v {}", output_text(volume));
        }
        if matches!(field("corrected"), Some(Output::Truth(true))) {
            text.push_str("  corrected");
        }
        return (text, number("close"));
    }
    if let [(_, only)] = outputs.as_slice() {
        let number = match only {
            Output::Number(number) => number.as_f64(),
            Output::Truth(truth) => Some(f64::from(u8::from(*truth))),
            Output::Absent { .. } => None,
        };
        return (output_text(only), number);
    }
    for (name, output) in &outputs {
        let gap = if text.is_empty() { "" } else { "  " };
        let _ = write!(text, "{gap}{name} {}", short_text(output, 3));
    }
    let first = outputs.iter().find_map(|(name, _)| number(name));
    (text, first)
}

/// A number to at most eight digits, so that a column can be read.
fn output_text(output: &Output) -> String {
    short_text(output, 6)
}

fn short_text(output: &Output, decimals_max: usize) -> String {
    match output {
        Output::Number(number) => match number.as_f64() {
            Some(value) if number.is_f64() => {
                let decimals = 7_usize
                    .saturating_sub(value.abs().log10().max(0.0) as usize)
                    .min(decimals_max);
                let text = format!("{value:.decimals$}");
                match text.contains('.') {
                    true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
                    false => text,
                }
            }
            _ => number.to_string(),
        },
        Output::Truth(truth) => truth.to_string(),
        Output::Absent { absent } => absent.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(json: &str) -> Item<'_> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn values_are_readable() {
        let check = |json: &str, expected: &str, number: Option<f64>| {
            assert_eq!(value_text(json), (expected.to_owned(), number), "{json}");
        };
        check(r#"{"value":61.254321987}"#, "61.254322", Some(61.254321987));
        check(r#"{"value":24000.0}"#, "24000", Some(24000.0));
        check(r#"{"value":false}"#, "false", Some(0.0));
        check(r#"{"absent":"cold"}"#, "cold", None);
        check(
            r#"{"price":24000.05,"size":75,"bid":24000,"ask":24000.1}"#,
            "24000.05 x 75  24000/24000.1",
            Some(24000.05),
        );
        check(
            r#"{"start":1,"end":2,"open":1,"high":2.5,"low":0.5,"close":2.0,"volume":7,"ticks":12}"#,
            "2  o 1 h 2.5 l 0.5 v 7",
            Some(2.0),
        );
        check(
            r#"{"start":1,"end":2,"open":1,"high":2.5,"low":0.5,"close":2.0,"ticks":12,"corrected":true}"#,
            "2  o 1 h 2.5 l 0.5  corrected",
            Some(2.0),
        );
        check(
            r#"{"macd":0.35,"signal":{"absent":"cold"}}"#,
            "macd 0.35  signal cold",
            Some(0.35),
        );
        check(
            r#"{"upper":24001.90712,"middle":23999.5,"lower":23997.5239}"#,
            "upper 24001.907  middle 23999.5  lower 23997.524",
            Some(24001.90712),
        );
        check("", "", None);
        check("[1]", "[1]", None);
    }

    #[test]
    fn it_is_drawn_in_place_and_never_wider_than_the_terminal() {
        let look = Look {
            colours: false,
            size: Some((110, 10)),
        };
        let mut table = LiveTable::new(Vec::new(), look);
        let now = UnixNanos(1_790_000_000_000_000_000);
        for n in 0..20 {
            table.add(&format!("public:NSE@S{n}@EQ:tick:price"));
        }
        let json = r#"{"s":0,"k":"signal","o":9121,"prev":1,"n":3,"t":1790000000000000000,"r":1789999999995000000,"mock":true,"d":{"price":24000.05}}"#;
        table.update("public:NSE@S0@EQ:tick:price", &item(json), now);
        table.status(["status".to_owned()]);
        table.draw(now).unwrap();
        table.draw(now.saturating_add(50_000_000)).unwrap();
        let text = String::from_utf8(std::mem::take(&mut table.out)).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 9, "drawn once, and within ten rows:\n{text}");
        assert!(lines.iter().all(|line| line.chars().count() < 110));
        assert!(
            lines[2].contains("24000.05 mock") && lines[2].contains("9121") && lines[2].contains("5ms"),
            "{text}"
        );
        assert_eq!(lines[8], "… and 14 more");
        table.draw(now.saturating_add(100_000_000)).unwrap();
        assert!(table.out.starts_with(b"\x1b[9A\r\x1b[J"));
    }

    #[test]
    fn a_long_value_stays_marked() {
        let look = Look {
            colours: false,
            size: Some((100, 10)),
        };
        let mut table = LiveTable::new(Vec::new(), look);
        let json = r#"{"s":0,"k":"signal","o":9,"prev":8,"mock":true,"d":{"upper":24001.90712,"middle":23999.5,"lower":23997.523}}"#;
        table.update("common:x", &item(json), UnixNanos(0));
        table.draw_now(UnixNanos(0)).unwrap();
        let text = String::from_utf8(table.out).unwrap();
        assert!(text.contains("… mock  "), "{text}");
    }

    #[test]
    fn keys_are_cut_in_the_middle() {
        assert_eq!(shorten("abcdefghij", 10), "abcdefghij");
        assert_eq!(shorten("abcdefghijk", 10), "abcde…hijk");
    }

    #[test]
    fn spans_are_short() {
        let check = |nanos: i64, expected: &str| assert_eq!(span_text(nanos), expected);
        check(12_000_000, "12ms");
        check(3_400_000_000, "3.4s");
        check(300_000_000_000, "5m");
        check(10_800_000_000_000, "3h");
        check(864_000_000_000_000, "10d");
    }
}
