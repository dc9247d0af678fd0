//! Where in a value the mark stands.

/// Marks that a value can carry: three digits, and never none.
pub const LEVELS: u32 = 999;
/// Parts of a cell.
const PARTS: i64 = LEVELS as i64 + 1;
/// The grid is at least so much finer than the tick: the power of ten.
const BELOW_TICK: i32 = 1;
/// Digits of a value that stand above the mark, whatever the tick.
const DIGITS_KEPT: i32 = 6;
/// Powers of ten that are exact.
const EXACT: i32 = 22;
/// Marked values are whole numbers of parts below this, so that all their digits are exact.
const PARTS_MAX: f64 = (1_u64 << 50) as f64;
/// A value so near to the grid, in cells, lies on it.
const ON_GRID: f64 = 1e-3;

/// The grid below which a value of a size is marked. Its points are the
/// multiples of a power of ten, at most a tenth of the tick and at most the
/// unit of the value's sixth digit; a cell lies between two of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Grid {
    /// Decimals of the grid's points; negative left of the point.
    decimals: i32,
}

impl Grid {
    /// The grid of values of the size of `value`, on an instrument with such a tick.
    /// `None` where the value's digits have no room.
    pub fn of(value: f64, tick: f64) -> Option<Self> {
        let size = value.abs();
        if !size.is_finite() || size == 0.0 {
            return None;
        }
        let decimals = (DIGITS_KEPT - 1 - decade(size)?).max(BELOW_TICK - decade(tick)?);
        let grid = Self { decimals };
        let fits =
            decimals + DIGITS_OF_MARK <= EXACT && decimals >= -EXACT && grid.parts(value)?.abs() < PARTS_MAX;
        fits.then_some(grid)
    }

    /// The cell that a value lies in; `None` on the grid itself.
    pub fn cell(self, value: f64) -> Option<i64> {
        let cells = scaled(value, self.decimals)?;
        let cell = cells.floor();
        let inside = cells - cell;
        (inside > ON_GRID && inside < 1.0 - ON_GRID).then_some(cell as i64)
    }

    /// The value of a cell with a mark in it.
    pub fn value(self, cell: i64, level: u32) -> f64 {
        let parts = (cell * PARTS + i64::from(level)) as f64;
        // The double nearest to the decimal number: both are exact.
        scaled(parts, -self.decimals_of_parts()).unwrap_or(parts)
    }

    /// A value in parts of a cell.
    pub(super) fn parts(self, value: f64) -> Option<f64> {
        scaled(value, self.decimals_of_parts())
    }

    /// Parts in a cell.
    pub(super) const PARTS: i64 = PARTS;

    /// Decimals of a marked value.
    pub(super) fn decimals_of_parts(self) -> i32 {
        self.decimals + DIGITS_OF_MARK
    }
}

/// Digits of a mark.
const DIGITS_OF_MARK: i32 = 3;

/// Powers of ten from 10^-22 to 10^22.
const POWERS: [f64; 2 * EXACT as usize + 1] = [
    1e-22, 1e-21, 1e-20, 1e-19, 1e-18, 1e-17, 1e-16, 1e-15, 1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8,
    1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// The greatest whole number whose power of ten is not above `size`.
fn decade(size: f64) -> Option<i32> {
    let above = POWERS.partition_point(|power| *power <= size);
    let place = i32::try_from(above).ok()? - 1 - EXACT;
    (above > 0 && above < POWERS.len()).then_some(place)
}

/// `value` times ten to the `decimals`, rounded once.
fn scaled(value: f64, decimals: i32) -> Option<f64> {
    let power = *POWERS.get(usize::try_from(EXACT + decimals.abs()).ok()?)?;
    Some(if decimals >= 0 {
        value * power
    } else {
        value / power
    })
}
