//! The OpenAPI document as a page of HTML: no script, nothing loaded.
//!
//! It is written from the document's JSON, which has the same form for every
//! operation and schema.

use std::fmt::Write as _;

use serde_json::Value;
use utoipa::openapi::OpenApi;

const STYLE: &str = "
:root { color-scheme: light dark; --soft: color-mix(in srgb, currentColor 60%, transparent);
  --line: color-mix(in srgb, currentColor 18%, transparent); --fill: color-mix(in srgb, currentColor 5%, transparent); }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.5rem; text-transform: capitalize; } h3 { font-size: 1rem; margin: 1rem 0 .3rem; }
code { font: 13px/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
details { border: 1px solid var(--line); border-radius: .5rem; margin: .5rem 0; }
summary { padding: .55rem .8rem; cursor: pointer; } details > div { padding: 0 .8rem .8rem; border-top: 1px solid var(--line); }
details[open] > summary { background: var(--fill); }
.method { display: inline-block; min-width: 3.6rem; font-weight: 700; } .soft, .token { color: var(--soft); }
.token { float: right; } table { border-collapse: collapse; width: 100%; display: block; overflow-x: auto; }
td, th { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); }
td:first-child { white-space: nowrap; } th { font-weight: 600; color: var(--soft); } td:last-child, th:last-child { width: 100%; }";

/// The order of methods within a path.
const METHODS: [&str; 4] = ["get", "put", "post", "delete"];

/// Writes the page.
pub(crate) fn write(document: &OpenApi) -> String {
    let document = serde_json::to_value(document).unwrap_or_default();
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = page(&mut out, &document);
    out
}

fn page(out: &mut String, document: &Value) -> std::fmt::Result {
    let info = &document["info"];
    let title = escaped(text(&info["title"]));
    write!(
        out,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title}: HTTP API</title><style>{STYLE}</style></head><body>\
         <h1>{title}</h1><p class=\"soft\">HTTP API, version {} · <a href=\"openapi.json\">openapi.json</a> ·\
         socket: <a href=\"asyncapi.json\">asyncapi.json</a></p>{}",
        escaped(text(&info["version"])),
        paragraphs(text(&info["description"])),
    )?;
    for tag in tags(document) {
        write!(out, "<h2>{}</h2>", escaped(&tag))?;
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            for method in METHODS {
                let operation = &item[method];
                if operation["tags"][0] == tag.as_str() {
                    self::operation(out, method, path, operation)?;
                }
            }
        }
    }
    out.push_str("<h2>Schemas</h2>");
    for (name, schema) in document["components"]["schemas"]
        .as_object()
        .into_iter()
        .flatten()
    {
        let name = escaped(name);
        write!(
            out,
            "<details id=\"{name}\"><summary><code>{name}</code></summary><div>"
        )?;
        out.push_str(&paragraphs(text(&schema["description"])));
        fields(out, schema)?;
        out.push_str("</div></details>");
    }
    out.push_str("</body></html>\n");
    Ok(())
}

/// Tags of all operations, each once, in the order of their first appearance.
fn tags(document: &Value) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for item in document["paths"]
        .as_object()
        .into_iter()
        .flat_map(|paths| paths.values())
    {
        for operation in METHODS.map(|method| &item[method]) {
            let tag = text(&operation["tags"][0]);
            if !tag.is_empty() && !tags.iter().any(|known| known == tag) {
                tags.push(tag.to_owned());
            }
        }
    }
    tags
}

fn operation(out: &mut String, method: &str, path: &str, operation: &Value) -> std::fmt::Result {
    let token = if operation["security"].is_array() {
        "<span class=\"token\">token</span>"
    } else {
        ""
    };
    write!(
        out,
        "<details><summary>{token}<span class=\"method\">{}</span> <code>{}</code> \
         <span class=\"soft\">{}</span></summary><div>{}",
        method.to_uppercase(),
        escaped(path),
        escaped(text(&operation["summary"])),
        paragraphs(text(&operation["description"])),
    )?;
    if let Some(parameters) = operation["parameters"].as_array().filter(|rows| !rows.is_empty()) {
        out.push_str(
            "<h3>Parameters</h3><table><tr><th>name</th><th>in</th><th>type</th><th>meaning</th></tr>",
        );
        for parameter in parameters {
            let schema = &parameter["schema"];
            let mut meaning = marked(text(&parameter["description"]));
            for (name, value) in [
                ("default", &schema["default"]),
                ("example", &parameter["example"]),
            ] {
                if !value.is_null() {
                    write!(
                        meaning,
                        " <span class=\"soft\">{name}</span> <code>{}</code>",
                        plain(value)
                    )?;
                }
            }
            write!(
                out,
                "<tr><td><code>{}</code>{}</td><td>{}</td><td>{}</td><td>{meaning}</td></tr>",
                escaped(text(&parameter["name"])),
                if parameter["required"] == true { " *" } else { "" },
                escaped(text(&parameter["in"])),
                type_of(schema),
            )?;
        }
        out.push_str("</table>");
    }
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    if !body.is_null() {
        write!(out, "<h3>Body</h3><p>{}</p>", type_of(body))?;
    }
    out.push_str("<h3>Answers</h3><table><tr><th>status</th><th>form</th><th>meaning</th></tr>");
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let forms = response["content"].as_object().into_iter().flatten();
        let forms: Vec<String> = forms
            .map(|(form, content)| format!("{} {}", escaped(form), type_of(&content["schema"])))
            .collect();
        write!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
            escaped(status),
            forms.join("<br>"),
            marked(text(&response["description"])),
        )?;
    }
    out.push_str("</table></div></details>");
    Ok(())
}

/// The fields of a schema.
fn fields(out: &mut String, schema: &Value) -> std::fmt::Result {
    let required = schema["required"].as_array();
    let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|known| known == name));
    out.push_str("<table><tr><th>field</th><th>type</th><th>meaning</th></tr>");
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        write!(
            out,
            "<tr><td><code>{}</code>{}</td><td>{}</td><td>{}</td></tr>",
            escaped(name),
            if is_required(name) { " *" } else { "" },
            type_of(field),
            marked(text(&field["description"])),
        )?;
    }
    out.push_str("</table>");
    Ok(())
}

/// A schema in a few words: its type, a link to one that has a name, its bounds.
fn type_of(schema: &Value) -> String {
    if let Some(name) = text(&schema["$ref"])
        .rsplit('/')
        .next()
        .filter(|name| !name.is_empty())
    {
        let name = escaped(name);
        return format!("<a href=\"#{name}\">{name}</a>");
    }
    if let Some(one_of) = schema["oneOf"].as_array() {
        return one_of.iter().map(type_of).collect::<Vec<_>>().join(" or ");
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(plain).collect::<Vec<_>>().join(", ");
    }
    let mut words = match &schema["type"] {
        Value::Array(types) => types.iter().map(plain).collect::<Vec<_>>().join(" or "),
        kind => plain(kind),
    };
    if schema["type"] == "array" {
        words = format!("list of {}", type_of(&schema["items"]));
    }
    match (&schema["minimum"], &schema["maximum"]) {
        (Value::Null, Value::Null) => {}
        (least, Value::Null) => words += &format!(" from {}", plain(least)),
        (least, most) => words += &format!(" {} to {}", plain(least), plain(most)),
    }
    words
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A value without the quotes of a text, escaped.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => escaped(text),
        Value::Null => String::new(),
        other => escaped(&other.to_string()),
    }
}

fn paragraphs(text: &str) -> String {
    text.split("\n\n")
        .filter(|paragraph| !paragraph.trim().is_empty())
        .map(|paragraph| format!("<p>{}</p>", marked(paragraph)))
        .collect()
}

/// Text with what stands between backticks as code.
fn marked(text: &str) -> String {
    let parts = text.split('`').enumerate().map(|(nth, part)| match nth % 2 {
        1 => format!("<code>{}</code>", escaped(part)),
        _ => escaped(part),
    });
    parts.collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
