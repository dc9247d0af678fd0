//! Text that may be an expression.

use tickwire_signals::Expression;

/// Parses text. Of what is one, the canonical form is within bounds and means the same; an
/// error points into the text.
pub fn expression(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match Expression::parse(&text) {
        Ok(expression) => {
            let canonical = expression.to_string();
            let again = match Expression::parse(&canonical) {
                Ok(again) => again,
                Err(error) => panic!("{text:?} became {canonical:?}, which is none: {error}"),
            };
            assert_eq!(again, expression, "{canonical:?} means another than {text:?}");
            assert_eq!(again.to_string(), canonical);
            assert!(!expression.output_texts().is_empty());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
