//! What a parked message says of itself.

use std::collections::BTreeMap;

use tickwire_service::ports::{Parked, Queue};

use crate::limits::park_attributes_bytes_max;

/// The attributes of a parked message: `reason`, `detail`, `source_queue`,
/// `source_message_id`. The detail is cut so that all of them fit into
/// [`park_attributes_bytes_max`].
pub fn park_attributes(parked: &Parked) -> BTreeMap<String, String> {
    let source = match parked.queue {
        Queue::Ticks => "ticks.fifo",
        Queue::Signals => "signals.fifo",
    };
    let cut = |text: &str, bytes_max: usize| text[..text.floor_char_boundary(bytes_max)].to_owned();
    let mut attributes: BTreeMap<String, String> = [
        ("reason", cut(&parked.reason, 100)),
        ("source_message_id", cut(&parked.message_id, 100)),
        ("source_queue", source.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    // The service counts names, types (`String`) and values; no value may be empty.
    const TYPES_AND_NAME_BYTES: usize = 4 * "String".len() + "detail".len();
    let used: usize = attributes
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    let detail = cut(
        &parked.detail,
        park_attributes_bytes_max - TYPES_AND_NAME_BYTES - used,
    );
    attributes.insert("detail".to_owned(), detail);
    attributes.retain(|_, value| !value.is_empty());
    attributes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_fit_whatever_the_detail() {
        let parked = |detail: String| Parked {
            queue: Queue::Ticks,
            group: "live/NIFTY".into(),
            message_id: "1".into(),
            reason: "r".repeat(500),
            detail,
            body: "b".into(),
        };
        let attributes = park_attributes(&parked("ä".repeat(5_000)));
        let bytes: usize = attributes
            .iter()
            .map(|(n, v)| n.len() + v.len() + "String".len())
            .sum();
        assert!(
            (park_attributes_bytes_max - 1..=park_attributes_bytes_max).contains(&bytes),
            "{bytes}"
        );
        assert_eq!(attributes["source_queue"], "ticks.fifo");
        assert!(!park_attributes(&parked(String::new())).contains_key("detail"));
    }
}
