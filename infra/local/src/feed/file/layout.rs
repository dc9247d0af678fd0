//! How a file is laid out: delimiter, header, columns, kind of rows.

use super::column::Column;
use super::error::{FeedError, excerpt};
use super::lines::{Fields, is_blank, without_end};
use super::time::{self, Moment, TimeRefusal};

/// Delimiters tried; of those that fit equally well, the first.
const DELIMITERS: [u8; 4] = *b"\t;|,";
/// Lines that decide on the delimiter and the columns.
const LINES_SNIFFED_MAX: usize = 200;
/// Most lines of remarks before the header or the first row.
const PREAMBLE_LINES_MAX: usize = 10;
/// Two prices that are at most this share apart can be a bid and an ask.
const SPREAD_SHARE_MAX: f64 = 0.01;
/// Of the rows looked at, this share must fit a guess.
const ROWS_FITTING_PERCENT_MIN: usize = 90;
/// Rows needed to guess from their values what the columns are.
const ROWS_TO_GUESS_MIN: usize = 2;

/// What the rows of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A bid and an ask a row.
    Quotes,
    /// A price a row.
    Trades,
    /// Open, high, low and close a row.
    Bars,
}

/// How a file is laid out.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) delimiter: u8,
    /// The names in the header, if there is one.
    pub(super) header: Option<Vec<String>>,
    /// Lines before the first row: remarks and header.
    pub(super) lines_before: usize,
    /// Columns that a row has.
    pub(super) width: usize,
    /// What each column holds; further ones are not read.
    pub(super) columns: Vec<Column>,
    pub(super) kind: Kind,
    /// `1,25` is one and a quarter.
    pub(super) decimal_comma: bool,
    /// HistData's shape: no header, `YYYYMMDD HHMMSS[mmm]` first. Its times
    /// are in New York without daylight saving, and its volume is always 0.
    pub(super) histdata: bool,
    /// A volume of 0 says that the source does not know it: of quotes, where
    /// ticks are counted, and where every row looked at has 0.
    pub(super) zero_volume_unknown: bool,
    /// A bid or ask that is empty has not changed (MetaTrader's exported ticks).
    pub(super) keeps_sides: bool,
}

impl Layout {
    /// Finds the layout from the first lines of the file `name`.
    pub(super) fn detect(name: &str, text: &[u8], given: Option<&[Column]>) -> Result<Self, FeedError> {
        let lines: Vec<(usize, &[u8])> = text
            .split(|byte| *byte == b'\n')
            .map(without_end)
            .enumerate()
            .filter(|(_, line)| !is_blank(line))
            .take(LINES_SNIFFED_MAX)
            .collect();
        let Some((_, first_line)) = lines.first() else {
            return Err(FeedError::Empty {
                name: name.to_owned(),
            });
        };
        let unclear = |line: &[u8], reason: &str| FeedError::ColumnsUnclear {
            name: name.to_owned(),
            reason: reason.to_owned(),
            first_line: excerpt(line),
        };
        let Some((delimiter, width)) = delimiter(&lines) else {
            return Err(unclear(
                first_line,
                "no comma, semicolon, tab or bar divides its lines",
            ));
        };
        let mut fields = Fields::new(delimiter);
        let mut rows: Vec<(usize, Vec<Vec<u8>>)> = lines
            .iter()
            .map(|(at, line)| (*at, fields.split(line).iter().map(<[u8]>::to_vec).collect()))
            .collect();
        let is_remark = |row: &[Vec<u8>]| {
            row.len() < width && row.iter().filter_map(|name| Column::from_header(name)).count() < 2
        };
        let remarks = rows
            .iter()
            .take(PREAMBLE_LINES_MAX)
            .take_while(|(_, row)| is_remark(row))
            .count();
        rows.drain(..remarks);
        let is_header = |row: &[Vec<u8>]| !row.iter().any(|field| is_value(field));
        let header = match rows.first() {
            Some((_, row)) if is_header(row) => Some(rows.remove(0).1),
            _ => None,
        };
        let lines_before = rows.first().map_or(0, |(at, _)| *at);
        let first_data = lines
            .iter()
            .find(|(at, _)| *at == lines_before)
            .map_or(*first_line, |(_, line)| line);
        let rows: Vec<Vec<Vec<u8>>> = rows
            .into_iter()
            .map(|(_, row)| row)
            .filter(|row| row.len() == width)
            .collect();
        let Some(first_row) = rows.first().cloned() else {
            return Err(FeedError::Empty {
                name: name.to_owned(),
            });
        };
        let decimal_comma = delimiter != b',' && rows.iter().flatten().any(|field| is_decimal_comma(field));
        let columns = match (given, &header) {
            (Some(given), _) => given.to_vec(),
            (None, Some(header)) => named(header, &first_row),
            (None, None) => guess(&rows, decimal_comma).map_err(|reason| unclear(first_data, reason))?,
        };
        let mut columns = settle(columns, &first_row);
        while columns.len() > width && given.is_none() && columns.last() == Some(&Column::Ignore) {
            columns.pop();
        }
        let histdata = header.is_none() && first_row.first().is_some_and(|time| is_histdata(time));
        let incomplete = |problem| FeedError::ColumnsIncomplete {
            name: name.to_owned(),
            columns: header.as_ref().filter(|_| given.is_none()).map_or_else(
                || {
                    columns
                        .iter()
                        .map(|column| column.as_str())
                        .collect::<Vec<_>>()
                        .join(",")
                },
                |header| {
                    header
                        .iter()
                        .map(|name| excerpt(name))
                        .collect::<Vec<_>>()
                        .join(",")
                },
            ),
            problem,
        };
        if columns.len() > width {
            return Err(incomplete("are more than its rows have"));
        }
        let kind = kind(&columns).map_err(incomplete)?;
        let volume_at = columns.iter().position(|column| *column == Column::Volume);
        let volumes: Vec<f64> = rows
            .iter()
            .filter_map(|row| {
                volume_at
                    .and_then(|at| row.get(at))
                    .and_then(|field| number(field, decimal_comma))
            })
            .collect();
        let never_volume = volumes.len() >= ROWS_TO_GUESS_MIN && volumes.iter().all(|volume| *volume == 0.0);
        let is_named = |wanted: &[u8]| {
            header
                .iter()
                .flatten()
                .any(|name| name.eq_ignore_ascii_case(wanted))
        };
        let keeps_sides = is_named(b"<FLAGS>") && is_named(b"<BID>") && is_named(b"<ASK>");
        let counts_ticks = header.iter().flatten().any(|name| {
            let name = String::from_utf8_lossy(name).to_lowercase();
            name.contains("tickvol") || name.contains("tick_vol")
        });
        Ok(Self {
            delimiter,
            header: header.map(|header| header.iter().map(|name| excerpt(name)).collect()),
            lines_before,
            width,
            columns,
            kind,
            decimal_comma,
            histdata,
            zero_volume_unknown: histdata || counts_ticks || never_volume || kind == Kind::Quotes,
            keeps_sides,
        })
    }

    /// Where `column` is.
    pub(super) fn place(&self, column: Column) -> Option<usize> {
        self.columns.iter().position(|found| *found == column)
    }
}

/// The delimiter that divides most lines into the same number of columns
/// (more than one), and that number.
fn delimiter(lines: &[(usize, &[u8])]) -> Option<(u8, usize)> {
    let mut best: Option<(usize, u8, usize)> = None;
    for delimiter in DELIMITERS {
        let mut fields = Fields::new(delimiter);
        let mut widths: Vec<usize> = lines.iter().map(|(_, line)| fields.split(line).len()).collect();
        widths.sort_unstable();
        let commonest = widths
            .chunk_by(|a, b| a == b)
            .filter_map(|chunk| Some((chunk.len(), *chunk.first()?)))
            .filter(|(_, width)| *width > 1)
            .max();
        if let Some((count, width)) = commonest
            && best.is_none_or(|(most, ..)| count > most)
        {
            best = Some((count, delimiter, width));
        }
    }
    best.map(|(_, delimiter, width)| (delimiter, width))
}

/// Whether a field is a number or a time, so that its line is no header.
fn is_value(field: &[u8]) -> bool {
    is_decimal_comma(field)
        || number(field, false).is_some()
        || !matches!(time::read(field, None), Err(TimeRefusal::Shape))
}

/// `1,25`: digits, one comma, digits.
fn is_decimal_comma(field: &[u8]) -> bool {
    let digits = field.iter().filter(|byte| byte.is_ascii_digit()).count();
    field.contains(&b',')
        && digits + 1 == field.len()
        && field.first().is_some_and(u8::is_ascii_digit)
        && field.last().is_some_and(u8::is_ascii_digit)
}

/// A finite number, perhaps with a currency sign and thousands divided by commas.
pub(super) fn number(field: &[u8], decimal_comma: bool) -> Option<f64> {
    let text = std::str::from_utf8(field).ok()?;
    let parsed: Option<f64> = if decimal_comma && text.contains(',') {
        text.replace('.', "").replace(',', ".").parse().ok()
    } else if let Ok(value) = text.parse() {
        Some(value)
    } else {
        let text = text.strip_prefix('$').unwrap_or(text);
        let (head, groups) = text.split_once(',').unwrap_or((text, ""));
        let well_grouped = groups.is_empty()
            || (1..=3).contains(&head.len())
                && groups
                    .split('.')
                    .next()
                    .is_some_and(|whole| whole.split(',').all(|group| group.len() == 3));
        well_grouped.then(|| text.replace(',', "").parse().ok())?
    };
    parsed.filter(|value| value.is_finite())
}

/// The columns of a header. A column that is named twice is read once, and an
/// unnamed first column that holds times is the time.
fn named(header: &[Vec<u8>], first_row: &[Vec<u8>]) -> Vec<Column> {
    let mut columns: Vec<Column> = header
        .iter()
        .map(|name| Column::from_header(name).unwrap_or(Column::Ignore))
        .collect();
    let tells_time = columns
        .iter()
        .any(|column| matches!(column, Column::Time | Column::Date));
    if let (false, Some(first), Some(name), Some(value)) =
        (tells_time, columns.first_mut(), header.first(), first_row.first())
        && name.is_empty()
        && time::read(value, None).is_ok()
    {
        *first = Column::Time;
    }
    // "Volume BTC" beside "Volume USDT": the first is in units of the instrument.
    if !columns.contains(&Column::Volume)
        && let Some(at) = header
            .iter()
            .position(|name| name.to_ascii_lowercase().starts_with(b"volume "))
        && let Some(column) = columns.get_mut(at)
    {
        *column = Column::Volume;
    }
    columns
}

/// Reads each column once, and makes a date the time unless the time beside it
/// is a time of day alone.
fn settle(mut columns: Vec<Column>, first_row: &[Vec<u8>]) -> Vec<Column> {
    for at in 1..columns.len() {
        let (before, from) = columns.split_at_mut(at);
        if let Some(column) = from.first_mut()
            && before.contains(column)
        {
            *column = Column::Ignore;
        }
    }
    let place = |wanted| columns.iter().position(|column| *column == wanted);
    match (place(Column::Time), place(Column::Date)) {
        (Some(time), Some(date)) => {
            let value = first_row.get(time).map_or(&b""[..], Vec::as_slice);
            let tells_date = match time::read(value, None) {
                Ok(Moment::TimeOfDay(_)) | Err(TimeRefusal::Shape) => false,
                Ok(Moment::Instant(_) | Moment::Civil { .. }) | Err(_) => true,
            };
            if tells_date && let Some(column) = columns.get_mut(date) {
                *column = Column::Ignore;
            }
        }
        (None, Some(date)) => {
            if let Some(column) = columns.get_mut(date) {
                *column = Column::Time;
            }
        }
        (_, None) => (),
    }
    columns
}

/// What the columns make, or what is wrong with them.
fn kind(columns: &[Column]) -> Result<Kind, &'static str> {
    let has = |column| columns.contains(&column);
    if !has(Column::Time) {
        return Err("tell no time: name the columns with --columns, one of them time");
    }
    let prices = [Column::Open, Column::High, Column::Low, Column::Close];
    match prices.into_iter().filter(|column| has(*column)).count() {
        4 => Ok(Kind::Bars),
        _ if has(Column::Price) => Ok(Kind::Trades),
        _ if has(Column::Bid) && has(Column::Ask) => Ok(Kind::Quotes),
        1.. => Err(
            "tell not all of open, high, low and close: name the columns with --columns; \
            a single price is read as price",
        ),
        0 => Err(
            "tell neither bid and ask, nor a price, nor open, high, low and close: \
            name the columns with --columns",
        ),
    }
}

/// `YYYYMMDD HHMMSS` or `YYYYMMDD HHMMSSmmm`.
fn is_histdata(field: &[u8]) -> bool {
    matches!(field.len(), 15 | 18)
        && field.iter().enumerate().all(|(at, byte)| {
            if at == 8 {
                *byte == b' '
            } else {
                byte.is_ascii_digit()
            }
        })
}

/// What the columns of rows without a header hold, if only one answer fits
/// every row looked at.
fn guess(rows: &[Vec<Vec<u8>>], decimal_comma: bool) -> Result<Vec<Column>, &'static str> {
    // A bad row among them must not hide what the others show.
    let most = |fits: &dyn Fn(&[Vec<u8>]) -> bool| {
        rows.iter().filter(|row| fits(row)).count() * 100 >= rows.len() * ROWS_FITTING_PERCENT_MIN
    };
    let field = |row: &[Vec<u8>], at: usize| row.get(at).cloned().unwrap_or_default();
    let is_time = |at: usize| {
        most(&|row| {
            matches!(
                time::read(&field(row, at), None),
                Ok(Moment::Instant(_) | Moment::Civil { .. }) | Err(TimeRefusal::DateOrderUnclear)
            )
        })
    };
    let is_time_of_day =
        |at: usize| most(&|row| matches!(time::read(&field(row, at), None), Ok(Moment::TimeOfDay(_))));
    let mut columns = Vec::new();
    if most(&|row| field(row, 0).first().is_some_and(u8::is_ascii_alphabetic)) {
        columns.push(Column::Ticker);
    }
    if !is_time(columns.len()) {
        return Err("it has no header, and the first column is not a time");
    }
    columns.push(Column::Time);
    if is_time_of_day(columns.len()) {
        columns.pop();
        columns.extend([Column::Date, Column::Time]);
    }
    let first_value = columns.len();
    let values = |row: &[Vec<u8>]| -> Vec<f64> {
        row.iter()
            .skip(first_value)
            .map_while(|field| number(field, decimal_comma))
            .collect()
    };
    let mut widths: Vec<usize> = rows.iter().map(|row| values(row).len()).collect();
    widths.sort_unstable();
    let width = widths.get(widths.len() / 2).copied().unwrap_or_default();
    let histdata = most(&|row| is_histdata(&field(row, 0)));
    let rows_min = if histdata { 1 } else { ROWS_TO_GUESS_MIN };
    let fit = |fits: &dyn Fn(&[f64]) -> bool| rows.len() >= rows_min && most(&|row| fits(&values(row)));
    let bid_and_ask = fit(&|row: &[f64]| match row {
        [bid, ask, rest @ ..] => {
            let near = |a: f64, b: f64| (a - b).abs() <= SPREAD_SHARE_MAX * a.abs().max(b.abs());
            *bid > 0.0 && bid <= ask && near(*bid, *ask) && !rest.iter().any(|other| near(*bid, *other))
        }
        _ => false,
    });
    let bars = fit(&|row: &[f64]| match row {
        [open, high, low, close, ..] => {
            let range = *low..=*high;
            *low > 0.0 && range.contains(open) && range.contains(close)
        }
        _ => false,
    });
    let price_and_nothing =
        histdata && fit(&|row: &[f64]| matches!(row, [price, volume] if *price > 0.0 && *volume == 0.0));
    let quotes = [Column::Bid, Column::Ask];
    let ohlc = [Column::Open, Column::High, Column::Low, Column::Close];
    match width {
        0 => return Err("it has no header, and no number after the time"),
        1 => columns.push(Column::Price),
        2 if bid_and_ask => columns.extend(quotes),
        // HistData's single prices.
        2 if price_and_nothing => columns.extend([Column::Price, Column::Volume]),
        2 => return Err("two numbers after the time could be bid and ask, or price and size"),
        3 if bid_and_ask || histdata => columns.extend(quotes.into_iter().chain([Column::Volume])),
        3 => return Err("three numbers after the time could be many things"),
        4 if bars && !bid_and_ask => columns.extend(ohlc),
        4 => return Err("four numbers after the time that need not be open, high, low and close"),
        _ if bars => columns.extend(ohlc.into_iter().chain([Column::Volume])),
        _ => return Err("the numbers after the time are not open, high, low and close"),
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(text: &str) -> String {
        match Layout::detect("f.csv", text.as_bytes(), None) {
            Ok(layout) => {
                let names: Vec<_> = layout.columns.iter().map(|column| column.as_str()).collect();
                format!("{:?} {}", layout.kind, names.join(","))
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn headers() {
        let check = |text: &str, expected: &str| assert_eq!(columns(text), expected, "{text}");
        check(
            "Time,Open,High,Low,Close,Volume\n2020-01-01 00:00,1,2,1,2,5\n",
            "Bars time,open,high,low,close,volume",
        );
        check(
            "Ticker,Date,Open,High,Low,Close,Volume,Adj Close\nA,2020-01-01,1,2,1,2,5,1\n",
            "Bars ticker,time,open,high,low,close,volume,ignore",
        );
        check(
            "date,time,price,qty\n2020-01-01,09:30:00,1,2\n",
            "Trades date,time,price,size",
        );
        check(
            "<DATE>\t<TIME>\t<BID>\t<ASK>\n2020.01.01\t093000\t1\t2\n",
            "Quotes date,time,bid,ask",
        );
        check(
            "unix,date,close,open,high,low\n1580463000,2020-01-31,2,1,2,1\n",
            "Bars time,ignore,close,open,high,low",
        );
        check(
            ",bid,ask\n2020-01-01 00:00:00.000+00:00,1,2\n",
            "Quotes time,bid,ask",
        );
        check(
            "# remark\nhttps://example.org\ntime;price\n2020-01-01;1\n",
            "Trades time,price",
        );
        check(
            "id,price,qty,time,maker\n1,5.0,2,1580463000123,true\n",
            "Trades ignore,price,size,time,ignore",
        );
        check(
            "unix,symbol,open,high,low,close,Volume BTC,Volume USDT\n1580463000,BTC/USDT,1,2,1,2,5,9\n",
            "Bars time,ticker,open,high,low,close,volume,ignore",
        );
    }

    #[test]
    fn guesses() {
        let check = |text: &str, expected: &str| assert_eq!(columns(text), expected, "{text}");
        check(
            "20200101 170000065,1.1212,1.1217,0\n",
            "Quotes time,bid,ask,volume",
        );
        check(
            "20200101 170000;1.1212;1.1217;1.1;1.11;0\n",
            "Bars time,open,high,low,close,volume",
        );
        check(
            "2020.01.01,17:00,1,3,1,2,0\n2020.01.01,17:01,2,3,1,2,0\n",
            "Bars date,time,open,high,low,close,volume",
        );
        check(
            "EUR/USD,20200101 17:00:00.065,1.1212,1.1217\nEUR/USD,20200101 17:00:01.065,1.1212,1.1217\n",
            "Quotes ticker,time,bid,ask",
        );
        check("1580463000,5.5\n1580463001,5.6\n", "Trades time,price");
        check("20200101 170000;1.1212;0\n", "Trades time,price,volume");
        let with_a_bad_row =
            "1580463000,1.5,1.501\nbad,1,x\n".to_owned() + &"1580463000,1.5,1.501\n".repeat(10);
        check(&with_a_bad_row, "Quotes time,bid,ask");
        check(
            "1580463000000,1,3,1,2,9,1580463059999,4,5,6,7,0\n1580463060000,1,3,1,2,9,1580463119999,4,5,6,7,0\n",
            "Bars time,open,high,low,close,volume",
        );
        check(
            "2020-01-01 10:00;1,5\n2020-01-01 10:01;1,6\n",
            "Trades time,price",
        );
    }

    #[test]
    fn unclear() {
        let check = |text: &str, expected: &str| {
            let found = columns(text);
            assert!(found.contains(expected), "{text}: {found}");
        };
        check(
            "1580463000,5.5,100\n1580463001,5.6,200\n",
            "price and size; give --columns",
        );
        check(
            "1580463000,5.5,100\n1580463001,5.6,200\n",
            "first line is: 1580463000,5.5,100",
        );
        check("1580463000,1,2,3\n1580463001,1,2,3\n", "three numbers");
        check("hello\nworld\n", "no comma");
        check("a,b\nc,d\n", "tell no time");
        check("time,foo\n1580463000,2\n", "tell neither");
        check("time,close\n1580463000,2\n", "not all of open");
        check("time,price\n", "has no rows");
        check("\n# nothing\n\n", "has no rows");
        check("1,2\n3,4\n", "not a time");
    }

    #[test]
    fn columns_given() {
        let given = [Column::Time, Column::Price, Column::Size];
        let layout = Layout::detect("f", b"1580463000,5.5,100\n", Some(&given)).unwrap();
        assert_eq!(
            (layout.kind, layout.header.is_some(), layout.lines_before),
            (Kind::Trades, false, 0)
        );
        let layout = Layout::detect("f", b"x,y,z\n1580463000,5.5,100\n", Some(&given)).unwrap();
        assert_eq!((layout.header.is_some(), layout.lines_before), (true, 1));
        let error = Layout::detect("f", b"1580463000,5.5\n", Some(&given))
            .unwrap_err()
            .to_string();
        assert!(error.contains("more than its rows have"), "{error}");
    }

    #[test]
    fn numbers() {
        let check =
            |text: &str, comma, expected| assert_eq!(number(text.as_bytes(), comma), expected, "{text}");
        check("1.5", false, Some(1.5));
        check("1e3", false, Some(1000.0));
        check("$1,234.50", false, Some(1234.5));
        check("12,34", false, None);
        check("1,25", true, Some(1.25));
        check("1.234,5", true, Some(1234.5));
        check("NaN", false, None);
        check("inf", false, None);
        check("", false, None);
        check("1.5M", false, None);
    }
}
