//! The ticks of a segment, a column a field.

use serde::{Deserialize, Serialize};
use tickwire_market::{Depth, InstrumentKey, Quality, Quote, Tick, UnixNanos};
use tickwire_signals::PriceValue;

use crate::columns::{Numbers, Prices, Runs, Times, field};

/// Ticks without their instruments' keys, which the segment does not hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Ticks {
    /// Places of the instruments; the one column that knows how many ticks there are.
    instrument: Vec<u32>,
    /// How each tick departs from a live one with all fields but depth.
    departs: Runs<u16>,
    exchange: Times,
    /// Beside the exchange time.
    receive: Times,
    /// With bid and ask.
    price: Prices,
    size: Numbers,
    volume: Numbers,
    open_interest: Numbers,
    bid_size: Numbers,
    ask_size: Numbers,
    depth: Vec<Depth>,
}

// Frequent ones first: a byte holds seven.
const MOCK: u16 = 1;
const NO_SIZE: u16 = 1 << 1;
const NO_VOLUME: u16 = 1 << 2;
const NO_OPEN_INTEREST: u16 = 1 << 3;
const NO_BID: u16 = 1 << 4;
const NO_ASK: u16 = 1 << 5;
const DEPTH: u16 = 1 << 6;
const NO_BID_SIZE: u16 = 1 << 7;
const NO_ASK_SIZE: u16 = 1 << 8;
const STALE: u16 = 1 << 9;

/// Which of the other prices of a row.
const BID: usize = 0;
const ASK: usize = 1;

impl Ticks {
    pub(super) fn pack(ticks: &[(u32, &Tick)]) -> Self {
        let mut packed = Self::default();
        let (mut exchange, mut receive, mut prices) = (Vec::new(), Vec::new(), Vec::new());
        let mut columns: [Vec<f64>; 5] = Default::default();
        for (instrument, tick) in ticks {
            packed.instrument.push(*instrument);
            exchange.push(tick.exchange_time.0);
            receive.push(tick.receive_time.0);
            let quotes = [tick.bid, tick.ask];
            prices.push((tick.price, quotes.map(|quote| quote.map(|quote| quote.price))));
            let mut departs = match tick.quality {
                Quality::Live => 0,
                Quality::Mock => MOCK,
                Quality::Stale => STALE,
            };
            for (quote, absent) in quotes.iter().zip([NO_BID, NO_ASK]) {
                if quote.is_none() {
                    departs |= absent;
                }
            }
            let [bid_size, ask_size] = quotes.map(|quote| quote.map(|quote| quote.size));
            // Where there is no quote nothing is said of its size.
            let optional = [
                (Some(tick.size), NO_SIZE),
                (Some(tick.volume), NO_VOLUME),
                (Some(tick.open_interest), NO_OPEN_INTEREST),
                (bid_size, NO_BID_SIZE),
                (ask_size, NO_ASK_SIZE),
            ];
            for (column, (field, absent)) in columns.iter_mut().zip(optional) {
                match field {
                    Some(Some(number)) => column.push(number),
                    Some(None) => departs |= absent,
                    None => (),
                }
            }
            if let Some(depth) = &tick.depth {
                departs |= DEPTH;
                packed.depth.push((**depth).clone());
            }
            packed.departs.push(departs);
        }
        let [size, volume, open_interest, bid_size, ask_size] = columns.map(|column| Numbers::pack(&column));
        Self {
            exchange: Times::after(&exchange),
            receive: Times::pack(&receive, &exchange),
            price: Prices::pack(&prices),
            size,
            volume,
            open_interest,
            bid_size,
            ask_size,
            ..packed
        }
    }

    pub(super) fn len(&self) -> usize {
        self.instrument.len()
    }

    /// The ticks in order; ends early where the columns do not fit together.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row> + '_ {
        let (mut exchange, mut receive) = (self.exchange.reader(), self.receive.reader());
        let (mut price, mut size) = (self.price.reader(), self.size.reader());
        let (mut volume, mut open_interest) = (self.volume.reader(), self.open_interest.reader());
        let (mut bid_size, mut ask_size) = (self.bid_size.reader(), self.ask_size.reader());
        let mut depth = self.depth.iter();
        let row = move |(instrument, departs): (&u32, u16)| {
            let has = |absent: u16| departs & absent == 0;
            let exchange_time = exchange.next(0)?;
            Some(Row {
                instrument: *instrument,
                exchange_time: UnixNanos(exchange_time),
                receive_time: UnixNanos(receive.next(exchange_time)?),
                price: PriceValue {
                    price: price.next()?,
                    size: field(has(NO_SIZE), &mut size)?,
                    volume: field(has(NO_VOLUME), &mut volume)?,
                    open_interest: field(has(NO_OPEN_INTEREST), &mut open_interest)?,
                    bid: if has(NO_BID) {
                        Some(price.other(BID)?)
                    } else {
                        None
                    },
                    ask: if has(NO_ASK) {
                        Some(price.other(ASK)?)
                    } else {
                        None
                    },
                },
                bid_size: field(has(NO_BID | NO_BID_SIZE), &mut bid_size)?,
                ask_size: field(has(NO_ASK | NO_ASK_SIZE), &mut ask_size)?,
                depth: field(!has(DEPTH), &mut depth)?.map(|depth| Box::new(depth.clone())),
                quality: match departs & (MOCK | STALE) {
                    0 => Quality::Live,
                    MOCK => Quality::Mock,
                    _ => Quality::Stale,
                },
            })
        };
        self.instrument.iter().zip(self.departs.reader()).map_while(row)
    }
}

/// A tick but for the instrument's key.
pub(super) struct Row {
    /// Place of the instrument.
    pub(super) instrument: u32,
    pub(super) exchange_time: UnixNanos,
    pub(super) receive_time: UnixNanos,
    pub(super) price: PriceValue,
    bid_size: Option<f64>,
    ask_size: Option<f64>,
    depth: Option<Box<Depth>>,
    quality: Quality,
}

impl Row {
    pub(super) fn into_tick(self, instrument: InstrumentKey) -> Tick {
        let quote = |price: Option<f64>, size| price.map(|price| Quote { price, size });
        Tick {
            instrument,
            exchange_time: self.exchange_time,
            receive_time: self.receive_time,
            price: self.price.price,
            size: self.price.size,
            volume: self.price.volume,
            open_interest: self.price.open_interest,
            bid: quote(self.price.bid, self.bid_size),
            ask: quote(self.price.ask, self.ask_size),
            depth: self.depth,
            quality: self.quality,
        }
    }
}
