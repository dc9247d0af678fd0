//! Expressions over stored bars: the engine's own graph, so the same bits.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use tickwire_market::{Bar, Calendar, Forming, InstrumentKey, Session, Timeframe, UnixNanos};

use crate::chain::{ChainTerms, OptionContract, underlying_of};
use crate::expression::{Expression, ExpressionError};
use crate::graph::{Contract, Graph, GraphInput, Place, Tap};
use crate::instrument::bar_day;
use crate::value::Value;

const DAY_NANOS: i64 = 24 * 60 * UnixNanos::PER_MINUTE;

/// An instrument whose bars are given.
#[derive(Clone, Debug, Default)]
pub struct Member {
    /// The name by which expressions reach it, if it has one.
    pub key: Option<InstrumentKey>,
    /// Its trading hours; without them days are those of UTC and all hours are open.
    pub calendar: Option<Calendar>,
    /// Of an underlying: how its options are valued.
    pub chain: Option<ChainTerms>,
}

/// Why expressions cannot be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BatchRefusal {
    /// An expression does not fit its bars.
    #[error(transparent)]
    Expression(#[from] ExpressionError),
    /// The bars are longer than what is to be computed on.
    #[error("bars of {given} cannot be made into bars of {wanted}: give {given} or longer")]
    Shorter {
        /// How long the bars are.
        given: Timeframe,
        /// How long they should be.
        wanted: Timeframe,
    },
    /// An expression reads a chain.
    #[error(
        "{expression} reads quotes of a whole chain, which bars do not hold: it is computed live, or from the log"
    )]
    Chain {
        /// The expression.
        expression: String,
    },
    /// An expression names an instrument whose bars are not given.
    #[error("{expression} reads {instrument}, whose bars are not given")]
    NoBars {
        /// The expression.
        expression: String,
        /// The instrument.
        instrument: InstrumentKey,
    },
}

/// Computes expressions bar by bar. What a bar gives depends on no later one.
#[derive(Debug)]
pub struct Batch {
    graph: Graph,
    taps: Vec<Tap>,
    given: Timeframe,
    on: Place,
    members: Vec<Joining>,
    /// Scratch, kept to allocate once.
    closing: Vec<(Place, GraphInput)>,
}

/// A member with its longer bars.
#[derive(Debug)]
struct Joining {
    calendar: Option<Calendar>,
    session: Option<Session>,
    longer: Vec<(Timeframe, Option<(Forming, i32)>)>,
}

impl Batch {
    /// For expressions on bars of length `on` of the first member, made from bars of length
    /// `given`. Give [`Timeframe::TICK`] twice for bars of any other length.
    ///
    /// # Errors
    /// When they do not fit together.
    pub fn new(
        expressions: &[Expression],
        given: Timeframe,
        on: Timeframe,
        members: &[Member],
    ) -> Result<Self, BatchRefusal> {
        if on < given {
            return Err(BatchRefusal::Shorter { given, wanted: on });
        }
        let on = Place::bars(0, on);
        let find = |key: &InstrumentKey| {
            let place = members.iter().position(|member| member.key.as_ref() == Some(key));
            place.and_then(|place| u32::try_from(place).ok())
        };
        let mut graph = Graph::default();
        graph.set_contracts(Arc::new(contracts_of(members)));
        let mut taps = Vec::with_capacity(expressions.len());
        for expression in expressions {
            expression.check_on(on.timeframe)?;
            if let Some(key) = members.first().and_then(|member| member.key.as_ref()) {
                expression.check_of(key)?;
            }
            let of_ticks = on.timeframe == Timeframe::TICK && expression.reads_greeks();
            if expression.reads_chain() || of_ticks {
                return Err(BatchRefusal::Chain {
                    expression: expression.to_string(),
                });
            }
            let unknown = expression
                .instruments()
                .into_iter()
                .find(|key| find(key).is_none());
            if let Some(instrument) = unknown {
                return Err(BatchRefusal::NoBars {
                    expression: expression.to_string(),
                    instrument: instrument.clone(),
                });
            }
            let resolve = |key: &InstrumentKey| find(key).unwrap_or(u32::MAX);
            taps.push(graph.add(on, expression, &resolve, &mut Vec::new()));
        }
        let places: Vec<Place> = graph.places().chain([on]).collect();
        let members = (0..)
            .zip(members)
            .map(|(instrument, member)| {
                let longer = places
                    .iter()
                    .filter(|place| place.instrument == instrument && place.timeframe > given);
                let mut longer: Vec<_> = longer.map(|place| (place.timeframe, None)).collect();
                longer.sort_unstable_by_key(|(timeframe, _)| *timeframe);
                longer.dedup_by_key(|(timeframe, _)| *timeframe);
                Joining {
                    calendar: member.calendar,
                    session: None,
                    longer,
                }
            })
            .collect();
        Ok(Self {
            graph,
            taps,
            given,
            on,
            members,
            closing: Vec::new(),
        })
    }

    /// Whether a member's market is open when a bar begins. One that is not would be in no
    /// live bar either; leave it out.
    pub fn is_open(&mut self, member: usize, bar: &Bar) -> bool {
        self.members
            .get_mut(member)
            .is_some_and(|member| member.session_at(bar.start).is_some())
    }

    /// Takes bars that end at one time, later than those before, at most one of each member
    /// (given by its place). `row` is called for each bar of the length that is computed
    /// on that is closed now, in order, and reads what was computed by [`Batch::values`].
    pub fn next(&mut self, bars: &[(usize, Bar)], mut row: impl FnMut(&Self, &Bar)) {
        let Some(end) = bars.first().map(|(_, bar)| bar.end) else {
            return;
        };
        self.close_until(end, &mut row);
        for (member, bar) in bars {
            let Some(joining) = self.members.get_mut(*member) else {
                continue;
            };
            let Some(session) = joining.session_at(bar.start) else {
                continue;
            };
            let session_day = bar_day(&session);
            joining.join(bar, &session, session_day);
            let place = Place::bars(*member as u32, self.given);
            self.closing.push((
                place,
                GraphInput {
                    bar: *bar,
                    session_day,
                    quote: (None, None),
                },
            ));
        }
        self.take_ended(end);
        self.compute(&mut row);
    }

    /// What an expression (by its place) gave for the last bar.
    #[must_use]
    pub fn values(&self, expression: usize) -> &[Value] {
        self.taps.get(expression).map_or(&[], |tap| self.graph.read(*tap))
    }

    /// Closes longer bars that ended before `end`, because no bar came at their end.
    fn close_until(&mut self, end: UnixNanos, row: &mut impl FnMut(&Self, &Bar)) {
        loop {
            let ends = self.members.iter().flat_map(Joining::ends);
            let Some(earliest) = ends.filter(|ended| *ended < end).min() else {
                return;
            };
            self.take_ended(earliest);
            self.compute(row);
        }
    }

    fn take_ended(&mut self, end: UnixNanos) {
        for (instrument, member) in (0..).zip(&mut self.members) {
            for (timeframe, open) in &mut member.longer {
                let Some((bar, session_day)) = open.take_if(|(open, _)| open.peek().end <= end) else {
                    continue;
                };
                let place = Place::bars(instrument, *timeframe);
                let input = GraphInput {
                    bar: bar.peek(),
                    session_day,
                    quote: (None, None),
                };
                self.closing.push((place, input));
            }
        }
    }

    fn compute(&mut self, row: &mut impl FnMut(&Self, &Bar)) {
        let mut closing = std::mem::take(&mut self.closing);
        self.graph.close(&closing);
        if let Some((_, input)) = closing.iter().find(|(place, _)| *place == self.on) {
            row(self, &input.bar);
        }
        closing.clear();
        self.closing = closing;
    }
}

impl Joining {
    fn session_at(&mut self, time: UnixNanos) -> Option<Session> {
        if let Some(session) = self.session.filter(|session| session.contains(time)) {
            return Some(session);
        }
        self.session = match self.calendar {
            Some(calendar) => calendar.session_at(time).ok().flatten(),
            None => utc_day(time),
        };
        self.session
    }

    fn join(&mut self, bar: &Bar, session: &Session, session_day: i32) {
        for (timeframe, open) in &mut self.longer {
            let Some((start, end)) = session.bar(*timeframe, bar.start) else {
                continue;
            };
            match open {
                Some((open, _)) if open.peek().start == start => open.merge(bar),
                _ => *open = Some((Forming::open_with(start, end, bar), session_day)),
            }
        }
    }

    fn ends(&self) -> impl Iterator<Item = UnixNanos> {
        self.longer
            .iter()
            .filter_map(|(_, open)| Some(open.as_ref()?.0.peek().end))
    }
}

/// The options among members, by place.
fn contracts_of(members: &[Member]) -> FxHashMap<u32, Contract> {
    let keyed = || {
        (0u32..)
            .zip(members)
            .filter_map(|(at, member)| Some((at, member.key.as_ref()?)))
    };
    let options = keyed().filter_map(|(at, key)| {
        let underlying = underlying_of(key, keyed());
        let on = underlying.and_then(|underlying| {
            let member = members.get(underlying as usize)?;
            Some((member.key.as_ref()?, member.chain.as_ref()?))
        });
        let contract = OptionContract::of(key, on)?;
        Some((at, Contract { contract, underlying }))
    });
    options.collect()
}

/// A day that is open around the clock.
fn utc_day(time: UnixNanos) -> Option<Session> {
    let into_day = time.0.rem_euclid(DAY_NANOS);
    let open = UnixNanos(time.0.checked_sub(into_day)?);
    let timestamp = jiff::Timestamp::from_nanosecond(open.0.into()).ok()?;
    Some(Session {
        day: jiff::tz::TimeZone::UTC.to_datetime(timestamp).date(),
        open,
        close: UnixNanos(open.0.checked_add(DAY_NANOS)?),
    })
}
