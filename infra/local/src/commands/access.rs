//! `tickwire keys`, `tickwire grants`, `tickwire access`: what admins give and take back.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use hyper::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tickwire_entitlements::Tier;
use tickwire_market::UnixNanos;
use tickwire_service::authenticate::Scope;
use tickwire_wire::{
    AuditPage, BansPage, GrantRequest, GrantRow, GrantsPage, KeyBody, KeyRequest, KeyRow, KeysPage,
    RevocationRequest, RevocationRow, RevocationsPage,
};

use super::client_args::{ClientArgs, Exit, Failure, percent_encoded};
use crate::client::http;

/// Nanoseconds of a day.
const DAY: i64 = 86_400 * UnixNanos::PER_SECOND;

/// API keys of users: make, list, take back.
#[derive(Args, Clone, Debug)]
pub struct KeysArgs {
    #[command(subcommand)]
    command: Keys,
}

#[derive(Subcommand, Clone, Debug)]
enum Keys {
    /// Make a key and print it: it is told this once
    Create {
        /// The user
        #[arg(long, value_name = "NAME")]
        user: String,
        /// Tier: free, standard, premium or enterprise
        #[arg(long, default_value_t = Tier::Free)]
        tier: Tier,
        /// Scopes: read, stream, manage; with commas between
        #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "read,stream", value_parser = scope)]
        scopes: Vec<Scope>,
        /// Days that it lives, at most 366
        #[arg(long, value_name = "N", default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=366))]
        days: u16,
        #[command(flatten)]
        common: Common,
    },
    /// List the keys of a user
    List {
        /// The user
        #[arg(long, value_name = "NAME")]
        user: String,
        #[command(flatten)]
        common: Common,
    },
    /// Take a key back
    Revoke {
        /// Its prefix, as in the list
        prefix: String,
        #[command(flatten)]
        common: Common,
    },
}

fn scope(text: &str) -> Result<Scope, &'static str> {
    text.parse().map_err(|()| "write read, stream or manage")
}

/// Grants of products to users: give, list, take back.
#[derive(Args, Clone, Debug)]
pub struct GrantsArgs {
    #[command(subcommand)]
    command: Grants,
}

#[derive(Subcommand, Clone, Debug)]
enum Grants {
    /// Give a product, in place of the grant that the user has of it
    Give {
        /// The user
        user: String,
        /// The product, as in marketplace/PRODUCT
        product: String,
        /// Days for which it is given
        #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..))]
        days: u16,
        /// For trial
        #[arg(long)]
        trial: bool,
        #[command(flatten)]
        common: Common,
    },
    /// List the grants of a user, ended ones too
    List {
        /// The user
        user: String,
        #[command(flatten)]
        common: Common,
    },
    /// End a grant now
    Revoke {
        /// The user
        user: String,
        /// The product
        product: String,
        #[command(flatten)]
        common: Common,
    },
}

/// Revocations, bans, and who changed what.
#[derive(Args, Clone, Debug)]
pub struct AccessArgs {
    #[command(subcommand)]
    command: Access,
}

#[derive(Subcommand, Clone, Debug)]
enum Access {
    /// Take back all that a user was given up to now, and end the user's sockets
    RevokeUser {
        /// The user
        user: String,
        #[command(flatten)]
        common: Common,
    },
    /// Take back one token
    RevokeToken {
        /// Its claim jti
        id: String,
        #[command(flatten)]
        common: Common,
    },
    /// List what is taken back and not forgotten
    Revocations {
        #[command(flatten)]
        common: Common,
    },
    /// List who is banned from what
    Bans {
        #[command(flatten)]
        common: Common,
    },
    /// Lift a ban before its time
    Lift {
        /// address or changes
        from: String,
        /// The address or the user
        who: String,
        #[command(flatten)]
        common: Common,
    },
    /// List who changed what on a day
    Audit {
        /// The day of UTC, as 2026-11-21 [default: today]
        #[arg(long, value_name = "DAY")]
        day: Option<String>,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Args, Clone, Debug)]
pub(super) struct Common {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: ClientArgs,
}

impl Common {
    pub(super) async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str) -> Result<T, Failure> {
        self.send(method, path, Vec::new()).await
    }

    pub(super) async fn tell<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let body = serde_json::to_vec(body).map_err(|e| Failure::usage(e.to_string()))?;
        self.send(method, path, body).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<T, Failure> {
        let token = self.client.admin_tokens()?().map_err(Failure::usage)?;
        let answer = http(&self.client.endpoint()?, method, path, &token, body.into()).await?;
        serde_json::from_slice(&answer).map_err(|e| Failure {
            message: format!("failed to read the answer of {path}: {e}"),
            exit: Exit::Connect,
        })
    }

    pub(super) fn written<T: Serialize>(
        &self,
        value: &T,
        text: impl Fn(&T) -> String,
    ) -> Result<String, Failure> {
        if !self.json {
            return Ok(text(value));
        }
        let json = serde_json::to_string_pretty(value).map_err(|e| Failure::usage(e.to_string()))?;
        Ok(json + "\n")
    }
}

/// Runs `tickwire keys`.
pub async fn run_keys(args: KeysArgs) -> ExitCode {
    end(keys(args.command).await)
}

/// Runs `tickwire grants`.
pub async fn run_grants(args: GrantsArgs) -> ExitCode {
    end(grants(args.command).await)
}

/// Runs `tickwire access`.
pub async fn run_access(args: AccessArgs) -> ExitCode {
    end(access(args.command).await)
}

pub(super) fn end(told: Result<String, Failure>) -> ExitCode {
    match told {
        Ok(text) => {
            // A pipe that is closed wants no more.
            let _ = write!(anstream::stdout().lock(), "{text}");
            ExitCode::SUCCESS
        }
        Err(failure) => failure.report(),
    }
}

async fn keys(command: Keys) -> Result<String, Failure> {
    match command {
        Keys::Create {
            user,
            tier,
            scopes,
            days,
            common,
        } => {
            let request = KeyRequest {
                user,
                tier,
                scopes: scopes.iter().map(Scope::to_string).collect(),
                expires_at: crate::now().saturating_add(i64::from(days) * DAY),
            };
            let made: KeyBody = common.tell(Method::POST, "/v1/keys", &request).await?;
            common.written(&made, |made| made.key.clone() + "\n")
        }
        Keys::List { user, common } => {
            let path = format!("/v1/keys?user={}", percent_encoded(&user));
            let page: KeysPage = common.ask(Method::GET, &path).await?;
            common.written(&page, |page| lines(&page.keys, "no keys", key_line))
        }
        Keys::Revoke { prefix, common } => {
            let path = format!("/v1/keys/{}", percent_encoded(&prefix));
            let row: KeyRow = common.ask(Method::DELETE, &path).await?;
            common.written(&row, |row| key_line(row) + "\n")
        }
    }
}

async fn grants(command: Grants) -> Result<String, Failure> {
    let of = |user: &str, product: &str| {
        let (user, product) = (percent_encoded(user), percent_encoded(product));
        format!("/v1/grants/{user}/{product}")
    };
    match command {
        Grants::Give {
            user,
            product,
            days,
            trial,
            common,
        } => {
            let request = GrantRequest {
                from: None,
                until: crate::now().saturating_add(i64::from(days) * DAY),
                trial,
            };
            let row: GrantRow = common.tell(Method::PUT, &of(&user, &product), &request).await?;
            common.written(&row, |row| grant_line(row) + "\n")
        }
        Grants::List { user, common } => {
            let path = format!("/v1/grants/{}", percent_encoded(&user));
            let page: GrantsPage = common.ask(Method::GET, &path).await?;
            common.written(&page, |page| lines(&page.grants, "no grants", grant_line))
        }
        Grants::Revoke {
            user,
            product,
            common,
        } => {
            let row: GrantRow = common.ask(Method::DELETE, &of(&user, &product)).await?;
            common.written(&row, |row| grant_line(row) + "\n")
        }
    }
}

async fn access(command: Access) -> Result<String, Failure> {
    match command {
        Access::RevokeUser { user, common } => {
            let request = RevocationRequest {
                user: Some(user),
                token: None,
            };
            revoke(&common, &request).await
        }
        Access::RevokeToken { id, common } => {
            let request = RevocationRequest {
                user: None,
                token: Some(id),
            };
            revoke(&common, &request).await
        }
        Access::Revocations { common } => {
            let page: RevocationsPage = common.ask(Method::GET, "/v1/revocations").await?;
            common.written(&page, |page| {
                lines(&page.revocations, "nothing is taken back", revocation_line)
            })
        }
        Access::Bans { common } => {
            let page: BansPage = common.ask(Method::GET, "/v1/bans").await?;
            common.written(&page, bans_text)
        }
        Access::Lift { from, who, common } => {
            let path = format!("/v1/bans/{}/{}", percent_encoded(&from), percent_encoded(&who));
            let page: BansPage = common.ask(Method::DELETE, &path).await?;
            common.written(&page, bans_text)
        }
        Access::Audit { day, common } => {
            let day = day.unwrap_or_else(|| tickwire_service::audit::day_of(crate::now()));
            let path = format!("/v1/audit?limit=1000&day={}", percent_encoded(&day));
            let page: AuditPage = common.ask(Method::GET, &path).await?;
            common.written(&page, |page| {
                lines(&page.lines, "nothing was changed", |line| {
                    format!("{} {} {}: {}", time(line.at), line.by, line.action, line.detail)
                })
            })
        }
    }
}

async fn revoke(common: &Common, request: &RevocationRequest) -> Result<String, Failure> {
    let row: RevocationRow = common.tell(Method::POST, "/v1/revocations", request).await?;
    common.written(&row, |row| revocation_line(row) + "\n")
}

pub(super) fn lines<T>(rows: &[T], none: &str, line: impl Fn(&T) -> String) -> String {
    if rows.is_empty() {
        return format!("{none}\n");
    }
    rows.iter().fold(String::new(), |mut text, row| {
        let _ = writeln!(text, "{}", line(row));
        text
    })
}

fn bans_text(page: &BansPage) -> String {
    lines(&page.bans, "nobody is banned", |ban| {
        format!(
            "{} {} until {}: {}",
            ban.from,
            ban.who,
            time(ban.until),
            ban.reason
        )
    })
}

fn key_line(key: &KeyRow) -> String {
    let state = match (key.revoked_at, key.used_at) {
        (Some(at), _) => format!("taken back {}", time(at)),
        (None, Some(at)) => format!("used {}", time(at)),
        (None, None) => "never used".to_owned(),
    };
    let scopes = key.scopes.join(",");
    format!(
        "{} {} {} {scopes} until {}, {state}",
        key.prefix,
        key.user,
        key.tier,
        time(key.expires_at)
    )
}

fn grant_line(grant: &GrantRow) -> String {
    let trial = if grant.trial { ", for trial" } else { "" };
    format!(
        "{} {} version {} from {} until {}{trial}",
        grant.user,
        grant.product,
        grant.version,
        time(grant.from),
        time(grant.until)
    )
}

fn revocation_line(row: &RevocationRow) -> String {
    let what = match (&row.user, &row.token) {
        (Some(user), _) => format!("user {user}"),
        (None, token) => format!("token {}", token.as_deref().unwrap_or_default()),
    };
    format!("{what} at {}, until {}", time(row.at), time(row.until))
}

pub(super) fn time(at: UnixNanos) -> String {
    jiff::Timestamp::from(at)
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}
