//! What a segment takes: its bytes are what the log costs.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use tickwire_market::{InstrumentKey, Quality, Quote, Tick, UnixNanos};
use tickwire_signals::{Event, PriceValue, Signal, SignalValue};
use tickwire_streams::{Offset, Position};
use tickwire_wire::{Caused, LoggedEvent, Segment, SourceRow, decode, encode};

/// Instruments of the group: an index and its options.
const INSTRUMENTS: usize = 442;
/// Shares in a contract.
const LOT: f64 = 75.0;
/// Steps of the price per rupee.
const STEPS_PER_UNIT: f64 = 20.0;
/// When the log begins.
const START: i64 = 1_767_584_700_000_000_000;
/// How much later a simulated tick is due.
const DUE_LATER: i64 = 27_604_800_123_456_789;
/// Segments in which every stream finds its first signals.
const SEGMENTS_BEFORE: u64 = 60;
/// Segments that are measured.
const SEGMENTS: u64 = 50;
/// Mean encoded size of a tick with its price signal, its share of the
/// segment's own bytes included.
const BYTES_PER_TICK_MAX: f64 = 27.0;
/// A put is billed for each begun kilobyte; the row's attributes take the rest.
const SEGMENT_BYTES_MAX: usize = 900;

/// How the sender stamps what it received.
#[derive(Clone, Copy, Debug)]
enum Stamps {
    /// With the exchange's time, as a replay does.
    Exchange,
    /// With the time at which it is due, months later, in whole microseconds.
    Due,
    /// By a clock of whole microseconds, one to four milliseconds later.
    Clock,
}

/// A market with trades and quotes, the same each time.
struct Market {
    state: u64,
    keys: Vec<InstrumentKey>,
    /// Steps of the price, lots traded, lots open.
    books: Vec<(f64, f64, f64)>,
    latest: Vec<Option<Offset>>,
    exchange: i64,
    receive: i64,
    seq: u64,
}

impl Market {
    fn new() -> Self {
        let mut keys = vec![InstrumentKey::parse("NSE@NIFTY@IDX").unwrap()];
        let mut books = vec![(24_000.0 * STEPS_PER_UNIT, 0.0, 0.0)];
        for at in 0..INSTRUMENTS - 1 {
            let strike = 24_000 + 50 * (at / 6) as i64 * if at % 4 < 2 { 1 } else { -1 };
            let (day, right) = (["06", "13", "20"][at % 3], ["CE", "PE"][at % 2]);
            let key = format!("NFO@NIFTY@OPT@2026-01-{day}@{right}@{strike}");
            keys.push(InstrumentKey::parse(&key).unwrap());
            let nearness = (-(at as f64) / 48.0).exp();
            books.push((
                (20.0 + 5_000.0 * nearness).round(),
                (30_000.0 * nearness).round(),
                (500.0 + 40_000.0 * nearness).round(),
            ));
        }
        Self {
            state: 42,
            keys,
            books,
            latest: vec![None; INSTRUMENTS],
            exchange: START,
            receive: START,
            seq: 100_000,
        }
    }

    /// A number of `0..below`.
    fn random(&mut self, below: u64) -> u64 {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % below
    }

    /// Few large ones.
    fn lots(&mut self, mean: f64) -> f64 {
        let uniform = self.random(1_000) as f64 / 1_000.0;
        1.0 + (-(1.0 - uniform).ln() * (mean - 1.0)).round()
    }

    /// Near the money more often; one in fifty is the index.
    fn instrument(&mut self) -> usize {
        match self.random(50) {
            0 => 0,
            _ => {
                let uniform = self.random(1_000) as f64 / 1_000.0;
                1 + (-(1.0 - uniform).ln() * 80.0) as usize % (INSTRUMENTS - 1)
            }
        }
    }

    fn tick(&mut self, nanos: i64, stamps: Stamps) -> (usize, Tick) {
        let instrument = self.instrument();
        // A thousand ticks a second.
        self.exchange += (1 + self.random(2_000_000 / nanos as u64) as i64) * nanos;
        self.receive = match stamps {
            Stamps::Exchange => self.exchange,
            Stamps::Due => (self.exchange + DUE_LATER) / 1_000 * 1_000,
            Stamps::Clock => {
                let lag = 1_000_000 + self.random(3_000_000) as i64;
                self.receive.max((self.exchange + lag) / 1_000 * 1_000)
            }
        };
        let step = self.random(5) as f64 - 2.0;
        let trade = self.random(10) < 7;
        let (size, at_ask) = (self.lots(4.0), self.random(2) == 0);
        let (bid_size, ask_size) = (self.lots(20.0) * LOT, self.lots(20.0) * LOT);
        let opened = self.random(3) as f64 - 1.0;
        let book = &mut self.books[instrument];
        book.0 = (book.0 + step).max(2.0);
        let half_spread = (book.0 * 0.0015).ceil();
        let quote = |steps: f64, size| {
            let price = steps.max(1.0) / STEPS_PER_UNIT;
            Some(Quote {
                price,
                size: Some(size),
            })
        };
        let is_option = instrument > 0;
        let trade = (trade && is_option).then_some(size);
        book.1 += trade.unwrap_or(0.0);
        book.2 = (book.2 + trade.unwrap_or(0.0) * opened).max(0.0);
        let (bid, ask) = (
            quote(book.0 - half_spread, bid_size).filter(|_| is_option),
            quote(book.0 + half_spread, ask_size).filter(|_| is_option),
        );
        let traded = if at_ask { ask } else { bid };
        let tick = Tick {
            receive_time: UnixNanos(self.receive),
            size: trade.map(|lots| lots * LOT),
            volume: is_option.then_some(book.1 * LOT),
            open_interest: is_option.then_some(book.2 * LOT),
            bid,
            ask,
            quality: Quality::Mock,
            ..Tick::at(
                self.keys[instrument].clone(),
                UnixNanos(self.exchange),
                traded.map_or(book.0 / STEPS_PER_UNIT, |quote| quote.price),
            )
        };
        (instrument, tick)
    }

    /// The next segment, each tick with the signal of its price stream.
    fn segment(&mut self, number: u64, ticks: usize, nanos: i64, stamps: Stamps) -> Vec<u8> {
        let (mut events, mut signals, mut causes) = (Vec::new(), Vec::new(), Vec::new());
        let mut places = Vec::new();
        let first_seq = self.seq;
        for at in 0..ticks {
            let (instrument, tick) = self.tick(nanos, stamps);
            let offset = Offset::new(number, at as u16);
            signals.push(Signal {
                stream: instrument as u32,
                offset,
                previous: self.latest[instrument].replace(offset),
                exchange_time: tick.exchange_time,
                receive_time: tick.receive_time,
                source: 0,
                mock: true,
                value: SignalValue::Price(PriceValue::of(&tick)),
            });
            causes.push(at as u32);
            places.push((tick.instrument.clone(), instrument as u32));
            events.push(LoggedEvent {
                source: 0,
                seq: self.seq,
                event: Event::Tick(tick),
            });
            self.seq += 1;
        }
        let epoch = START.unsigned_abs() - 5_000_000_123;
        let position = Position {
            epoch,
            next: self.seq,
            ..Position::default()
        };
        let committed_at = UnixNanos(self.receive + 7_000_123);
        let source = SourceRow {
            name: "simulator-1".into(),
            position,
            seen: UnixNanos(self.receive),
        };
        let places: std::collections::HashMap<_, _> = places.into_iter().collect();
        let segment = Segment::new(1, 12, committed_at, vec![source], Vec::new()).pack(
            number,
            &events,
            |key| places[key],
            |_| epoch,
            &Caused {
                signals: &signals,
                causes: &causes,
                ..Caused::default()
            },
        );
        let bytes = encode(&segment).unwrap();
        let read: Segment = decode(&bytes).unwrap();
        assert_eq!(read.runs()[0].seq, first_seq);
        assert_eq!(read.signals(number), signals);
        bytes
    }
}

/// Mean and greatest encoded size of segments of so many ticks.
fn sizes(ticks: usize, nanos: i64, stamps: Stamps) -> (f64, usize) {
    let mut market = Market::new();
    let sizes: Vec<usize> = (1..=SEGMENTS_BEFORE + SEGMENTS)
        .map(|number| market.segment(number, ticks, nanos, stamps).len())
        .skip(SEGMENTS_BEFORE as usize)
        .collect();
    let mean = sizes.iter().sum::<usize>() as f64 / sizes.len() as f64;
    (mean, sizes.into_iter().max().unwrap())
}

#[test]
fn ticks_with_their_signals_are_small() {
    for ticks in [28, 32] {
        for stamps in [Stamps::Exchange, Stamps::Due, Stamps::Clock] {
            for nanos in [1_000, 1] {
                let (mean, max) = sizes(ticks, nanos, stamps);
                let per_tick = mean / ticks as f64;
                let case = format!("{ticks} ticks, times in {nanos} ns, {stamps:?}");
                println!("{case}: {mean:.1} bytes, {per_tick:.1} a tick, at most {max}");
                assert!(per_tick <= BYTES_PER_TICK_MAX, "{case}: {per_tick}");
                assert!(max <= SEGMENT_BYTES_MAX, "{case}: {max}");
            }
        }
    }
}
