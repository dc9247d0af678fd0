//! Option pricing: the room is reserved; nothing is here yet.
