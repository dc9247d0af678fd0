//! Who may read what: tiers, grants, decisions.
