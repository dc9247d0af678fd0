//! What the answer to a request leads to.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::RngExt;
use tickwire_market::UnixNanos;
use tickwire_wire::{ErrorBody, ErrorCode, Pong, StreamVerdict, SubscribeReply, Welcome};

use super::super::message::Handles;
use super::super::notes::{
    Ended, Note, Receive, ask_again_wait, overlap_wait, pull_pause, reconnect_wait_max,
};
use super::{Kind, Phase, Session};

impl Session {
    pub(super) fn on_reply(
        &mut self,
        id: Option<u64>,
        ok: Option<&str>,
        err: Option<ErrorBody>,
        now: Duration,
        received: UnixNanos,
        receive: &mut impl Receive,
    ) {
        // A reply that is not waited for any longer says nothing new.
        let Some(asked) = self.asked.take_if(|asked| id == Some(asked.id)) else {
            return;
        };
        if let Some(error) = err {
            return self.on_error(asked.kind, error, now, receive);
        }
        let ok = ok.unwrap_or("null");
        let read = match asked.kind {
            Kind::Hello => {
                serde_json::from_str::<Welcome>(ok).map(|welcome| self.on_welcome(&welcome, now, receive))
            }
            Kind::Subscribe(handles) => match serde_json::from_str::<SubscribeReply>(ok) {
                Ok(reply) => {
                    self.on_verdicts(&handles, &reply.streams, now, received, receive);
                    Ok(())
                }
                Err(error) => {
                    self.ask_again(&handles, now + ask_again_wait);
                    Err(error)
                }
            },
            Kind::Ping(at) => serde_json::from_str::<Pong>(ok).map(|pong| self.on_pong(&at, &pong, now)),
        };
        if read.is_err() {
            self.counts.unreadable += 1;
            if self.phase == Phase::Greeting {
                self.on_disconnected("the welcome could not be read", None, receive);
            }
        }
    }

    fn on_error(&mut self, kind: Kind, error: ErrorBody, now: Duration, receive: &mut impl Receive) {
        let wait = error
            .retry_after_ms
            .map_or(ask_again_wait, Duration::from_millis)
            .min(reconnect_wait_max);
        let again = now + wait;
        if [ErrorCode::HelloFirst, ErrorCode::SessionExpired]
            .iter()
            .any(|code| code.code() == error.code)
        {
            return self.on_disconnected(&error.message, None, receive);
        }
        if error.code == ErrorCode::RequestStale.code() {
            match kind {
                Kind::Hello => self.on_disconnected(&error.message, None, receive),
                Kind::Subscribe(handles) => self.ask_again(&handles, now),
                Kind::Ping(_) => self.ping_due = again,
            }
            return;
        }
        match kind {
            Kind::Hello if error.temporary => self.on_disconnected(&error.message, Some(wait), receive),
            Kind::Hello => self.end(Ended::Denied(error)),
            Kind::Ping(_) => self.ping_due = again,
            Kind::Subscribe(handles) => {
                let halved = self.request_streams_max.min(handles.len()) / 2;
                let too_many = [ErrorCode::StreamsPerRequestMax, ErrorCode::MessageTooLarge]
                    .iter()
                    .any(|code| code.code() == error.code);
                if too_many && halved > 0 {
                    self.request_streams_max = halved;
                    self.ask_again(&handles, now);
                } else if error.temporary {
                    self.not_before = again;
                    self.ask_again(&handles, again);
                } else {
                    for s in &handles {
                        self.refuse(*s, &error, now, receive);
                    }
                }
            }
        }
    }

    fn on_welcome(&mut self, welcome: &Welcome, now: Duration, receive: &mut impl Receive) {
        receive.note(Note::Welcome(welcome));
        self.phase = Phase::Open;
        self.failures = 0;
        self.heartbeat = Duration::from_secs(u64::from(welcome.heartbeat_s.clamp(1, 3_600)));
        // Spread, so that clients that connected together do not ping together.
        self.ping_due = now + self.heartbeat.mul_f64(self.random.random_range(0.5..1.0));
    }

    fn on_verdicts(
        &mut self,
        handles: &[u32],
        verdicts: &[StreamVerdict],
        now: Duration,
        received: UnixNanos,
        receive: &mut impl Receive,
    ) {
        let mut left: BTreeSet<u32> = handles.iter().copied().collect();
        for verdict in verdicts {
            if !left.remove(&verdict.s) {
                continue;
            }
            let s = verdict.s;
            if self.streams[s as usize].refused {
                // It was revoked while the answer was on its way.
                continue;
            }
            if let Some(error) = &verdict.err {
                self.refuse(s, error, now, receive);
                continue;
            }
            let stream = &mut self.streams[s as usize];
            (stream.asked, stream.tries, stream.overlap_until) = (false, 0, now + overlap_wait);
            let lost = verdict.recovered == Some(false);
            if lost {
                self.counts.lost += 1;
                let since = stream.chain.last().unwrap_or_default();
                receive.note(Note::Lost {
                    stream: &stream.key,
                    since,
                });
            }
            let epoch = verdict.epoch.as_ref();
            stream.on_verdict(epoch, lost, now, received, &mut self.counts, receive);
            stream.more = verdict.more;
            if verdict.more {
                stream.due = Some(now + pull_pause);
            }
            if stream.waits() {
                self.waiting.insert(s);
            }
            receive.note(Note::Subscribed {
                stream: &stream.key,
                verdict,
            });
        }
        // Not a word of these.
        let left: Vec<u32> = left.into_iter().collect();
        self.ask_again(&left, now + ask_again_wait);
    }

    fn refuse(&mut self, s: u32, error: &ErrorBody, now: Duration, receive: &mut impl Receive) {
        let stream = &mut self.streams[s as usize];
        stream.asked = false;
        let again = error.temporary;
        receive.note(Note::Refused {
            stream: &stream.key,
            error,
            again,
        });
        if again {
            let backoff = ask_again_wait * (1 << stream.tries.min(5));
            stream.tries = stream.tries.saturating_add(1);
            let wait = error
                .retry_after_ms
                .map_or(backoff, Duration::from_millis)
                .min(reconnect_wait_max);
            stream.due = Some(now + wait);
            self.waiting.insert(s);
        } else {
            self.drop_stream(s, error);
        }
    }

    pub(super) fn drop_stream(&mut self, s: u32, error: &ErrorBody) {
        let stream = &mut self.streams[s as usize];
        if !stream.refused {
            self.counts.refused += 1;
        }
        stream.refused = true;
        (stream.due, stream.ahead) = (None, None);
        stream.let_go();
        if self.streams.iter().all(|stream| stream.refused) {
            self.end(Ended::NoStream(error.clone()));
        }
    }

    fn on_pong(&mut self, at: &Handles, pong: &Pong, now: Duration) {
        for (s, top) in &pong.tops {
            let Some(stream) = self.streams.get_mut(*s as usize).filter(|stream| !stream.refused) else {
                continue;
            };
            // The tops may be old by a moment. Behind where we stood at the ping
            // before this one means another log: its epoch is new.
            let restored = stream.at_ping.is_some_and(|before| *top < before);
            if restored && !stream.asked {
                stream.due = Some(now);
                self.waiting.insert(*s);
            } else if Some(*top) > stream.chain.last() && stream.ahead.is_none() {
                stream.ahead = Some((*top, now));
                self.waiting.insert(*s);
            }
        }
        for (s, offset) in at {
            if let Some(stream) = self.streams.get_mut(*s as usize) {
                stream.at_ping = Some(*offset);
            }
        }
    }
}
