//! `tickwire send`: puts the ticks of a file into the queue of a running stack.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clap::Args;
use hyper::Method;
use tickwire_entitlements::Tier;
use tickwire_service::authenticate::sign_token;
use tickwire_service::ports::{Clock, Outgoing, PortError, Secrets};
use tokio_util::sync::CancellationToken;

use super::feed_args::{ChainTermsArgs, FLUSH_DEFAULT, FileArgs, parse_duration};
use super::up::{PORT_DEFAULT, UpError, signals_of, source_of};
use crate::client::{ConnectError, Endpoint, http};
use crate::feed::file::FileFeed;
use crate::host::{LocalMessage, OPERATOR, Stack};
use crate::play::{Feed, Player, Speed, Stamps, read_ahead};
use crate::secrets::{JWT_KEY, LocalSecrets};
use crate::sender::{Outlet, Sender, SenderOptions};

/// How long the operator's token lives; a longer sending makes another.
const TOKEN_LIFETIME: Duration = Duration::from_secs(3_600);
/// When it is made anew.
const TOKEN_RENEWED_AFTER: Duration = Duration::from_secs(1_800);

/// Puts the ticks of a file into the queue of a running stack.
#[derive(Args, Clone, Debug)]
pub struct SendArgs {
    /// The file: quotes, trades or OHLCV bars, .gz or plain
    pub path: PathBuf,
    /// What the file holds.
    #[command(flatten)]
    pub file: FileArgs,
    /// Address of the stack
    #[arg(long, value_name = "URL", default_value_t = format!("http://127.0.0.1:{PORT_DEFAULT}"))]
    pub url: String,
    /// Data directory of the stack: its key signs the operator's token
    #[arg(long, value_name = "DIR", default_value = "tickwire-data")]
    pub data: PathBuf,
    /// max, or how many times as fast as recorded
    #[arg(long, value_name = "max|N", default_value = "max")]
    pub speed: Speed,
    /// Which expressions on which instruments: lines of INSTRUMENT TIMEFRAME EXPRESSION
    #[arg(long, value_name = "FILE")]
    pub signals: Option<PathBuf>,
    /// How options are valued.
    #[command(flatten)]
    pub chains: ChainTermsArgs,
    /// How long a tick waits for others of its group
    #[arg(long, value_name = "MS", default_value = FLUSH_DEFAULT, value_parser = parse_duration)]
    pub flush: Duration,
    /// Print what was sent as JSON
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
///
/// # Errors
/// When the file cannot be read or the stack does not take it.
pub async fn run(args: SendArgs) -> Result<(), UpError> {
    let stop = CancellationToken::new();
    super::stop_on_signal(stop.clone());
    let options = args.file.options().map_err(UpError::Usage)?;
    let file = FileFeed::open(&args.path, &options)?;
    let description = file.describe().clone();
    let source = source_of(file.content_hash());
    let instruments: Vec<_> = file.instruments().into_iter().map(|key| (key, None)).collect();
    let outlet = HttpOutlet::open(&args).await?;
    let stack = outlet
        .stack()
        .await
        .map_err(|e| UpError::Failed("reach the stack", e.to_string()))?;
    eprintln!("{description}");
    let mut sender = Sender::new(
        SenderOptions {
            universe: stack.universe,
            placement: stack.placement,
            source,
            epoch: 1,
            flush: args.flush,
            signals: signals_of(args.signals.as_deref(), &description)?,
            chains: args.chains.terms(None)?,
        },
        Arc::new(outlet),
    );
    sender.introduce_all(&instruments).await?;
    let player = Player::new(
        read_ahead(Feed::File(Box::new(file), Vec::new())),
        args.speed,
        Stamps::AsRecorded,
        0,
    );
    let played = player.play(&mut sender, &stop, || false, |_, _| {}).await?;
    if let Some(time) = played.time.filter(|_| played.finished) {
        sender.clock(time).await?;
    }
    let sent = sender.sent();
    if args.json {
        println!(
            "{}",
            serde_json::json!({ "sent": sent, "rows_set_aside": played.bad_rows, "finished": played.finished })
        );
    } else {
        println!(
            "{} ticks acknowledged in {} messages ({} sent again), {} rows set aside",
            sent.acknowledged, sent.messages, sent.again, played.bad_rows
        );
    }
    if played.finished {
        Ok(())
    } else {
        Err(UpError::Failed(
            "send the whole file",
            "it was stopped; send it again to go on: what is there is not taken twice".into(),
        ))
    }
}

/// The queue of a running stack, over HTTP.
struct HttpOutlet {
    endpoint: Endpoint,
    secrets: LocalSecrets,
    token: tokio::sync::Mutex<Option<(tokio::time::Instant, String)>>,
}

impl HttpOutlet {
    async fn open(args: &SendArgs) -> Result<Self, UpError> {
        let endpoint = Endpoint::parse(&args.url, None).map_err(|e| UpError::Usage(e.to_string()))?;
        let secrets = LocalSecrets::read(&args.data)?;
        Ok(Self {
            endpoint,
            secrets,
            token: tokio::sync::Mutex::default(),
        })
    }

    async fn token(&self) -> Result<String, PortError> {
        let unavailable = |why: String| PortError::Refused { what: "send", why };
        let mut held = self.token.lock().await;
        if let Some((made, token)) = held
            .as_ref()
            .filter(|(made, _)| made.elapsed() < TOKEN_RENEWED_AFTER)
        {
            let _ = made;
            return Ok(token.clone());
        }
        let key = self.secrets.secret(JWT_KEY).await?;
        let now = tickwire_aws::SystemClock.now();
        let token = sign_token(&key.current, OPERATOR, Tier::Enterprise, TOKEN_LIFETIME, now)
            .map_err(|e| unavailable(e.to_string()))?;
        let token = token.expose().to_owned();
        *held = Some((tokio::time::Instant::now(), token.clone()));
        Ok(token)
    }

    async fn stack(&self) -> Result<Stack, PortError> {
        let token = self.token().await?;
        let body = http(
            &self.endpoint,
            Method::GET,
            "/local/v1/stack",
            &token,
            Vec::new().into(),
        )
        .await
        .map_err(|e| as_port_error(&e))?;
        serde_json::from_slice(&body).map_err(|e| PortError::Refused {
            what: "send",
            why: e.to_string(),
        })
    }
}

fn as_port_error(error: &ConnectError) -> PortError {
    let (what, why) = ("send", error.to_string());
    if error.is_final() {
        PortError::Refused { what, why }
    } else {
        PortError::Unavailable { what, why }
    }
}

#[async_trait]
impl Outlet for HttpOutlet {
    async fn send(&self, message: Outgoing) -> Result<(), PortError> {
        let token = self.token().await?;
        let Outgoing {
            group,
            deduplication,
            body,
        } = message;
        // This type always has a JSON form.
        let body = serde_json::to_vec(&LocalMessage {
            group,
            deduplication,
            body,
        })
        .unwrap_or_default();
        http(
            &self.endpoint,
            Method::POST,
            "/local/v1/messages",
            &token,
            body.into(),
        )
        .await
        .map(drop)
        .map_err(|e| as_port_error(&e))
    }
}
