//! NSE and BSE with their derivatives: 09:15-15:30 in India, 2015-2026.
//!
//! Closed weekdays and weekday specials by the data of pandas_market_calendars
//! 5.5 (NSE), which cites the exchange's circulars; weekend sessions by the
//! circulars as the press reported them. Where two short sessions were held on
//! one day, the table spans both.
//!
//! Unknown: the hours of the Muhurat session on Sunday, 8 November 2026. The
//! table has no session on that day.

use super::table::{Hours, Table, hours, special, year};

const REGULAR: Hours = hours((9, 15), (15, 30));

/// The table.
pub(super) static TABLE: Table = Table {
    regular: REGULAR,
    // The exchange has no regular short session.
    short: REGULAR,
    #[rustfmt::skip]
    years: &[
        year(2015, &[126, 217, 306, 402, 403, 414, 501, 917, 925, 1002, 1022, 1112, 1125, 1225], &[]),
        year(2016, &[126, 307, 324, 325, 414, 415, 419, 706, 815, 905, 913, 1011, 1012, 1031, 1114], &[]),
        year(2017, &[126, 224, 313, 404, 414, 501, 626, 815, 825, 1002, 1020, 1225], &[]),
        year(2018, &[126, 213, 302, 329, 330, 501, 815, 822, 913, 920, 1002, 1018, 1108, 1123, 1225], &[]),
        year(2019, &[304, 321, 417, 419, 429, 501, 605, 812, 815, 902, 910, 1002, 1008, 1021, 1028, 1112, 1225], &[]),
        year(2020, &[221, 310, 402, 406, 410, 414, 501, 525, 1002, 1116, 1130, 1225], &[]),
        year(2021, &[126, 311, 329, 402, 414, 421, 513, 721, 819, 910, 1015, 1105, 1119], &[]),
        year(2022, &[126, 301, 318, 414, 415, 503, 809, 815, 831, 1005, 1026, 1108], &[]),
        year(2023, &[126, 307, 330, 404, 407, 414, 501, 629, 815, 919, 1002, 1024, 1114, 1127, 1225], &[]),
        year(2024, &[122, 126, 308, 325, 329, 411, 417, 501, 520, 617, 717, 815, 1002, 1115, 1120, 1225], &[]),
        year(2025, &[226, 314, 331, 410, 414, 418, 501, 815, 827, 1002, 1022, 1105, 1225], &[]),
        year(2026, &[115, 126, 303, 326, 331, 403, 414, 501, 528, 626, 914, 1002, 1020, 1110, 1124, 1225], &[]),
    ],
    specials: &[
        // Saturday, Union Budget.
        special(2015, 2, 28, REGULAR),
        // Muhurat.
        special(2015, 11, 11, hours((17, 45), (18, 45))),
        special(2016, 10, 30, hours((18, 30), (19, 30))),
        special(2017, 10, 19, hours((18, 30), (19, 30))),
        special(2018, 11, 7, hours((17, 30), (18, 30))),
        special(2019, 10, 27, hours((18, 15), (19, 15))),
        // Saturday, Union Budget.
        special(2020, 2, 1, REGULAR),
        // Muhurat, on a Saturday.
        special(2020, 11, 14, hours((18, 15), (19, 15))),
        // Extended after an outage from 11:40 to 15:45.
        special(2021, 2, 24, hours((9, 15), (17, 0))),
        // Muhurat; in 2023 on a Sunday.
        special(2021, 11, 4, hours((18, 15), (19, 15))),
        special(2022, 10, 24, hours((18, 15), (19, 15))),
        special(2023, 11, 12, hours((18, 15), (19, 15))),
        // Saturday, in place of Monday.
        special(2024, 1, 20, REGULAR),
        // Saturdays, change to the recovery site: 09:15-10:00 and 11:30-12:30;
        // 09:15-10:00 and 11:45-12:40.
        special(2024, 3, 2, hours((9, 15), (12, 30))),
        special(2024, 5, 18, hours((9, 15), (12, 40))),
        // Muhurat.
        special(2024, 11, 1, hours((18, 0), (19, 0))),
        // Saturday, Union Budget.
        special(2025, 2, 1, REGULAR),
        // Muhurat.
        special(2025, 10, 21, hours((13, 45), (14, 45))),
        // Sunday, Union Budget.
        special(2026, 2, 1, REGULAR),
    ],
};
