//! Streams of signals: keys, positions, recovery, conflation, packing.
