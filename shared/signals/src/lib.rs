//! Expressions, the plan they share, and the engine that folds the events of a
//! group into bars and signals.
//!
//! The engine is a pure function: the same events give the same signals, bit
//! for bit, whether live, replayed or read back from the log.

mod batch;
mod chain;
mod engine;
mod event;
mod expression;
mod graph;
mod history;
mod instrument;
mod minute;
mod state;
mod value;

pub use batch::{Batch, BatchRefusal, Member};
pub use chain::{
    CHAIN_EVERY_NANOS, ChainOfError, ChainTerms, ChainTermsError, GREEKS, OptionContract, QUOTE_STALE_NANOS,
    UNDERLYING_STALE_NANOS, Valuation, Valuer, chain_of, underlying_at, underlying_of,
};
pub use engine::{
    CORRECTABLE_NANOS, ClosedBar, Counters, ENGINE_VERSION, Engine, Fold, Folded, HELD_BARS_PER_USER_MAX,
    INSTRUMENTS_PER_GROUP_MAX, LATENESS_NANOS, Latest, NODES_PER_GRAPH_MAX, NODES_PER_USER_MAX, Refusal,
    STREAMS_PER_GROUP_MAX, Signal, Stream, StreamId, checked, checked_for, checked_on, outputs_of,
};
pub use event::{Event, PlanChange, ReferenceChange, Seed, WarmUp, split_bar};
pub use expression::{
    BinaryOperator, DEPTH_MAX, EXPRESSION_BYTES_MAX, Expression, ExpressionError, ExpressionErrorKind,
    Function, HELD_BARS_MAX, NODES_MAX, Need, Node, OptionSource, Series, Tenor, UnaryOperator, WINDOW_MAX,
};
pub use history::{adjust, coarsen};
pub use instrument::base_timeframe;
pub use state::StateRefusal;
pub use value::{Absence, PriceValue, SignalValue, Value};
