//! One row of a file, as ticks.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use rustc_hash::FxHashMap;
use tickwire_market::{
    Bar, Calendar, InstrumentKey, InstrumentKeyError, Product, Quality, Quote, Session, Tick, UnixNanos,
};

use super::FileOptions;
use super::bar::{BarLength, DAY_NANOS, ticks_of};
use super::column::Column;
use super::error::{RowRefusal, excerpt};
use super::layout::{Kind, Layout, number};
use super::lines::Row;
use super::time::{self, DateOrder, Moment, TimeRefusal};

/// The most instruments in one file.
const INSTRUMENTS_MAX: usize = 65_536;
/// Spellings of a value that is not there.
const ABSENT: [&[u8]; 8] = [b"", b"-", b"null", b"none", b"na", b"n/a", b"nan", b"nil"];

/// One row's ticks, not yet in the order of the whole file.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) line: u64,
    pub(super) time: UnixNanos,
    pub(super) ticks: Ticks,
}

/// A quote or a trade is one tick, a bar four, unless bars are wanted.
#[derive(Debug)]
pub(super) enum Ticks {
    One(Tick),
    Four(Box<[Tick; 4]>),
    Bar(Option<InstrumentKey>, Bar),
}

/// As what rows are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Ticks, of bars too.
    Ticks,
    /// Bars, and no other rows.
    Bars,
}

/// Reads rows of one layout.
#[derive(Debug)]
pub(super) struct RowReader {
    layout: Layout,
    places: Places,
    zone: TimeZone,
    date_order: Option<DateOrder>,
    bar_length: BarLength,
    quality: Quality,
    options: FileOptions,
    form: Form,
    first_ticker: Option<Vec<u8>>,
    keys: FxHashMap<Vec<u8>, Result<InstrumentKey, RowRefusal>>,
    session: Option<(Calendar, Date, Session)>,
    /// The last bid and ask of a file that leaves out those that have not changed.
    sides: [Option<f64>; 2],
}

/// Where each column is.
#[derive(Clone, Copy, Debug)]
struct Places {
    time: Option<usize>,
    date: Option<usize>,
    open: Option<usize>,
    high: Option<usize>,
    low: Option<usize>,
    close: Option<usize>,
    volume: Option<usize>,
    bid: Option<usize>,
    ask: Option<usize>,
    bid_size: Option<usize>,
    ask_size: Option<usize>,
    price: Option<usize>,
    size: Option<usize>,
    cumulative_volume: Option<usize>,
    open_interest: Option<usize>,
    ticker: Option<usize>,
    exchange: Option<usize>,
}

impl RowReader {
    pub(super) fn new(
        layout: Layout,
        zone: TimeZone,
        date_order: Option<DateOrder>,
        options: &FileOptions,
        form: Form,
    ) -> Self {
        let places = Places {
            time: layout.place(Column::Time),
            date: layout.place(Column::Date),
            open: layout.place(Column::Open),
            high: layout.place(Column::High),
            low: layout.place(Column::Low),
            close: layout.place(Column::Close),
            volume: layout.place(Column::Volume),
            bid: layout.place(Column::Bid),
            ask: layout.place(Column::Ask),
            bid_size: layout.place(Column::BidSize),
            ask_size: layout.place(Column::AskSize),
            price: layout.place(Column::Price),
            size: layout.place(Column::Size),
            cumulative_volume: layout.place(Column::CumulativeVolume),
            open_interest: layout.place(Column::OpenInterest),
            ticker: layout.place(Column::Ticker),
            exchange: layout.place(Column::Exchange),
        };
        Self {
            layout,
            places,
            zone,
            date_order,
            bar_length: BarLength::Session,
            quality: options.quality,
            options: options.clone(),
            form,
            first_ticker: None,
            keys: FxHashMap::default(),
            session: None,
            sides: [None; 2],
        }
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(super) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    pub(super) fn has_no_date_order(&self) -> bool {
        self.date_order.is_none()
    }

    pub(super) fn set_date_order(&mut self, order: DateOrder) {
        self.date_order = Some(order);
    }

    pub(super) fn bar_length(&self) -> BarLength {
        self.bar_length
    }

    /// Whether rows may be of no instrument: bars, of which nothing says one.
    pub(super) fn may_be_nameless(&self) -> bool {
        let names = self.options.exchange.is_some() || !self.options.exchange_of.is_empty();
        self.form == Form::Bars
            && self.options.instrument.is_none()
            && !names
            && self.places.exchange.is_none()
    }

    pub(super) fn set_bar_length(&mut self, length: BarLength) {
        self.bar_length = length;
    }

    /// The text of the ticker column.
    pub(super) fn ticker<'a>(&self, row: Row<'a>) -> Option<&'a [u8]> {
        self.places.ticker.and_then(|place| row.get(place))
    }

    /// The text that holds the date.
    pub(super) fn date_text<'a>(&self, row: Row<'a>) -> &'a [u8] {
        self.places
            .date
            .or(self.places.time)
            .and_then(|place| row.get(place))
            .unwrap_or_default()
    }

    /// The text of the time, for messages.
    pub(super) fn time_text(&self, row: Row<'_>) -> String {
        let text = |place: Option<usize>| place.and_then(|place| row.get(place)).map(excerpt);
        [text(self.places.date), text(self.places.time)]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The time of a row as it is written.
    pub(super) fn moment(&self, row: Row<'_>) -> Result<Moment, TimeRefusal> {
        let field = |place: Option<usize>| place.and_then(|place| row.get(place)).unwrap_or_default();
        let text = field(self.places.time);
        if self.places.date.is_none() {
            return match time::read(text, self.date_order)? {
                Moment::TimeOfDay(_) => Err(TimeRefusal::Shape),
                moment => Ok(moment),
            };
        }
        match time::read(field(self.places.date), self.date_order)? {
            Moment::Civil { date, offset, .. } => Ok(Moment::Civil {
                date,
                time: Some(time::read_time_of_day(text)?),
                offset,
            }),
            Moment::Instant(_) | Moment::TimeOfDay(_) => Err(TimeRefusal::Shape),
        }
    }

    /// The instant of a row, midnight if it tells only the day, and the day it
    /// names. `last` is the time of the row before.
    pub(super) fn time(
        &self,
        row: Row<'_>,
        last: Option<UnixNanos>,
    ) -> Result<(UnixNanos, Date), TimeRefusal> {
        match self.moment(row)? {
            Moment::Instant(time) => Ok((time, self.zone.to_datetime(time.into()).date())),
            Moment::Civil { date, time, offset } => {
                let local = date.to_datetime(time.unwrap_or(Time::midnight()));
                Ok((time::instant(local, offset, &self.zone, last)?, date))
            }
            Moment::TimeOfDay(_) => Err(TimeRefusal::Shape),
        }
    }

    /// Reads a row whole.
    pub(super) fn read(
        &mut self,
        line: u64,
        row: Row<'_>,
        last: Option<UnixNanos>,
    ) -> Result<Record, RowRefusal> {
        let width = self.layout.width;
        let spare_are_empty = || (width..row.len()).all(|at| row.get(at).is_some_and(<[u8]>::is_empty));
        if row.len() < width || row.len() > width && !spare_are_empty() {
            return Err(RowRefusal::ColumnCount {
                found: row.len(),
                expected: width,
            });
        }
        let (time, day) = self.time(row, last).map_err(|reason| RowRefusal::Time {
            found: self.time_text(row),
            reason,
        })?;
        if self.may_be_nameless() {
            self.check_ticker(row)?;
            let bar = self.bar(row, None, time, day)?;
            return Ok(Record {
                line,
                time: bar.start,
                ticks: Ticks::Bar(None, bar),
            });
        }
        let instrument = self.instrument(row)?;
        match (self.layout.kind, self.form) {
            (Kind::Quotes, _) => self.quote(line, row, self.blank(instrument, time)),
            (Kind::Trades, _) => self.trade(line, row, self.blank(instrument, time)),
            (Kind::Bars, form) => {
                let bar = self.bar(row, Some(&instrument), time, day)?;
                let ticks = match form {
                    Form::Bars => Ticks::Bar(Some(instrument), bar),
                    Form::Ticks => {
                        let ticks = ticks_of(&bar, &self.blank(instrument, bar.start));
                        ticks.iter().try_for_each(Tick::check)?;
                        Ticks::Four(Box::new(ticks))
                    }
                };
                Ok(Record {
                    line,
                    time: bar.start,
                    ticks,
                })
            }
        }
    }

    fn blank(&self, instrument: InstrumentKey, time: UnixNanos) -> Tick {
        Tick {
            quality: self.quality,
            ..Tick::at(instrument, time, 0.0)
        }
    }

    /// A quote is told by its mid. Its volume belongs to no trade: 0 means
    /// that the source does not know, more is taken as the size.
    fn quote(&mut self, line: u64, row: Row<'_>, mut tick: Tick) -> Result<Record, RowRefusal> {
        let [bid, ask] = self.sides(row)?;
        let bid = bid.ok_or(RowRefusal::Missing { column: Column::Bid })?;
        let ask = ask.ok_or(RowRefusal::Missing { column: Column::Ask })?;
        tick.price = (bid + ask) / 2.0;
        tick.bid = Some(Quote {
            price: bid,
            size: self.optional(row, self.places.bid_size, Column::BidSize)?,
        });
        tick.ask = Some(Quote {
            price: ask,
            size: self.optional(row, self.places.ask_size, Column::AskSize)?,
        });
        tick.size = match self.optional(row, self.places.size, Column::Size)? {
            Some(size) => Some(size),
            None => self.volume(row)?,
        };
        self.finish(line, row, tick)
    }

    /// The bid and ask of a row.
    fn sides(&mut self, row: Row<'_>) -> Result<[Option<f64>; 2], RowRefusal> {
        let bid = self.optional(row, self.places.bid, Column::Bid)?;
        let ask = self.optional(row, self.places.ask, Column::Ask)?;
        if !self.layout.keeps_sides {
            return Ok([bid, ask]);
        }
        let [last_bid, last_ask] = self.sides;
        self.sides = [bid.or(last_bid), ask.or(last_ask)];
        Ok(self.sides)
    }

    /// A row without a price (a quote between trades) is told by the mid.
    fn trade(&mut self, line: u64, row: Row<'_>, mut tick: Tick) -> Result<Record, RowRefusal> {
        let [bid, ask] = self.sides(row)?;
        let price = self.optional(row, self.places.price, Column::Price)?;
        let mid = bid.zip(ask).map(|(bid, ask)| (bid + ask) / 2.0);
        tick.price = price.or(mid).ok_or(RowRefusal::Missing {
            column: Column::Price,
        })?;
        let quote = |price: Option<f64>, size| price.map(|price| Quote { price, size });
        tick.bid = quote(bid, self.optional(row, self.places.bid_size, Column::BidSize)?);
        tick.ask = quote(ask, self.optional(row, self.places.ask_size, Column::AskSize)?);
        // A volume beside a size is cumulative; alone, it is the size.
        if self.places.size.is_some() {
            tick.size = self.optional(row, self.places.size, Column::Size)?;
            tick.volume = self.volume(row)?;
        } else {
            tick.size = self.volume(row)?;
        }
        self.finish(line, row, tick)
    }

    fn finish(&self, line: u64, row: Row<'_>, mut tick: Tick) -> Result<Record, RowRefusal> {
        let cumulative = self.optional(row, self.places.cumulative_volume, Column::CumulativeVolume)?;
        tick.volume = cumulative.or(tick.volume);
        tick.open_interest = self.optional(row, self.places.open_interest, Column::OpenInterest)?;
        tick.check()?;
        Ok(Record {
            line,
            time: tick.exchange_time,
            ticks: Ticks::One(tick),
        })
    }

    fn bar(
        &mut self,
        row: Row<'_>,
        instrument: Option<&InstrumentKey>,
        time: UnixNanos,
        day: Date,
    ) -> Result<Bar, RowRefusal> {
        let (start, end) = match (self.bar_length, instrument) {
            (BarLength::Nanos(nanos), _) => (time, time.saturating_add(nanos)),
            (BarLength::Session, Some(instrument)) => {
                let session = self.session(instrument, day)?;
                (session.open, session.close)
            }
            (BarLength::Session, None) => (time, time.saturating_add(DAY_NANOS)),
        };
        let bar = Bar {
            start,
            end,
            open: self.required(row, self.places.open, Column::Open)?,
            high: self.required(row, self.places.high, Column::High)?,
            low: self.required(row, self.places.low, Column::Low)?,
            close: self.required(row, self.places.close, Column::Close)?,
            volume: self.volume(row)?,
            open_interest: self.optional(row, self.places.open_interest, Column::OpenInterest)?,
            ticks: 4,
        };
        bar.check()?;
        Ok(bar)
    }

    fn session(&mut self, instrument: &InstrumentKey, day: Date) -> Result<Session, RowRefusal> {
        let calendar = Calendar::of(instrument)?;
        if let Some((of, on, session)) = self.session
            && (of, on) == (calendar, day)
        {
            return Ok(session);
        }
        let session = calendar
            .session_on(day)?
            .ok_or(RowRefusal::NoSession { calendar, day })?;
        self.session = Some((calendar, day, session));
        Ok(session)
    }

    fn volume(&self, row: Row<'_>) -> Result<Option<f64>, RowRefusal> {
        let volume = self.optional(row, self.places.volume, Column::Volume)?;
        Ok(volume.filter(|volume| *volume != 0.0 || !self.layout.zero_volume_unknown))
    }

    fn optional(
        &self,
        row: Row<'_>,
        place: Option<usize>,
        column: Column,
    ) -> Result<Option<f64>, RowRefusal> {
        let Some(field) = place.and_then(|place| row.get(place)) else {
            return Ok(None);
        };
        if let Some(value) = number(field, self.layout.decimal_comma) {
            return Ok(Some(value));
        }
        if ABSENT.iter().any(|absent| field.eq_ignore_ascii_case(absent)) {
            return Ok(None);
        }
        Err(RowRefusal::NotANumber {
            column,
            found: excerpt(field),
        })
    }

    fn required(&self, row: Row<'_>, place: Option<usize>, column: Column) -> Result<f64, RowRefusal> {
        self.optional(row, place, column)?
            .ok_or(RowRefusal::Missing { column })
    }

    /// Refuses a row of another ticker than the first.
    fn check_ticker(&mut self, row: Row<'_>) -> Result<(), RowRefusal> {
        let Some(ticker) = self.ticker(row) else {
            return Ok(());
        };
        let first = self.first_ticker.get_or_insert_with(|| ticker.to_vec());
        if first == ticker {
            return Ok(());
        }
        Err(RowRefusal::OtherTicker {
            found: excerpt(ticker),
            first: excerpt(first),
        })
    }

    /// The instrument of a row: the one given, or that of its ticker.
    pub(super) fn instrument(&mut self, row: Row<'_>) -> Result<InstrumentKey, RowRefusal> {
        let ticker = self.ticker(row);
        if let Some(instrument) = self.options.instrument.clone() {
            self.check_ticker(row)?;
            return Ok(instrument);
        }
        let ticker = ticker.filter(|ticker| !ticker.is_empty());
        let ticker = ticker.ok_or(RowRefusal::Missing {
            column: Column::Ticker,
        })?;
        let venue = self.places.exchange.filter(|_| self.options.exchange.is_none());
        let Some(venue) = venue.and_then(|place| row.get(place)) else {
            if let Some(known) = self.keys.get(ticker) {
                return known.clone();
            }
            return self.learn(ticker.to_vec(), ticker, None);
        };
        let together = [ticker, b"\0", venue].concat();
        match self.keys.get(&together) {
            Some(known) => known.clone(),
            None => self.learn(together, ticker, Some(venue)),
        }
    }

    fn learn(
        &mut self,
        id: Vec<u8>,
        ticker: &[u8],
        venue: Option<&[u8]>,
    ) -> Result<InstrumentKey, RowRefusal> {
        let refusal = |reason| RowRefusal::Ticker {
            ticker: excerpt(ticker),
            reason,
        };
        if self.keys.len() >= INSTRUMENTS_MAX {
            return Err(refusal(format!(
                "the file has more than {INSTRUMENTS_MAX} instruments"
            )));
        }
        let found = key(ticker, venue, &self.options).map_err(refusal);
        self.keys.insert(id, found.clone());
        found
    }

    /// The instruments met so far, sorted.
    pub(super) fn instruments(&self) -> Vec<InstrumentKey> {
        if let Some(instrument) = &self.options.instrument {
            return vec![instrument.clone()];
        }
        let mut met: Vec<InstrumentKey> = self.keys.values().flatten().cloned().collect();
        met.sort_unstable();
        met
    }
}

/// The key of a ticker. A whole key is taken as it is; otherwise the exchange
/// is the one given, that of the row, or that of the map, in this order, and a
/// slash (`EUR/USD`) falls away. Where currencies trade it is a spot price, elsewhere a share.
fn key(ticker: &[u8], venue: Option<&[u8]>, options: &FileOptions) -> Result<InstrumentKey, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_uppercase();
    let ticker = text(ticker);
    if ticker.contains('@') {
        return InstrumentKey::from_alias(&ticker).map_err(|error| error.to_string());
    }
    let exchange = options.exchange.as_ref().map(|exchange| exchange.to_uppercase());
    let exchange = exchange
        .or_else(|| venue.map(text))
        .or_else(|| options.exchange_of.get(&ticker).cloned());
    let exchange = exchange.ok_or("its exchange is not known: give --exchange")?;
    let symbol = ticker.replace('/', "");
    let trades_spot = [Calendar::Fx, Calendar::Crypto]
        .iter()
        .any(|calendar| calendar.exchanges().contains(&&*exchange));
    let product = if trades_spot { Product::Spot } else { Product::Eq };
    match InstrumentKey::parse(&format!("{exchange}@{symbol}@{product}")) {
        Err(InstrumentKeyError::NotCanonical { canonical, .. }) => InstrumentKey::parse(&canonical),
        other => other,
    }
    .map_err(|error| error.to_string())
}
