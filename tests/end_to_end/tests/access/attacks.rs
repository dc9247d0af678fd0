//! What an attacker would try.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tickwire_entitlements::Tier;

use crate::raw;
use crate::running::{BTC, Running, claims, signed};

/// Who come at once.
const MANY: usize = 200;

pub(crate) async fn forged_tokens_open_nothing(running: &Running) {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let wanted = claims("chief", "enterprise", "admin");
    let good = signed(running.key.expose(), &wanted);
    let (head, signature) = good.rsplit_once('.').unwrap();
    let mut forged: Vec<String> = Vec::new();
    // No algorithm, in every spelling, with and without a signature.
    for alg in ["none", "None", "NONE", "nOnE", "", "HS0", "null"] {
        let header = part(&json!({"alg": alg, "typ": "JWT"}));
        forged.push(format!("{header}.{}.", part(&wanted)));
        forged.push(format!("{header}.{}.{signature}", part(&wanted)));
    }
    // An algorithm of public keys, where the key is a secret; and other lengths of HMAC.
    for alg in ["RS256", "ES256", "EdDSA", "PS256", "HS384", "HS512"] {
        let header = part(&json!({"alg": alg, "typ": "JWT", "kid": "r"}));
        forged.push(format!("{header}.{}.{signature}", part(&wanted)));
    }
    // HMAC with what everyone knows.
    for secret in ["", "secret", "tickwire", "null", "-----BEGIN PUBLIC KEY-----"] {
        forged.push(signed(secret.as_bytes(), &wanted));
    }
    // Names of keys that walk, that are huge, that are no names.
    let huge = "k".repeat(1_500);
    for kid in [
        "../../../../dev/null",
        "/etc/passwd",
        "file:///dev/null",
        "' OR '1'='1",
        "key\u{0}\r\nx-role: admin",
        "\u{202e}jwt_key",
        huge.as_str(),
    ] {
        let header = Header {
            kid: Some(kid.to_owned()),
            ..Header::new(Algorithm::HS256)
        };
        forged.push(encode(&header, &wanted, &EncodingKey::from_secret(b"")).unwrap());
    }
    // Claims that were changed under a good signature; keys a token brings along; what must be understood.
    let mut more = wanted.clone();
    more["sub"] = "root".into();
    forged.push(format!(
        "{}.{}.{signature}",
        head.split('.').next().unwrap(),
        part(&more)
    ));
    forged.push(head.to_owned() + ".");
    forged.push(format!("{good}.{signature}"));
    for header in [
        json!({"alg": "HS256", "jwk": {"kty": "oct", "k": ""}}),
        json!({"alg": "HS256", "jku": "http://127.0.0.1:1/"}),
        json!({"alg": "HS256", "crit": ["exp"]}),
    ] {
        forged.push(format!("{}.{}.{signature}", part(&header), part(&wanted)));
    }
    for token in &forged {
        for (method, target) in [("GET", "/v1/products"), ("POST", "/v1/tickets")] {
            let answer = running.ask(method, target, Some(token), None).await;
            assert_eq!(
                (answer.status, answer.slug()),
                (401, "token_invalid".into()),
                "{token}"
            );
        }
    }
    // Two headers, and a token elsewhere than in its header.
    let headers = [
        format!("authorization: Bearer {good}"),
        "authorization: Bearer x".into(),
    ];
    let twice = raw::ask(
        running.port,
        running.address(),
        ("GET", "/v1/products"),
        &headers,
        "",
    )
    .await;
    assert_eq!(twice.status, 401);
    let target = format!("/v1/products?token={good}&access_token={good}");
    let elsewhere = [format!("cookie: token={good}"), format!("x-api-key: {good}")];
    let answer = raw::ask(running.port, running.address(), ("GET", &target), &elsewhere, "").await;
    assert_eq!(answer.status, 401);
}

pub(crate) async fn a_ticket_opens_one_socket(running: &Running) {
    let token = running.token("racer", "enterprise", "user");
    for round in 0..3 {
        let ticket = running.ticket(&token).await.unwrap();
        let tries = (0..MANY).map(|_| raw::socket(running.port, running.address(), Some(&ticket)));
        let opened = join_all(tries).await;
        let refused: Vec<&str> = opened
            .iter()
            .filter_map(|opened| opened.as_ref().err().map(String::as_str))
            .collect();
        assert_eq!(refused.len(), MANY - 1, "round {round}");
        assert!(
            refused.iter().all(|slug| *slug == "ticket_invalid"),
            "{refused:?}"
        );
        // Nor does it later.
        let replayed = raw::socket(running.port, running.address(), Some(&ticket)).await;
        assert_eq!(replayed.err().as_deref(), Some("ticket_invalid"));
    }
    // One that was stolen is not worth more by being dressed up.
    let ticket = running.ticket(&token).await.unwrap();
    for changed in [
        format!("{ticket}A"),
        ticket[1..].to_owned(),
        format!("{ticket}%00"),
        ticket.to_uppercase(),
    ] {
        let opened = raw::socket(running.port, running.address(), Some(&changed)).await;
        assert_eq!(opened.err().as_deref(), Some("ticket_invalid"), "{changed}");
    }
}

pub(crate) async fn no_limit_is_passed_by_many_at_once(running: &Running) {
    let limits = Tier::Free.limits();
    // Requests: all within the same seconds, from as many addresses.
    let token = running.token("hasty", "free", "user");
    let asked = (0..MANY).map(|_| running.ask("GET", "/v1/instruments?limit=1", Some(&token), None));
    let statuses: Vec<u16> = join_all(asked).await.iter().map(|answer| answer.status).collect();
    let let_in = statuses.iter().filter(|status| **status == 200).count();
    assert!(
        statuses.iter().all(|status| matches!(status, 200 | 429 | 503)),
        "{statuses:?}"
    );
    assert!(
        (1..=limits.api_requests_per_minute_max as usize).contains(&let_in),
        "{let_in}"
    );
    // Connections: more tickets than the tier has connections.
    let most = Tier::Standard.limits().connections_max as usize;
    let token = running.token("crowd", "standard", "user");
    let mut tickets = Vec::new();
    while tickets.len() < most + 10 {
        match running.ticket(&token).await {
            Ok(ticket) => tickets.push(ticket),
            // The rate of requests holds here too.
            Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
        }
    }
    let opened = tickets
        .iter()
        .map(|ticket| raw::socket(running.port, running.address(), Some(ticket)));
    let opened = join_all(opened).await;
    let standing = opened.iter().filter(|opened| opened.is_ok()).count();
    assert!((1..=most).contains(&standing), "{standing} of {}", tickets.len());
    let refused = opened.iter().filter_map(|opened| opened.as_ref().err());
    assert!(
        refused.clone().all(|slug| slug == "connections_max"),
        "{:?}",
        refused.collect::<Vec<_>>()
    );
    // Failed attempts of one address, all at once: a ban, for good tokens too, and no other address's.
    let from = running.address();
    let wrong = [format!("authorization: Bearer {}", "x".repeat(40))];
    let tries = (0..MANY).map(|_| raw::ask(running.port, from, ("GET", "/v1/products"), &wrong, ""));
    let statuses: Vec<u16> = join_all(tries).await.iter().map(|answer| answer.status).collect();
    assert!(
        statuses.iter().all(|status| matches!(status, 401 | 429)),
        "{statuses:?}"
    );
    let good = [format!(
        "authorization: Bearer {}",
        running.token("office", "free", "user")
    )];
    let banned = raw::ask(running.port, from, ("GET", "/v1/instruments?limit=1"), &good, "").await;
    assert_eq!((banned.status, banned.slug()), (429, "attempts_rate".into()));
    assert!(
        banned.text.to_lowercase().contains("retry-after:"),
        "{}",
        banned.text
    );
    let other = raw::ask(
        running.port,
        running.address(),
        ("GET", "/v1/instruments?limit=1"),
        &good,
        "",
    )
    .await;
    assert_eq!(other.status, 200, "{}", other.text);
    // It can be read, and lifted.
    let bans = running.admin("GET", "/v1/bans", None).await;
    assert!(bans.text.contains(&from.to_string()), "{}", bans.text);
    running
        .admin("DELETE", &format!("/v1/bans/address/{from}"), None)
        .await;
    tokio::time::sleep(Duration::from_millis(3_100)).await;
    let lifted = raw::ask(running.port, from, ("GET", "/v1/instruments?limit=1"), &good, "").await;
    assert_eq!(lifted.status, 200, "{}", lifted.text);
}

pub(crate) async fn nothing_is_subscribed_to_after_a_revocation(running: &Running) {
    let token = running.token("leaver", "premium", "user");
    let until = json!({"until": tickwire::now().0 + 1_000_000_000_000});
    running
        .admin("PUT", "/v1/grants/leaver/gold", Some(&until.to_string()))
        .await;
    let gold = format!("marketplace/gold:{BTC}:1m:sma(close,4)");
    let subscribe = json!({"op": "subscribe", "streams": [{"key": gold, "s": 1}]});
    let mut socket = running.socket(&token).await.unwrap();
    socket.hello().await.unwrap().unwrap();
    let reply = socket.ask(subscribe.clone()).await.unwrap().unwrap();
    assert_eq!(reply["ok"]["streams"][0]["err"], Value::Null, "{reply}");
    // The grant: at once, as it is looked at with each subscribe.
    running.admin("DELETE", "/v1/grants/leaver/gold", None).await;
    let reply = socket.ask(subscribe.clone()).await.unwrap().unwrap();
    assert_eq!(
        reply["ok"]["streams"][0]["err"]["slug"], "grant_required",
        "{reply}"
    );
    assert_eq!(reply["ok"]["list"], json!({}), "nothing of it is left: {reply}");
    // The user: the socket ends, and neither token nor an older ticket opens another.
    let ticket = running.ticket(&token).await.unwrap();
    running
        .admin("POST", "/v1/revocations", Some(r#"{"user":"leaver"}"#))
        .await;
    let mut said = Vec::new();
    while let Some(told) = socket.next().await.unwrap() {
        said.push(told);
    }
    assert!(
        said.iter().any(|told| told["goodbye"]["code"] == "revoked"),
        "{said:?}"
    );
    tokio::time::sleep(Duration::from_millis(3_100)).await;
    assert_eq!(running.ticket(&token).await.unwrap_err(), "token_invalid");
    let opened = raw::socket(running.port, running.address(), Some(&ticket)).await;
    assert!(opened.is_err());
}

pub(crate) async fn smuggled_streams_are_refused(running: &Running) {
    let mut socket = running
        .socket(&running.token("smuggler", "enterprise", "user"))
        .await
        .unwrap();
    socket.hello().await.unwrap().unwrap();
    let rest = format!("{BTC}:1m:sma(close,4)");
    let streams = [
        format!("marketplace/gold:{rest}"),
        format!("Marketplace/gold:{rest}"),
        format!("marketplace/gold/../gold:{rest}"),
        format!("marketplace/GOLD:{rest}"),
        format!("personal/asha:{rest}"),
        format!("personal/smuggler/../asha:{rest}"),
        format!("personal/smuggler%2f..%2fasha:{rest}"),
        format!("common\u{0}:{rest}"),
        format!(" common:{rest}"),
        format!("public:{rest}"),
        format!("common:{BTC}:1m:price"),
        format!("common:{BTC}:1m:sma(close, 4)"),
        format!("common:{BTC}:1m:SMA(close,4)"),
        format!("common:{BTC}:60m:sma(close,4)"),
        format!("common:{}:1m:sma(close,4)", BTC.to_lowercase()),
        format!("common:{BTC}:1m:close[NSE@NIFTY@IDX]"),
        format!("common:{BTC}:1m:{}", "(".repeat(500)),
    ];
    for (s, key) in (1..).zip(&streams) {
        let reply = socket
            .ask(json!({"op": "subscribe", "streams": [{"key": key, "s": s}]}))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            reply["ok"]["streams"][0]["err"]["slug"]
                .as_str()
                .map(str::is_empty),
            Some(false),
            "{key}: {reply}"
        );
        assert_eq!(reply["ok"]["list"], json!({}), "{key}: {reply}");
    }
}
