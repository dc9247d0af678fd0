//! The stack that all of it is tried on.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tickwire::secrets::LocalSecrets;
use tickwire_end_to_end::identities;
pub(crate) use tickwire_end_to_end::identities::claims;
use tickwire_end_to_end::processes::{Process, Tickwire, free_port};
use tickwire_end_to_end::socket::Socket;
use tickwire_service::authenticate::JWT_KEY;
use tickwire_service::ports::{Secret, Secrets as _};
pub(crate) use tickwire_service::testing::ACCESS_INSTRUMENT as BTC;
use tickwire_service::testing::access_preparation;

use crate::raw::{self, Answer};

/// Longest time until the stack has bars to show.
const READY_MAX: Duration = Duration::from_secs(20);

pub(crate) struct Running {
    pub(crate) port: u16,
    pub(crate) key: Secret,
    pub(crate) data: PathBuf,
    tickwire: Tickwire,
    process: Process,
    asked: AtomicUsize,
    _home: TempDir,
}

pub(crate) fn signed(secret: &[u8], claims: &Value) -> String {
    identities::signed(secret, claims).unwrap()
}

impl Running {
    pub(crate) async fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let (data, file) = (home.path().join("data"), home.path().join("quotes.csv"));
        let mut quotes = String::from("time,price,size\n");
        for second in 0..600 {
            let price = 60_000.0 + f64::from(second % 97) / 4.0;
            quotes += &format!(
                "2026-11-16T10:{:02}:{:02}Z,{price},0.5\n",
                second / 60,
                second % 60
            );
        }
        std::fs::write(&file, quotes).unwrap();
        let tickwire = Tickwire::find(home.path().join("output.txt")).unwrap();
        let port = free_port().unwrap();
        let text = |path: &PathBuf| path.to_str().unwrap().to_owned();
        let process = tickwire
            .start([
                "up",
                "--replay",
                &text(&file),
                "--instrument",
                BTC,
                "--speed",
                "max",
                "--quiet",
                "--port",
                &port.to_string(),
                "--data",
                &text(&data),
            ])
            .unwrap();
        let began = Instant::now();
        let key = loop {
            if let Ok(secrets) = LocalSecrets::read(&data)
                && let Ok(versions) = secrets.secret(JWT_KEY).await
            {
                break versions.current;
            }
            assert!(began.elapsed() < READY_MAX, "no key:\n{}", tickwire.tail());
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let running = Self {
            port,
            key,
            data,
            tickwire,
            process,
            asked: AtomicUsize::new(0),
            _home: home,
        };
        let token = running.token("starter", "enterprise", "user");
        let path = format!("/v1/bars/{BTC}?timeframe=1m");
        loop {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                let answer = running.ask("GET", &path, Some(&token), None).await;
                if answer.text.contains("\"close\"") {
                    return running;
                }
            }
            assert!(
                began.elapsed() < READY_MAX,
                "no bars:\n{}",
                running.tickwire.tail()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The proof of an identity of the tables.
    pub(crate) fn proof(&self, identity: &str, user: &str) -> Option<String> {
        identities::proof(&self.key, identity, user).unwrap()
    }

    pub(crate) fn token(&self, user: &str, tier: &str, role: &str) -> String {
        signed(self.key.expose(), &claims(user, tier, role))
    }

    /// An address that nobody asked from before.
    pub(crate) fn address(&self) -> std::net::Ipv4Addr {
        raw::address(self.asked.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) async fn ask(
        &self,
        method: &str,
        target: &str,
        token: Option<&str>,
        body: Option<&str>,
    ) -> Answer {
        let mut headers: Vec<String> = Vec::new();
        headers.extend(token.map(|token| format!("authorization: Bearer {token}")));
        headers.extend(body.map(|_| "content-type: application/json".to_owned()));
        let body = body.unwrap_or_default();
        raw::ask(self.port, self.address(), (method, target), &headers, body).await
    }

    pub(crate) async fn admin(&self, method: &str, target: &str, body: Option<&str>) -> Answer {
        let token = self.token("chief", "enterprise", "admin");
        let answer = self.ask(method, target, Some(&token), body).await;
        assert_eq!(answer.status, 200, "{method} {target}: {}", answer.text);
        answer
    }

    /// What the tables speak of.
    pub(crate) async fn prepare(&self) {
        for asked in access_preparation(tickwire::now()) {
            let body = asked.body.as_deref();
            self.admin(&asked.method, &asked.address, body).await;
        }
        // In force everywhere within 3 s.
        tokio::time::sleep(Duration::from_millis(3_100)).await;
    }

    pub(crate) async fn ticket(&self, token: &str) -> Result<String, String> {
        let answer = self.ask("POST", "/v1/tickets", Some(token), None).await;
        match answer.json()["ticket"].as_str() {
            Some(ticket) => Ok(ticket.to_owned()),
            None => Err(answer.slug()),
        }
    }

    pub(crate) async fn socket(&self, token: &str) -> Result<Socket, String> {
        let ticket = self.ticket(token).await?;
        raw::socket(self.port, self.address(), Some(&ticket)).await
    }

    /// All that was written: by the process, and to the files of its log.
    pub(crate) fn written(&self) -> String {
        let mut text = self.tickwire.output().unwrap();
        for entry in std::fs::read_dir(self.data.join("logs")).into_iter().flatten() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            text += &String::from_utf8_lossy(&bytes);
        }
        text
    }

    pub(crate) async fn end(self) {
        self.tickwire.check_no_panic().unwrap();
        self.process.stop(Duration::from_secs(20)).await.unwrap();
    }
}
