//! The embedded host: the functions' own handlers in one process, fed by twins
//! of the queue, the socket, the schedule and the secrets, on the embedded store.

mod consume;
mod origins;
mod serve;
mod tasks;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::middleware::{from_fn, from_fn_with_state};
use tickwire_api::Api;
use tickwire_authorize::Door;
use tickwire_aws::{Dynamo, OsEntropy, SystemClock, TokioTimer};
use tickwire_entitlements::Tier;
use tickwire_schedule::ScheduleEvent;
use tickwire_service::access::Access;
use tickwire_service::authenticate::{Issuer, SecretText, sign_token};
use tickwire_service::deliver_signals::{Deliver, DeliverPorts, DeliverStats};
use tickwire_service::expire_log::log_kept;
use tickwire_service::ingest_ticks::{Ingest, IngestPorts, IngestStats};
use tickwire_service::limit_use::LimitUse;
use tickwire_service::manage_subscription::SubscriptionPorts;
use tickwire_service::open_connection::GoodbyeCode;
use tickwire_service::placement::Placement;
use tickwire_service::ports::{Clock, Enqueue, Entropy, Outgoing, PortError, Push, Queue, Secrets};
use tickwire_service::query_history::QueryPorts;
use tickwire_service::run_job::{Job, JobPorts, Jobs};
use tickwire_socket::Socket;
use tickwire_streams::{PostQuota, Universe};
use tickwire_telemetry::Meter;
use tickwire_telemetry::export::{self, Metric, Sample};
use tokio::net::TcpListener;
use tokio::time::MissedTickBehavior;
use tokio_util::task::TaskTracker;

pub use self::origins::{Origin, OriginError};
use self::serve::{Calls, Served};
pub use self::serve::{LocalMessage, OPERATOR, Stack};
use self::tasks::{Deaths, Tasks};
use crate::push::Sockets;
use crate::queue::{QueueName, QueueOptions, Queues};
use crate::secrets::{JWT_KEY, LocalSecrets};
use crate::sender::Outlet;
use crate::store::{DataDirectory, Engine, StoreError};

/// Period of the clock job.
const CLOCK_EVERY: Duration = Duration::from_secs(1);
/// Period of the reconcile job.
const RECONCILE_EVERY: Duration = Duration::from_secs(10);
/// Period of the compact job.
const COMPACT_EVERY: Duration = Duration::from_secs(3_600);
/// Period of the expire job.
const EXPIRE_EVERY: Duration = Duration::from_secs(3_600);
/// Period of the sweep of expired rows.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// Consumers of the queue of signals.
const DELIVER_CONSUMERS: usize = 2;
/// Longest wait for work in hand when stopping.
const DRAIN_MAX: Duration = Duration::from_secs(15);
/// Longest wait at shutdown for a round of the schedule, for open sockets, for the server.
const STOP_MAX: Duration = Duration::from_secs(1);

/// Where the data is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataPlace {
    /// In this directory; made if there is none.
    Directory(PathBuf),
    /// In memory: gone with the process.
    Memory,
}

/// How the host is run.
#[derive(Clone)]
pub struct HostOptions {
    /// Where the data is.
    pub data: DataPlace,
    /// Address to serve on.
    pub bind: IpAddr,
    /// Port to serve on; 0 takes a free one.
    pub port: u16,
    /// Consumers of the queue of events.
    pub consumers: usize,
    /// Frames that may be posted to clients; without it as many as there are.
    pub post_quota: Option<PostQuota>,
    /// How instruments are spread over groups.
    pub placement: Placement,
    /// Origins of web pages that may call the HTTP API.
    pub origins: Vec<Origin>,
    /// Another issuer whose tokens are taken.
    pub issuer: Option<Issuer>,
    /// How long the log is kept; a day at least.
    pub log_kept: Duration,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self {
            data: DataPlace::Memory,
            bind: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            consumers: 1,
            post_quota: None,
            placement: Placement::default(),
            origins: Vec::new(),
            issuer: None,
            log_kept,
        }
    }
}

/// Why the host could not start.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Store, queue or secrets.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The address.
    #[error("failed to serve on {address}: {why}")]
    Bind {
        /// Which address.
        address: SocketAddr,
        /// Why, and what to do.
        why: String,
    },
}

/// The running stack.
pub struct Host {
    /// Where it serves.
    pub address: SocketAddr,
    /// Counts of store, queue and posts.
    pub meter: Arc<Meter>,
    /// Counts of ingest.
    pub ingest: Arc<IngestStats>,
    /// Counts of deliver.
    pub deliver: Arc<DeliverStats>,
    /// The queues.
    pub queues: Queues,
    /// The store.
    pub store: Arc<Dynamo>,
    /// The secrets.
    pub secrets: Arc<LocalSecrets>,
    /// Open sockets.
    pub sockets: Arc<Sockets>,
    directory: Option<Arc<DataDirectory>>,
    socket: Arc<Socket>,
    jobs: Arc<Jobs>,
    schedule: Tasks,
    consumers: Tasks,
    sessions: TaskTracker,
    server: Tasks,
}

impl Host {
    /// Opens the data, starts everything, and serves.
    ///
    /// # Errors
    /// When the data cannot be opened or the address cannot be served on.
    pub async fn start(options: HostOptions, universe: &Universe) -> Result<Self, HostError> {
        let listener = listen(SocketAddr::new(options.bind, options.port)).await?;
        let address = listener.local_addr().map_err(|e| HostError::Bind {
            address: SocketAddr::new(options.bind, options.port),
            why: e.to_string(),
        })?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
        let meter = Arc::new(Meter::default());
        let queue_options = QueueOptions::default();
        let (directory, engine, queues, secrets) = match &options.data {
            DataPlace::Directory(path) => {
                let directory = Arc::new(DataDirectory::open(path)?);
                let engine = Engine::open(&directory)?;
                let queues = Queues::open(&directory, queue_options, clock.clone(), meter.clone())?;
                let secrets = LocalSecrets::open(directory.clone(), entropy.clone())?;
                (Some(directory), engine, queues, secrets)
            }
            DataPlace::Memory => {
                let queues = Queues::memory(queue_options, clock.clone(), meter.clone());
                (
                    None,
                    Engine::memory()?,
                    queues,
                    LocalSecrets::memory(entropy.clone())?,
                )
            }
        };
        let store = Arc::new(Dynamo::new(engine.client(), "", meter.clone(), clock.clone()));
        let sockets = Arc::new(Sockets::new(meter.clone()));
        let secrets = Arc::new(secrets);
        let queue_port = Arc::new(queues.clone());

        let ingest_ports = IngestPorts::on(&store, &queue_port, clock.clone(), entropy.clone());
        let job_ports = JobPorts::from(&ingest_ports);
        let ingest = Arc::new(Ingest::new(ingest_ports));
        let jobs = Jobs::new(job_ports, ingest.clone()).keeping_log(options.log_kept);
        let jobs = Arc::new(jobs);
        let access = Access::new(store.clone(), store.clone(), clock.clone());
        let deliver = Deliver::new(
            DeliverPorts {
                groups: store.clone(),
                connections: store.clone(),
                push: sockets.clone(),
                park: queue_port.clone(),
                postpone: queue_port.clone(),
                timer: Arc::new(TokioTimer),
                access: access.clone(),
                clock: clock.clone(),
            },
            options.placement.clone(),
        );
        let deliver = Arc::new(deliver.marked_by(secrets.clone()).within(options.post_quota));
        let socket_ports = SubscriptionPorts {
            connections: store.clone(),
            groups: store.clone(),
            log: store.clone(),
            push: sockets.clone(),
            enqueue: queue_port.clone(),
            access: access.clone(),
            clock: clock.clone(),
        };
        let socket = Socket::new(socket_ports, options.placement.clone(), universe.clone());
        let limits = LimitUse::new(store.clone(), access.clone(), clock.clone());
        let origins = options.origins.iter().map(Origin::to_string);
        let socket = socket.for_origins(origins).limited_by(limits.clone());
        let socket = Arc::new(socket.marked_by(secrets.clone()));
        let query_ports = QueryPorts {
            // What is changed over HTTP holds for sockets at once.
            access,
            ..QueryPorts::on(&store, secrets.clone(), clock.clone(), Arc::new(TokioTimer))
        };
        let mut api = Api::new(
            query_ports,
            store.clone(),
            queue_port.clone(),
            entropy.clone(),
            (options.placement.clone(), universe.clone()),
            JWT_KEY,
        );
        api.limits = Some(limits.clone());
        api.authenticate = api.authenticate.of_issuer(options.issuer.clone());
        api.access = api.access.ending(socket.connections.clone());
        let door = Door {
            authenticate: api.authenticate.clone(),
            limits: Some(limits),
        };
        let counts = (
            meter.clone(),
            ingest.stats(),
            deliver.stats(),
            api.requests.clone(),
        );
        let gauges = (queues.clone(), sockets.clone());
        let deaths = Deaths::default();
        let died = deaths.clone();
        api.metrics = Some(Box::new(move || {
            let (meter, ingest, deliver, requests) = &counts;
            let samples = [
                export::of_meter(&meter.snapshot()),
                export::of_ingest(ingest),
                export::of_deliver(deliver),
                requests.samples(),
                of_gauges(&gauges.0, &gauges.1),
                died.samples(),
            ];
            export::prometheus(&samples.concat())
        }));
        let sessions = TaskTracker::new();
        let routes = tickwire_api::router(Arc::new(api)).merge(serve::routes(Arc::new(Served {
            door,
            socket: socket.clone(),
            sockets: sockets.clone(),
            enqueue: queue_port,
            entropy,
            universe: universe.clone(),
            placement: options.placement.clone(),
            sessions: sessions.clone(),
            calls: Calls::default(),
        })));
        let origins: Arc<[Origin]> = options.origins.clone().into();
        let routes = routes
            .layer(from_fn_with_state(origins, origins::share))
            .layer(from_fn(serve::address));

        let mut server = Tasks::new(&deaths);
        let stopped = server.stop.clone();
        let mut first = Some(listener);
        server.keep("server", move || {
            let (first, routes, stopped) = (first.take(), routes.clone(), stopped.clone());
            async move {
                let listener = match first {
                    Some(listener) => Ok(listener),
                    None => listen(address).await,
                };
                match listener {
                    // It does not fail by itself.
                    Ok(listener) => drop(
                        axum::serve(
                            listener,
                            routes.into_make_service_with_connect_info::<SocketAddr>(),
                        )
                        .with_graceful_shutdown(stopped.cancelled_owned())
                        .await,
                    ),
                    Err(error) => tracing::error!(%error, "the server cannot go on"),
                }
            }
        });

        let mut consumers = Tasks::new(&deaths);
        let function = ingest.clone();
        consume::spawn(
            &mut consumers,
            &queues,
            QueueName::Ticks,
            options.consumers,
            move |event| {
                let ingest = function.clone();
                async move { tickwire_ingest::handle(&ingest, event).await }
            },
        );
        let function = deliver.clone();
        consume::spawn(
            &mut consumers,
            &queues,
            QueueName::Signals,
            DELIVER_CONSUMERS,
            move |event| {
                let deliver = function.clone();
                async move { tickwire_deliver::handle(&deliver, event).await }
            },
        );
        let mut schedule = Tasks::new(&deaths);
        let stopped = schedule.stop.clone();
        schedule.keep("sweep", move || {
            let (stopped, engine) = (stopped.clone(), engine.clone());
            async move {
                stopped.run_until_cancelled(engine.sweep_every(SWEEP_EVERY)).await;
            }
        });
        for (name, job, period) in [
            ("clock", Job::Clock, CLOCK_EVERY),
            ("reconcile", Job::Reconcile, RECONCILE_EVERY),
            ("compact", Job::Compact, COMPACT_EVERY),
            ("expire", Job::Expire, EXPIRE_EVERY),
        ] {
            let (jobs, stopped) = (jobs.clone(), schedule.stop.clone());
            schedule.keep(name, move || {
                let (jobs, stopped) = (jobs.clone(), stopped.clone());
                async move {
                    let mut ticks = tokio::time::interval(period);
                    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                    while stopped.run_until_cancelled(ticks.tick()).await.is_some() {
                        // What failed was logged with its group; the next round is soon.
                        let _ = tickwire_schedule::handle(&jobs, ScheduleEvent { job }).await;
                    }
                }
            });
        }
        Ok(Self {
            address,
            meter,
            ingest: ingest.stats(),
            deliver: deliver.stats(),
            queues,
            store,
            secrets,
            sockets,
            directory,
            socket,
            jobs,
            schedule,
            consumers,
            sessions,
            server,
        })
    }

    /// Where the data is, unless it is in memory.
    pub fn directory(&self) -> Option<&Arc<DataDirectory>> {
        self.directory.as_ref()
    }

    /// The queue, for a sender in this process.
    pub fn outlet(&self) -> Arc<dyn Outlet> {
        Arc::new(QueueOutlet(self.queues.clone()))
    }

    /// A token for `user` that this stack accepts.
    ///
    /// # Errors
    /// When the key cannot be read.
    pub async fn token(&self, user: &str, tier: Tier, lifetime: Duration) -> Result<SecretText, String> {
        let key = self.secrets.secret(JWT_KEY).await.map_err(|e| e.to_string())?;
        sign_token(&key.current, user, tier, lifetime, SystemClock.now()).map_err(|e| e.to_string())
    }

    /// Messages that wait or are worked on, in both queues.
    pub fn backlog(&self) -> usize {
        backlog(&self.queues)
    }

    /// Waits until both queues are empty; false if `deadline` came first.
    pub async fn drained(&self, deadline: Duration) -> bool {
        drained(&self.queues, deadline).await
    }

    /// Brings every group's latest row up to date.
    async fn reconcile(&self) {
        let _ = tickwire_schedule::handle(&self.jobs, ScheduleEvent { job: Job::Reconcile }).await;
    }

    /// Ends: what is queued is worked off as far as time allows, clients are
    /// told, sockets closed. What is not worked off stays in the queue.
    pub async fn stop(mut self) {
        // First of all whoever puts messages into the queue by itself.
        self.schedule.end(STOP_MAX).await;
        drained(&self.queues, DRAIN_MAX).await;
        if !self.consumers.end(DRAIN_MAX).await {
            tracing::warn!("work in hand was given up; its messages come back with the next start");
        }
        // The latest rows, written at most once a second while ticks come, reach the logs' ends.
        self.reconcile().await;
        let connections = self.sockets.names();
        self.socket
            .connections
            .say_goodbye(&connections, GoodbyeCode::Shutdown)
            .await;
        for connection in &connections {
            let _ = self.sockets.disconnect(connection).await;
        }
        // Each forgets its connection while the store is there.
        self.sessions.close();
        let _ = tokio::time::timeout(STOP_MAX, self.sessions.wait()).await;
        self.server.end(STOP_MAX).await;
    }
}

/// Messages that wait or are worked on, in both queues.
fn backlog(queues: &Queues) -> usize {
    [QueueName::Ticks, QueueName::Signals]
        .into_iter()
        .map(|queue| queues.gauges(queue))
        .map(|gauges| gauges.waiting + gauges.in_flight)
        .sum()
}

async fn drained(queues: &Queues, deadline: Duration) -> bool {
    tokio::time::timeout(deadline, async {
        while backlog(queues) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .is_ok()
}

/// How full the queues are, and how many sockets are open.
fn of_gauges(queues: &Queues, sockets: &Sockets) -> Vec<Sample> {
    let mut samples = vec![Sample::of(Metric::Connections, &[], sockets.len() as f64)];
    for queue in QueueName::ALL {
        let gauges = queues.gauges(queue);
        for (state, messages) in [("waiting", gauges.waiting), ("in_flight", gauges.in_flight)] {
            let labels = [("queue", queue.as_str()), ("state", state)];
            samples.push(Sample::of(Metric::QueueMessages, &labels, messages as f64));
        }
    }
    samples
}

async fn listen(address: SocketAddr) -> Result<TcpListener, HostError> {
    TcpListener::bind(address).await.map_err(|error| {
        let why = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                format!(
                    "port {} is in use: end what uses it, or choose another with --port",
                    address.port()
                )
            }
            std::io::ErrorKind::PermissionDenied => {
                format!(
                    "port {} may not be used: choose one from 1024 on with --port",
                    address.port()
                )
            }
            _ => error.to_string(),
        };
        HostError::Bind { address, why }
    })
}

struct QueueOutlet(Queues);

#[async_trait]
impl Outlet for QueueOutlet {
    async fn send(&self, message: Outgoing) -> Result<(), PortError> {
        Enqueue::send(&self.0, Queue::Ticks, message).await
    }
}
