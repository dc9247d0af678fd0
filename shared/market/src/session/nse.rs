//! Dated table.
use super::table::{Table, Year, hours};

pub(super) static TABLE: Table = Table {
    regular: hours((9, 15), (15, 30)),
    short: hours((9, 15), (13, 0)),
    years: &[Year { year: 2026, closed: &[], short: &[] }],
    specials: &[],
};
