//! So much is traded that users are over the frames of their tiers, with all deliverers at work:
//! however many they are, nobody is sent more than his tier has.

use tickwire_entitlements::Window;
use tickwire_service::deliver_signals::FRAMES_LEASE_S;

use super::{Role, Run};
use crate::truth::Promise;
use crate::world::{MILLISECOND, SECOND};

/// One run of so many, for it takes long.
const RUNS_ONE_IN: u64 = 4;
/// Instruments that trade, about: as many as keep their readers over their rates.
const INSTRUMENTS: usize = 8;
/// Times that they do.
const ROUNDS: i64 = 400;
/// Time between them.
const ROUND: i64 = 25 * MILLISECOND;
/// Time until all of it is worked off.
const WORKED_OFF: i64 = 2 * SECOND;

impl Run {
    /// Trades much, and counts what comes of it.
    pub(super) fn be_busy(&mut self) {
        if !self.is_well() || !self.seed.is_multiple_of(RUNS_ONE_IN) {
            return;
        }
        let began = self.now();
        self.world.lock().delivered.clear();
        let of_group = INSTRUMENTS.div_ceil(self.market.groups.len().max(1));
        for _ in 0..ROUNDS {
            let now = self.now();
            self.trade_some(now, of_group);
            self.until(now + ROUND, |_| false);
        }
        self.until(self.now() + WORKED_OFF, |_| false);
        self.check_frames(self.now() - began);
    }

    /// A user is sent what was leased meanwhile, and what was leased before and still held.
    fn check_frames(&self, nanos: i64) {
        let deliverers = self
            .processes
            .iter()
            .filter(|process| process.role == Role::Deliver);
        // Each tells a user once that he is over his rate.
        let notices = deliverers.count();
        let mut world = self.world.lock();
        for (nth, client) in self.clients.iter().enumerate() {
            let of_client = |place: &usize| world.connections[*place].client == nth;
            let delivered = world.delivered.iter().filter(|(place, _)| of_client(place));
            let frames: usize = delivered.map(|(_, frames)| *frames as usize).sum();
            let taken_within = |window: Window| {
                let nanos = nanos + FRAMES_LEASE_S * SECOND;
                (nanos / (i64::from(window.seconds) * SECOND) + 1) as usize * window.limit as usize
            };
            let of_tier = client.identity.tier.limits().frames().map(taken_within);
            let most = notices + of_tier.into_iter().min().unwrap_or_default();
            if frames > most {
                let seconds = nanos / SECOND;
                let what = format!("client {nth} was sent {frames} frames in {seconds} s, and may be {most}");
                world.violate(Promise::FramesOfTier, what);
            }
        }
    }
}
