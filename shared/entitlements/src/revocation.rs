//! Identities that were taken back before their time.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use tickwire_market::UnixNanos;

use crate::Identity;

/// What was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Revoked {
    /// All that a user was given up to then: a proof made later holds.
    User(String),
    /// One token by its `jti`, or one API key by its prefix.
    Proof(String),
}

/// An identity, or all of a user, taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// What.
    pub of: Revoked,
    /// When.
    pub at: UnixNanos,
    /// From when on it may be forgotten: nothing that it takes back lives longer.
    pub until: UnixNanos,
}

/// Who is banned from what.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Banned {
    /// An address, from proving who asks.
    Address(String),
    /// A user, from changing subscriptions.
    Changes(String),
}

/// A ban, which lifts by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    /// Who.
    pub of: Banned,
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: UnixNanos,
    /// Until when.
    pub until: UnixNanos,
}

/// All that are in force, found by what they take back.
#[derive(Clone, Debug, Default)]
pub struct Revocations {
    users: HashMap<String, UnixNanos>,
    proofs: HashMap<String, UnixNanos>,
}

impl Revocations {
    /// Of all that are stored.
    pub fn new(all: impl IntoIterator<Item = Revocation>) -> Self {
        let mut found = Self::default();
        for Revocation { of, at, .. } in all {
            let (of, name) = match of {
                Revoked::User(user) => (&mut found.users, user),
                Revoked::Proof(id) => (&mut found.proofs, id),
            };
            let newest = of.entry(name).or_insert(at);
            *newest = at.max(*newest);
        }
        found
    }

    /// Whether the identity was taken back.
    pub fn take_back(&self, identity: &Identity) -> bool {
        let proof = &identity.proof;
        let of_user = self.users.get(&identity.user);
        of_user.is_some_and(|at| proof.issued_at <= *at)
            || (!proof.id.is_empty() && self.proofs.contains_key(&proof.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Proof, Tier};

    #[test]
    fn what_was_made_before_is_taken_back() {
        let revocation = |of, at| Revocation {
            of,
            at: UnixNanos(at),
            until: UnixNanos(1_000),
        };
        let all = Revocations::new([
            revocation(Revoked::User("asha".into()), 10),
            revocation(Revoked::User("asha".into()), 20),
            revocation(Revoked::User("asha".into()), 15),
            revocation(Revoked::Proof("t1".into()), 5),
        ]);
        let check = |user: &str, id: &str, issued_at, expected| {
            let identity = Identity {
                user: user.into(),
                tier: Tier::Free,
                expires_at: UnixNanos(1_000),
                proof: Proof {
                    id: id.into(),
                    issued_at: UnixNanos(issued_at),
                },
            };
            assert_eq!(all.take_back(&identity), expected, "{user} {id} {issued_at}");
        };
        check("asha", "", 0, true);
        check("asha", "", 20, true);
        check("asha", "t2", 21, false);
        check("asha", "t1", 21, true);
        check("ben", "t1", 0, true);
        check("ben", "", 0, false);
        // A name of one kind is none of the other.
        check("t1", "asha", 30, false);
    }
}
