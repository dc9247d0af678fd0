//! Bytes taken apart.

use tickwire_indicators::{Definition, Input, ParameterKind, Series, registry};

/// Bytes that are taken from the front; zeros once they are used up.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Bytes<'_> {
    pub(crate) fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    pub(crate) fn number(&mut self) -> f64 {
        f64::from_bits(u64::from_le_bytes(std::array::from_fn(|_| self.byte())))
    }

    /// An indicator with parameters within their bounds, of small windows.
    pub(crate) fn indicator(&mut self) -> (&'static Definition, Vec<f64>) {
        let at = usize::from(u16::from_le_bytes([self.byte(), self.byte()]));
        let definition = &registry()[at % registry().len()];
        let parameters: Vec<f64> = definition
            .parameters
            .iter()
            .map(|parameter| {
                let byte = f64::from(self.byte());
                match parameter.kind {
                    ParameterKind::Bars => (parameter.minimum + byte % 24.0).min(parameter.maximum),
                    ParameterKind::Real => {
                        parameter.minimum + (parameter.maximum - parameter.minimum) * byte / 255.0
                    }
                }
            })
            .collect();
        match definition.check(&parameters) {
            Ok(()) => (definition, parameters),
            // Those that must be in an order are not always.
            Err(_) => (definition, definition.defaults()),
        }
    }

    /// A row of inputs: mostly of a bar that can be used, else anything.
    pub(crate) fn row(&mut self, definition: &Definition, day: &mut f64) -> Vec<f64> {
        let kind = self.byte();
        if kind >= 240 {
            return definition.inputs.iter().map(|_| self.number()).collect();
        }
        *day += f64::from(kind % 2);
        let close = f64::from(self.byte()) + 1.0;
        let (up, down) = (f64::from(self.byte()) / 8.0, f64::from(self.byte()) / 512.0);
        let high = close + up;
        let low = close * (1.0 - down);
        definition
            .inputs
            .iter()
            .map(|input| match input {
                Input::Fixed(Series::High) => high,
                Input::Fixed(Series::Low) => low,
                Input::Fixed(Series::Open) => (high + low) / 2.0,
                Input::Fixed(Series::Volume) => f64::from(kind / 16),
                Input::SessionDay => *day,
                Input::Chosen if kind < 16 => -close,
                _ => close,
            })
            .collect()
    }
}
