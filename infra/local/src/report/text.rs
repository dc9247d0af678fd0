//! Figures as people read them.

/// `1,234,567`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1,234.57`, with as many decimals as are asked for.
pub fn decimals(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    let (sign, text) = text
        .strip_prefix('-')
        .map_or(("", text.as_str()), |rest| ("-", rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let Ok(whole) = whole.parse() else {
        return format!("{sign}{text}");
    };
    let dot = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{}{dot}{fraction}", thousands(whole))
}

/// `1.5 MB`, in powers of 1,024.
pub fn bytes_text(bytes: u64) -> String {
    let mut number = bytes as f64;
    for unit in ["B", "KB", "MB", "GB"] {
        if number < 1_024.0 {
            return if unit == "B" {
                format!("{bytes} B")
            } else {
                format!("{number:.1} {unit}")
            };
        }
        number /= 1_024.0;
    }
    format!("{number:.1} TB")
}

/// Names and what is said of them, in two columns. An empty name heads a part.
pub fn pairs(rows: &[(String, String)]) -> String {
    let is_head = |row: &&(String, String)| !row.1.is_empty();
    let width = rows
        .iter()
        .filter(is_head)
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    let mut out = String::new();
    for (name, value) in rows {
        if value.is_empty() {
            out.push_str(name);
        } else {
            let pad = width - name.chars().count();
            out.push_str(&format!("  {name}{}  {value}", " ".repeat(pad)));
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_readable() {
        let check = |found: String, expected: &str| assert_eq!(found, expected);
        check(thousands(0), "0");
        check(thousands(999), "999");
        check(thousands(1_000), "1,000");
        check(thousands(u64::MAX), "18,446,744,073,709,551,615");
        check(decimals(1_234.567, 2), "1,234.57");
        check(decimals(-0.5, 1), "-0.5");
        check(decimals(f64::NAN, 1), "NaN");
        check(bytes_text(1_023), "1023 B");
        check(bytes_text(1_536), "1.5 KB");
        check(bytes_text(3 * 1_024 * 1_024), "3.0 MB");
    }
}
