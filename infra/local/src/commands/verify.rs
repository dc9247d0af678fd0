//! `tickwire verify FILE`: whose frames or rows of paid streams these are.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use tickwire_entitlements::watermark::{WatermarkKey, marked_product};
use tickwire_service::ports::Secrets as _;
use tickwire_service::trace_leak::keys_of;
use tickwire_service::watermark::WATERMARK_KEY;
use tickwire_streams::{Offset, StreamKey};
use tickwire_telemetry::logging::complain;
use tickwire_wire::Watermark;

use super::client_args::Exit;
use crate::secrets::LocalSecrets;

/// Checks the signature of each frame's item or row, and says who received it and with which key.
/// One without a signature, or with one that is nobody's, is a failure.
#[derive(Args, Clone, Debug)]
pub struct VerifyArgs {
    /// Frames as they came, or answers of /v1/signals: a JSON text a line, or one in all
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Who may have received them: a user a line
    #[arg(long, value_name = "FILE")]
    pub subscribers: PathBuf,
    /// The stream of items that do not name theirs, as those of frames
    #[arg(long = "stream", value_name = "KEY")]
    pub stream: Option<StreamKey>,
    /// Data directory of the stack that sent them
    #[arg(long, value_name = "DIR", default_value = "tickwire-data")]
    pub data: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub async fn run(args: VerifyArgs) -> ExitCode {
    match verify(&args).await {
        Ok(code) => code,
        Err(why) => {
            complain(format!("tickwire: {why}"));
            Exit::Bad.into()
        }
    }
}

async fn verify(args: &VerifyArgs) -> Result<ExitCode, String> {
    let text = |path: &PathBuf| {
        std::fs::read_to_string(path).map_err(|e| format!("failed to read {}: {e}", path.display()))
    };
    let subscribers = text(&args.subscribers)?;
    let subscribers: Vec<&str> = subscribers
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let given = text(&args.file)?;
    // Both versions: the current one, and the one that was rotated out last.
    let secrets = LocalSecrets::read(&args.data).map_err(|e| e.to_string())?;
    let versions = secrets.secret(WATERMARK_KEY).await.map_err(|e| e.to_string())?;
    let keys = keys_of(&versions).map_err(|e| e.to_string())?;
    let items = items(&given)?;
    if items.is_empty() {
        return Err("the file has no item of a frame and no row: nothing is verified".to_owned());
    }
    let mut good = true;
    for item in &items {
        let found = receiver(item, args.stream.as_ref(), &subscribers, &keys);
        good &= found.is_ok();
        let offset = item.offset.map(|offset| offset.0);
        if args.json {
            let (subscriber, key_id) = found.clone().ok().unzip();
            println!(
                "{}",
                json!({"offset": offset, "subscriber": subscriber, "key_id": key_id, "why": found.err()})
            );
        } else {
            let offset = offset.map_or_else(|| "-".to_owned(), |offset| offset.to_string());
            match found {
                Ok((subscriber, key_id)) => println!("{offset} {subscriber} (key {key_id})"),
                Err(why) => println!("{offset} nobody: {why}"),
            }
        }
    }
    Ok(if good { ExitCode::SUCCESS } else { Exit::Bad.into() })
}

/// An item of a frame, or a row.
#[derive(Debug, Deserialize)]
struct Item<'a> {
    #[serde(alias = "o")]
    offset: Option<Offset>,
    key: Option<StreamKey>,
    /// As it was sent: the signature is over its text.
    #[serde(borrow)]
    d: Option<&'a RawValue>,
    wm: Option<Watermark>,
}

/// All items of a file: that of the whole text, or of each of its lines.
fn items(text: &str) -> Result<Vec<Item<'_>>, String> {
    let whole = read(text.trim());
    if let Ok(items) = whole {
        return Ok(items);
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut items = Vec::new();
    for (nth, line) in lines.enumerate() {
        items.extend(read(line).map_err(|e| format!("line {}: {e}", nth + 1))?);
    }
    Ok(items)
}

fn read(text: &str) -> Result<Vec<Item<'_>>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Page<'a> {
        #[serde(borrow)]
        signals: Vec<&'a RawValue>,
    }
    let parts: Vec<&RawValue> = match serde_json::from_str::<Vec<&RawValue>>(text) {
        Ok(frame) => frame,
        Err(_) => match serde_json::from_str::<Page<'_>>(text) {
            Ok(page) => page.signals,
            Err(_) => vec![serde_json::from_str(text)?],
        },
    };
    parts
        .into_iter()
        .map(|part| serde_json::from_str(part.get()))
        .collect()
}

/// Who received an item, and the id of the key that says so.
fn receiver(
    item: &Item<'_>,
    stream: Option<&StreamKey>,
    subscribers: &[&str],
    keys: &[WatermarkKey],
) -> Result<(String, String), &'static str> {
    let stream = item
        .key
        .as_ref()
        .or(stream)
        .ok_or("its stream is not known: name it with --stream")?;
    let product = marked_product(&stream.class).ok_or("its stream is not paid for, and not signed")?;
    let (Some(offset), Some(d)) = (item.offset, item.d) else {
        return Err("it has no value");
    };
    let wm = item.wm.as_ref().ok_or("it has no signature")?;
    let key = keys.iter().find(|key| key.id() == wm.kid);
    let key = key.ok_or("its key is neither the current one nor the one before")?;
    let signed = |user: &&&str| {
        let marker = key.marker(user, &product, &stream.to_string(), &stream.stream.instrument);
        marker.verify(offset, d.get(), &wm.sig)
    };
    let receiver = subscribers.iter().find(signed);
    let receiver = receiver.ok_or("its signature is none of the subscribers'")?;
    Ok(((*receiver).to_owned(), key.id().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLD: &str = "marketplace/gold:NSE@NIFTY@IDX:1m:macd()";
    const D: &str = r#"{"macd":1.25,"signal":1.5,"hist":-0.25}"#;

    fn key(byte: u8) -> WatermarkKey {
        WatermarkKey::new(&[byte; 32]).unwrap()
    }

    fn signed(key: &WatermarkKey, user: &str, offset: u64) -> String {
        let stream: StreamKey = GOLD.parse().unwrap();
        let marker = key.marker(user, "marketplace/gold", GOLD, &stream.stream.instrument);
        let sig = marker.sign(Offset(offset), D);
        format!(r#"{{"kid":"{}","sig":"{sig}"}}"#, key.id())
    }

    fn verified(text: &str, keys: &[WatermarkKey]) -> Vec<Result<(String, String), &'static str>> {
        let stream: StreamKey = GOLD.parse().unwrap();
        let items = items(text).unwrap();
        let found = |item: &Item<'_>| receiver(item, Some(&stream), &["ravi", "asha"], keys);
        items.iter().map(found).collect()
    }

    #[test]
    fn frames_and_rows_are_of_their_receivers_with_both_keys() {
        let keys = [key(1), key(2)];
        let [current, previous] = &keys;
        let frame = format!(
            r#"[{{"s":3,"k":"signal","o":77,"prev":null,"d":{D},"wm":{}}},{{"s":3,"k":"signal","o":78,"d":{D},"wm":{}}}]"#,
            signed(current, "asha", 77),
            signed(previous, "ravi", 78)
        );
        let of = |user: &str, key: &WatermarkKey| Ok((user.to_owned(), key.id().to_owned()));
        let expected = [of("asha", current), of("ravi", previous)];
        assert_eq!(verified(&frame, &keys), expected);
        assert_eq!(
            verified(&format!("{frame}\n{frame}\n"), &keys).len(),
            4,
            "a frame a line"
        );
        let row = format!(
            r#"{{"key":"{GOLD}","offset":77,"t":1,"d":{D},"wm":{}}}"#,
            signed(current, "asha", 77)
        );
        assert_eq!(verified(&row, &keys), [of("asha", current)]);
        let page = format!(r#"{{"instrument":"NSE@NIFTY@IDX","epoch":"k","signals":[{row},{row}]}}"#);
        assert_eq!(verified(&page, &keys).len(), 2);
    }

    #[test]
    fn what_is_missing_or_changed_is_a_failure() {
        let keys = [key(1), key(2)];
        let wm = signed(&keys[0], "asha", 77);
        let check = |item: String, says: &str| {
            let found = verified(&item, &keys).remove(0).unwrap_err();
            assert!(found.contains(says), "{item}: {found}");
        };
        check(format!(r#"{{"o":77,"d":{D}}}"#), "no signature");
        check(format!(r#"{{"o":77,"d":{D},"wm":null}}"#), "no signature");
        check(format!(r#"{{"o":77,"wm":{wm}}}"#), "no value");
        check(format!(r#"{{"d":{D},"wm":{wm}}}"#), "no value");
        check(
            format!(r#"{{"o":78,"d":{D},"wm":{wm}}}"#),
            "none of the subscribers'",
        );
        let changed = D.replace("1.25", "1.26");
        check(
            format!(r#"{{"o":77,"d":{changed},"wm":{wm}}}"#),
            "none of the subscribers'",
        );
        let other = GOLD.replace("gold", "silver");
        check(
            format!(r#"{{"key":"{other}","o":77,"d":{D},"wm":{wm}}}"#),
            "none of the subscribers'",
        );
        let common = "common:NSE@NIFTY@IDX:1m:macd()";
        check(
            format!(r#"{{"key":"{common}","o":77,"d":{D},"wm":{wm}}}"#),
            "not paid for",
        );
        check(
            format!(r#"{{"o":77,"d":{D},"wm":{}}}"#, signed(&key(3), "asha", 77)),
            "neither the current one",
        );
        check(
            format!(r#"{{"o":77,"d":{D},"wm":{}}}"#, signed(&keys[0], "someone", 77)),
            "none of the subscribers'",
        );
        for short in [
            r#"{"kid":"x","sig":""}"#,
            &wm.replace("\"sig\":\"", "\"sig\":\"0"),
        ] {
            assert!(verified(&format!(r#"{{"o":77,"d":{D},"wm":{short}}}"#), &keys)[0].is_err());
        }
        assert!(items("no JSON").is_err());
    }
}
