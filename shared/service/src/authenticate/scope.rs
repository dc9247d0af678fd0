//! What a proof may be used for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// To ask the HTTP API for what the user may read.
    Read,
    /// To get tickets, and so to open sockets.
    Stream,
    /// To manage the access of others.
    Manage,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Read, Self::Stream, Self::Manage];

    /// The one spelling: `read`, `stream`, `manage`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Stream => "stream",
            Self::Manage => "manage",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or(())
    }
}

/// All that a proof may be used for, as far as its role goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scopes {
    /// See [`Scope::Read`].
    pub read: bool,
    /// See [`Scope::Stream`].
    pub stream: bool,
    /// See [`Scope::Manage`].
    pub manage: bool,
}

impl Scopes {
    /// Everything: what tokens have.
    pub const ALL: Self = Self {
        read: true,
        stream: true,
        manage: true,
    };

    /// Of some.
    pub fn of(scopes: &[Scope]) -> Self {
        Self {
            read: scopes.contains(&Scope::Read),
            stream: scopes.contains(&Scope::Stream),
            manage: scopes.contains(&Scope::Manage),
        }
    }

    /// Whether one of them is among these.
    pub fn include(self, scope: Scope) -> bool {
        match scope {
            Scope::Read => self.read,
            Scope::Stream => self.stream,
            Scope::Manage => self.manage,
        }
    }

    /// As a list.
    pub fn list(self) -> Vec<Scope> {
        Scope::ALL
            .into_iter()
            .filter(|scope| self.include(*scope))
            .collect()
    }
}
