//! Posting to connections: a table from the connection to the channel of its
//! socket's writer.

use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use rustc_hash::FxHashMap;
use tickwire_aws::{post_bytes_max, post_timeout};
use tickwire_service::ports::{PortError, PortResult, Posted, Push};
use tickwire_telemetry::Meter;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// Frames that wait for a socket's writer.
const FRAMES_WAITING_MAX: usize = 32;

/// Frames of one connection, for the writer of its socket. When it ends, the
/// connection was disconnected: the writer closes the socket.
pub type Frames = mpsc::Receiver<String>;

/// The connections of this process.
pub struct Sockets {
    table: RwLock<FxHashMap<String, mpsc::Sender<String>>>,
    meter: Arc<Meter>,
}

impl Sockets {
    /// With no connection.
    pub fn new(meter: Arc<Meter>) -> Self {
        Self {
            table: RwLock::default(),
            meter,
        }
    }

    /// Registers a connection. One of the same name is replaced, and its frames end.
    pub fn register(&self, connection: &str) -> Frames {
        let (sender, frames) = mpsc::channel(FRAMES_WAITING_MAX);
        self.table
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(connection.to_owned(), sender);
        frames
    }

    /// The answer to a message, behind what was posted before. Says whether the connection stands.
    pub async fn reply(&self, connection: &str, text: String) -> bool {
        let sender = {
            let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
            table.get(connection).cloned()
        };
        match sender {
            Some(sender) => sender.send(text).await.is_ok(),
            None => false,
        }
    }

    /// Names of the connections.
    pub fn names(&self) -> Vec<String> {
        self.table
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .keys()
            .cloned()
            .collect()
    }

    /// Connections that are registered.
    pub fn len(&self) -> usize {
        self.table.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets `connection` if it is still the one of `sender`.
    fn forget(&self, connection: &str, sender: &mpsc::Sender<String>) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        if table
            .get(connection)
            .is_some_and(|stands| stands.same_channel(sender))
        {
            table.remove(connection);
        }
    }
}

#[async_trait]
impl Push for Sockets {
    async fn post(&self, connection: &str, frame: String) -> PortResult<Posted> {
        let what = "push.post";
        let bytes = frame.len();
        if bytes > post_bytes_max {
            let why = format!("the frame has {bytes} bytes; at most {post_bytes_max} can be posted");
            return Err(PortError::Refused { what, why });
        }
        let sent = self
            .table
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(connection)
            .map(|sender| sender.try_send(frame).map_err(|why| (sender.clone(), why)));
        let (sender, taken) = match sent {
            None => {
                self.meter.post_gone();
                return Ok(Posted::Gone);
            }
            Some(Ok(())) => {
                self.meter.post(bytes);
                return Ok(Posted::Taken);
            }
            Some(Err((sender, TrySendError::Closed(_)))) => (sender, false),
            // The client reads slowly: it has until the end of the budget.
            Some(Err((sender, TrySendError::Full(frame)))) => {
                match tokio::time::timeout(post_timeout, sender.send(frame)).await {
                    Ok(sent) => (sender, sent.is_ok()),
                    Err(_) => {
                        self.meter.post_throttled();
                        return Err(PortError::Throttled { what });
                    }
                }
            }
        };
        if taken {
            self.meter.post(bytes);
            Ok(Posted::Taken)
        } else {
            self.forget(connection, &sender);
            self.meter.post_gone();
            Ok(Posted::Gone)
        }
    }

    fn post_at_once(&self, connection: &str, frame: String) -> Result<(), String> {
        let bytes = frame.len();
        if bytes > post_bytes_max {
            return Err(frame);
        }
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        match table.get(connection) {
            None => return Err(frame),
            Some(sender) => sender.try_send(frame).map_err(TrySendError::into_inner)?,
        }
        self.meter.post(bytes);
        Ok(())
    }

    async fn stands(&self, connection: &str) -> PortResult<bool> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        Ok(table.get(connection).is_some_and(|sender| !sender.is_closed()))
    }

    /// Frames that were taken are still written.
    async fn disconnect(&self, connection: &str) -> PortResult<()> {
        self.table
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(connection);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(n: usize) -> String {
        format!("[{n}]")
    }

    #[tokio::test]
    async fn frames_arrive_in_order_and_end_with_the_connection() {
        let meter = Arc::new(Meter::default());
        let sockets = Sockets::new(Arc::clone(&meter));
        let mut frames = sockets.register("a");
        for n in 0..3 {
            assert_eq!(sockets.post("a", frame(n)).await.unwrap(), Posted::Taken);
        }
        sockets.disconnect("a").await.unwrap();
        assert_eq!(sockets.post("a", frame(9)).await.unwrap(), Posted::Gone);
        for n in 0..3 {
            assert_eq!(frames.recv().await, Some(frame(n)));
        }
        assert_eq!(frames.recv().await, None);
        assert_eq!(sockets.post("never", frame(0)).await.unwrap(), Posted::Gone);
        let posts = meter.snapshot().posts;
        assert_eq!((posts.taken, posts.gone), (3, 2));
    }

    #[tokio::test]
    async fn a_socket_that_is_gone_is_forgotten() {
        let sockets = Sockets::new(Arc::default());
        drop(sockets.register("a"));
        assert_eq!(sockets.post("a", frame(0)).await.unwrap(), Posted::Gone);
        assert!(sockets.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_never_reads_costs_the_budget_and_no_more() {
        let sockets = Sockets::new(Arc::default());
        let _frames = sockets.register("slow");
        for n in 0..FRAMES_WAITING_MAX {
            assert_eq!(sockets.post("slow", frame(n)).await.unwrap(), Posted::Taken);
        }
        let start = tokio::time::Instant::now();
        assert!(matches!(
            sockets.post("slow", frame(0)).await,
            Err(PortError::Throttled { .. })
        ));
        assert_eq!(start.elapsed(), post_timeout);
    }

    #[tokio::test]
    async fn what_cannot_be_taken_at_once_comes_back() {
        let meter = Arc::new(Meter::default());
        let sockets = Sockets::new(Arc::clone(&meter));
        let mut frames = sockets.register("a");
        for n in 0..FRAMES_WAITING_MAX {
            assert_eq!(sockets.post_at_once("a", frame(n)), Ok(()));
        }
        assert_eq!(sockets.post_at_once("a", frame(77)), Err(frame(77)));
        assert_eq!(sockets.post_at_once("b", frame(78)), Err(frame(78)));
        let large = "x".repeat(post_bytes_max + 1);
        assert_eq!(sockets.post_at_once("a", large.clone()), Err(large));
        assert_eq!(frames.recv().await, Some(frame(0)));
        assert_eq!(sockets.post_at_once("a", frame(79)), Ok(()));
        drop(frames);
        assert_eq!(sockets.post_at_once("a", frame(80)), Err(frame(80)));
        let posts = meter.snapshot().posts;
        assert_eq!((posts.taken, posts.gone), (FRAMES_WAITING_MAX as u64 + 1, 0));
    }

    #[tokio::test]
    async fn what_is_too_large_is_refused() {
        let sockets = Sockets::new(Arc::default());
        let _frames = sockets.register("a");
        let large = "x".repeat(post_bytes_max + 1);
        assert!(matches!(
            sockets.post("a", large).await,
            Err(PortError::Refused { .. })
        ));
    }
}
