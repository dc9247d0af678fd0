//! What log lines may show.

use crate::Finding;

/// The fields on the list of `shared/telemetry/src/logging/fields.rs`, from its text.
pub fn listed(text: &str) -> Vec<&str> {
    let list = text
        .split("LISTED")
        .nth(1)
        .and_then(|rest| rest.split("];").next());
    let lines = list.unwrap_or_default().lines();
    lines
        .filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("\","))
        .collect()
}

/// Finds fields of log lines and spans whose values would not be shown.
pub fn log_fields(path: &str, text: &str, listed: &[&str]) -> Vec<Finding> {
    let code = text.split("\n#[cfg(test)]").next().unwrap_or_default();
    let mut findings = Vec::new();
    for (at, start) in code.match_indices("tracing::") {
        let call = &code[at + start.len()..];
        let Some((name, arguments)) = call.split_once("!(") else {
            continue;
        };
        let level = name.strip_suffix("_span").unwrap_or(name);
        if !["error", "warn", "info", "debug", "trace"].contains(&level) {
            continue;
        }
        for field in arguments_of(arguments)
            .iter()
            .filter_map(|argument| field_of(argument))
        {
            if !listed.contains(&field) {
                let line = 1 + code[..at].matches('\n').count();
                let what = format!("field {field} is not on the list of those that are shown");
                findings.push(Finding::new(format!("{path}:{line}"), what));
            }
        }
    }
    findings
}

/// What stands between the commas of a call, whose text begins behind its parenthesis;
/// the text of an event and what it is made of left out.
fn arguments_of(call: &str) -> Vec<String> {
    let (mut arguments, mut depth, mut in_text) = (vec![String::new()], 0_i32, false);
    let mut letters = call.chars();
    while let Some(letter) = letters.next() {
        let argument = arguments.len() - 1;
        arguments[argument].push(letter);
        match letter {
            '\\' if in_text => arguments[argument].extend(letters.next()),
            '"' => in_text = !in_text,
            _ if in_text => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => {
                arguments[argument].pop();
                break;
            }
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                arguments[argument].pop();
                arguments.push(String::new());
            }
            _ => {}
        }
    }
    let is_text = |argument: &String| argument.trim_start().starts_with('"');
    let name = arguments.iter().position(is_text).unwrap_or(arguments.len());
    // A span's name comes first, an event's text last.
    let kept = if name == 0 { 1..arguments.len() } else { 0..name };
    arguments[kept].to_vec()
}

/// The field of `name = value`, `%name`, `?name` or `name`.
fn field_of(argument: &str) -> Option<&str> {
    let argument = argument.trim().trim_start_matches(['%', '?']);
    let end = argument
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(argument.len());
    let (field, rest) = argument.split_at(end);
    let rest = rest.trim_start();
    let is_field = rest.is_empty() || (rest.starts_with('=') && !rest.starts_with("=="));
    (is_field && !field.is_empty()).then_some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_is_not_listed_is_found() {
        let list = listed("pub const LISTED: [&str; 3] = [\n    \"error\",\n    \"group\",\n    \"id\",\n];");
        assert_eq!(list, ["error", "group", "id"]);
        let check = |call: &str, expected: usize| {
            let found = log_fields("x.rs", &format!("tracing::{call};"), &list);
            assert_eq!(found.len(), expected, "{call} {found:?}");
        };
        check("warn!(group, %error, \"a {}\", secret)", 0);
        check(
            "warn!(group = messages[0].group, error = %f(a, b), \"said, so\")",
            0,
        );
        check("info_span!(\"request\", id = id.as_deref())", 0);
        check("info!(target: AUDIT, group, \"done\")", 0);
        check("debug!(parent: &span, id, \"{error}\")", 0);
        check("warn!(group, token, \"a\")", 1);
        check("error!(?headers, body = %text, \"a\")", 2);
        check("info_span!(\"request\", query)", 1);
        check("Span::current()", 0);
    }
}
