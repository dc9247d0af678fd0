//! MCX commodities: 09:00-23:30 in India, 2024-2026.
//!
//! Holidays by the exchange's yearly lists as brokers and the press reprinted
//! them. On most holidays only the morning is closed: the short session is the
//! evening, 17:00-23:30. On 1 January the evening is closed.
//!
//! The exchange closes at 23:55 while New York is on standard time; this table
//! closes at 23:30 all year, which is when the contracts without an
//! international reference stop.
//!
//! Unknown: the hours of the Muhurat session on Sunday, 8 November 2026. The
//! table has no session on that day.

use super::table::{Hours, Table, hours, special, year};

const MORNING: Hours = hours((9, 0), (17, 0));

/// The table.
pub(super) static TABLE: Table = Table {
    regular: hours((9, 0), (23, 30)),
    short: hours((17, 0), (23, 30)),
    #[rustfmt::skip]
    years: &[
        year(2024, &[126, 329, 815, 1002, 1225],
            &[122, 308, 325, 411, 417, 501, 520, 617, 717, 1115, 1120]),
        year(2025, &[418, 815, 1002, 1225],
            &[226, 314, 331, 410, 414, 501, 827, 1022, 1105]),
        year(2026, &[126, 403, 1002, 1225],
            &[115, 303, 326, 331, 414, 501, 528, 626, 914, 1020, 1110, 1124]),
    ],
    specials: &[
        special(2024, 1, 1, MORNING),
        // Muhurat.
        special(2024, 11, 1, hours((18, 0), (19, 0))),
        special(2025, 1, 1, MORNING),
        // Saturday, Union Budget.
        special(2025, 2, 1, MORNING),
        // Muhurat.
        special(2025, 10, 21, hours((13, 45), (14, 45))),
        special(2026, 1, 1, MORNING),
        // Sunday, Union Budget.
        special(2026, 2, 1, MORNING),
    ],
};
