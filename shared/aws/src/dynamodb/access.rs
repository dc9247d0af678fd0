//! Table `access`, by `pk`:
//! - `epoch`, `sk` `-`: raised behind every change of what someone may do or get;
//! - `revocation`, `sk` `user#{user}` or `proof#{id}`: what was taken back;
//! - `ban`, `sk` `address#{address}` or `changes#{user}`: who is banned from what;
//! - `key`, `sk` the prefix: an API key; `keys#{user}`, `sk` the prefix: that it is the user's;
//! - `used#{subject}`, `sk` `-`: what a subject used in the last minute;
//! - `audit#{day}`, `sk` time and nonce: who changed what.
//!
//! Rows expire when they say nothing any longer: a revocation when nothing that it takes back can
//! hold, a key a month after its end, an audit row after 400 days.

use async_trait::async_trait;
use serde_json::from_str;
use tickwire_entitlements::{Ban, Banned, Revocation, Revoked, Usage};
use tickwire_market::UnixNanos;
use tickwire_service::authenticate::ApiKey;
use tickwire_service::ports::{
    AccessBook, ApiKeys, AuditRow, AuditRows, PortError, PortResult, Swapped, UsageRows,
};
use tickwire_telemetry::metrics::Table;

use super::calls::{Expression, Query, Written};
use super::item::{Item, unreadable};
use super::{Dynamo, SORT_KEY};

/// Sort key of a row that is alone in its partition.
const ALONE: &str = "-";
const EPOCH: &str = "epoch";
const REVOCATION: &str = "revocation";

const COUNT: &str = "count_of_changes";
const AT: &str = "at_time";
const UNTIL: &str = "until_time";
const REASON: &str = "reason";
const BAN: &str = "ban";
const KEY: &str = "key";
const KEY_TEXT: &str = "key_text";
const USED_AT: &str = "used_at";
const USED: &str = "used_text";
const AUDIT_TEXT: &str = "audit_text";

/// A key stays so long after its end, so that a list can tell.
const KEY_KEPT_S: i64 = 30 * 86_400;
/// An audit row stays so long.
const AUDIT_KEPT_S: i64 = 400 * 86_400;
/// Longer than the longest window.
const USED_KEPT_S: i64 = 120;

fn text_of<T: serde::Serialize>(what: &'static str, value: &T) -> PortResult<String> {
    serde_json::to_string(value).map_err(|e| PortError::Refused {
        what,
        why: e.to_string(),
    })
}

fn second_of(time: UnixNanos) -> i64 {
    time.millis() / 1_000 + 1
}

fn ban_name(of: &Banned) -> String {
    match of {
        Banned::Address(address) => format!("address#{address}"),
        Banned::Changes(user) => format!("changes#{user}"),
    }
}

fn key_of(what: &'static str, row: &Item) -> PortResult<ApiKey> {
    let key: ApiKey = from_str(row.get_text(what, KEY_TEXT)?).map_err(|_| unreadable(what, KEY_TEXT))?;
    let used_at = row.get_number(what, USED_AT).ok().map(UnixNanos);
    Ok(ApiKey { used_at, ..key })
}

fn usage_of(what: &'static str, row: &Item) -> PortResult<Usage> {
    from_str(row.get_text(what, USED)?).map_err(|_| unreadable(what, USED))
}

#[async_trait]
impl ApiKeys for Dynamo {
    async fn put_key(&self, key: &ApiKey) -> PortResult<()> {
        let what = "access.put_key";
        let ends = second_of(key.expires_at) + KEY_KEPT_S;
        let of_user = Item::under(&format!("keys#{}", key.user), &key.prefix).expires(ends);
        self.put(what, Table::Access, of_user, None).await?;
        let mut row = Item::under(KEY, &key.prefix)
            .text(KEY_TEXT, &text_of(what, key)?)
            .expires(ends);
        if let Some(used_at) = key.used_at {
            row = row.number(USED_AT, used_at.0);
        }
        self.put(what, Table::Access, row, None).await.map(|_| ())
    }

    async fn key(&self, prefix: &str) -> PortResult<Option<ApiKey>> {
        let what = "access.key";
        let row = self.get(what, Table::Access, Item::under(KEY, prefix)).await?;
        row.map(|row| key_of(what, &row)).transpose()
    }

    async fn keys_of(&self, user: &str) -> PortResult<Vec<ApiKey>> {
        let what = "access.keys_of";
        let query = Query {
            key: Expression::new("pk = :keys").text(":keys", &format!("keys#{user}")),
            consistent: true,
            ..Query::default()
        };
        let named = self.query(what, Table::Access, query).await?;
        let keys: Vec<Item> = named
            .iter()
            .map(|row| Ok(Item::under(KEY, row.get_text(what, SORT_KEY)?)))
            .collect::<PortResult<_>>()?;
        let rows = self.get_many(what, Table::Access, keys).await?;
        rows.iter().map(|row| key_of(what, row)).collect()
    }

    async fn note_key_use(&self, prefix: &str, at: UnixNanos) -> PortResult<()> {
        let note = Expression::new("SET used_at = :at").number(":at", at.0);
        let stands = Some("attribute_exists(pk)");
        let key = Item::under(KEY, prefix);
        self.update("access.note_key_use", Table::Access, key, note, stands)
            .await
            .map(|_| ())
    }
}

#[async_trait]
impl UsageRows for Dynamo {
    async fn usage(&self, name: &str) -> PortResult<Option<Usage>> {
        let what = "access.usage";
        let row = Item::under(&format!("used#{name}"), ALONE);
        let row = self.get(what, Table::Access, row).await?;
        row.map(|row| usage_of(what, &row)).transpose()
    }

    async fn swap_usage(&self, name: &str, was: Option<&Usage>, usage: &Usage) -> PortResult<Swapped> {
        let what = "access.swap_usage";
        let row = Item::under(&format!("used#{name}"), ALONE)
            .text(USED, &text_of(what, usage)?)
            .expires(usage.second() + USED_KEPT_S);
        let unchanged = match was {
            None => Expression::new("attribute_not_exists(pk)"),
            Some(was) => Expression::new("used_text = :was").text(":was", &text_of(what, was)?),
        };
        Ok(match self.put(what, Table::Access, row, Some(unchanged)).await? {
            Written::Done => Ok(()),
            Written::Not(Some(stands)) => Err(Some(usage_of(what, &stands)?)),
            Written::Not(None) => Err(None),
        })
    }
}

#[async_trait]
impl AuditRows for Dynamo {
    async fn add_audit(&self, day: &str, row: &AuditRow, nonce: u32) -> PortResult<()> {
        let what = "access.add_audit";
        let name = format!("{:020}#{nonce:08x}", row.at.0);
        let item = Item::under(&format!("audit#{day}"), &name)
            .text(AUDIT_TEXT, &text_of(what, row)?)
            .expires(second_of(row.at) + AUDIT_KEPT_S);
        self.put(what, Table::Access, item, None).await.map(|_| ())
    }

    async fn audit_of(&self, day: &str, limit: usize) -> PortResult<Vec<AuditRow>> {
        let what = "access.audit_of";
        let query = Query {
            key: Expression::new("pk = :day").text(":day", &format!("audit#{day}")),
            descending: true,
            limit: Some(limit),
            ..Query::default()
        };
        let rows = self.query(what, Table::Access, query).await?;
        rows.iter()
            .map(|row| from_str(row.get_text(what, AUDIT_TEXT)?).map_err(|_| unreadable(what, AUDIT_TEXT)))
            .collect()
    }
}

#[async_trait]
impl AccessBook for Dynamo {
    async fn access_epoch(&self) -> PortResult<u64> {
        let what = "access.access_epoch";
        let row = self.get(what, Table::Access, Item::under(EPOCH, ALONE)).await?;
        row.map_or(Ok(0), |row| row.get_number(what, COUNT))
    }

    async fn raise_access_epoch(&self) -> PortResult<()> {
        let what = "access.raise_access_epoch";
        let raise = Expression::new("ADD count_of_changes :one").number(":one", 1);
        self.update(what, Table::Access, Item::under(EPOCH, ALONE), raise, None)
            .await
            .map(|_| ())
    }

    async fn revocations(&self) -> PortResult<Vec<Revocation>> {
        let what = "access.revocations";
        let query = Query {
            key: Expression::new("pk = :revocation").text(":revocation", REVOCATION),
            consistent: true,
            ..Query::default()
        };
        let now = self.clock.now();
        let rows = self.query(what, Table::Access, query).await?;
        let mut revocations = Vec::with_capacity(rows.len());
        for row in rows {
            let of = match row.get_text(what, SORT_KEY)?.split_once('#') {
                Some(("user", user)) => Revoked::User(user.to_owned()),
                Some(("proof", id)) => Revoked::Proof(id.to_owned()),
                _ => return Err(unreadable(what, SORT_KEY)),
            };
            let until = UnixNanos(row.get_number(what, UNTIL)?);
            if until > now {
                let at = UnixNanos(row.get_number(what, AT)?);
                revocations.push(Revocation { of, at, until });
            }
        }
        Ok(revocations)
    }

    async fn put_revocation(&self, revocation: &Revocation) -> PortResult<()> {
        let name = match &revocation.of {
            Revoked::User(user) => format!("user#{user}"),
            Revoked::Proof(id) => format!("proof#{id}"),
        };
        let row = Item::under(REVOCATION, &name)
            .number(AT, revocation.at.0)
            .number(UNTIL, revocation.until.0)
            .expires(revocation.until.millis() / 1_000 + 1);
        self.put("access.put_revocation", Table::Access, row, None)
            .await
            .map(|_| ())
    }

    async fn bans(&self) -> PortResult<Vec<Ban>> {
        let what = "access.bans";
        let query = Query {
            key: Expression::new("pk = :ban").text(":ban", BAN),
            consistent: true,
            ..Query::default()
        };
        let now = self.clock.now();
        let rows = self.query(what, Table::Access, query).await?;
        let mut bans = Vec::with_capacity(rows.len());
        for row in rows {
            let of = match row.get_text(what, SORT_KEY)?.split_once('#') {
                Some(("address", address)) => Banned::Address(address.to_owned()),
                Some(("changes", user)) => Banned::Changes(user.to_owned()),
                _ => return Err(unreadable(what, SORT_KEY)),
            };
            let until = UnixNanos(row.get_number(what, UNTIL)?);
            if until > now {
                bans.push(Ban {
                    of,
                    reason: row.get_text(what, REASON)?.to_owned(),
                    at: UnixNanos(row.get_number(what, AT)?),
                    until,
                });
            }
        }
        Ok(bans)
    }

    async fn put_ban(&self, ban: &Ban) -> PortResult<()> {
        let row = Item::under(BAN, &ban_name(&ban.of))
            .text(REASON, &ban.reason)
            .number(AT, ban.at.0)
            .number(UNTIL, ban.until.0)
            .expires(second_of(ban.until));
        self.put("access.put_ban", Table::Access, row, None)
            .await
            .map(|_| ())
    }

    async fn lift_ban(&self, of: &Banned) -> PortResult<()> {
        let row = Item::under(BAN, &ban_name(of));
        self.delete_row("access.lift_ban", Table::Access, row)
            .await
            .map(|_| ())
    }
}
