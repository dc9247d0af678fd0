//! The fields that a log line may show.

/// Names of fields whose values are shown, in order. The value of any other field, of
/// libraries too, is not: a name stands here when it was made sure that its values
/// hold nothing of a client's but what names a thing (a user, a group, an instrument).
pub const LISTED: [&str; 43] = [
    "acted",
    "action",
    "by",
    "bytes_min",
    "category",
    "code",
    "connection",
    "deleted",
    "dependency",
    "detail",
    "error",
    "failed",
    "file",
    "from",
    "function",
    "group",
    "groups",
    "id",
    "instrument",
    "job",
    "key_id",
    "location",
    "message",
    "message_id",
    "messages",
    "method",
    "offset",
    "operations",
    "product",
    "queue",
    "reason",
    "route",
    "seconds",
    "segment",
    "status",
    "stream",
    "timeframe",
    "trial",
    "universe",
    "until",
    "user",
    "version",
    "why",
];

/// Whether the value of a field of that name is shown.
pub fn is_listed(name: &str) -> bool {
    LISTED.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order_and_names_no_secret() {
        assert!(LISTED.is_sorted());
        for name in LISTED {
            assert!(is_listed(name));
            let line = format!("{name}=k7Jq9sPz2LmXw8");
            assert_eq!(crate::redact::redact(&line), line);
        }
        assert!(!is_listed("password") && !is_listed("headers"));
    }
}
