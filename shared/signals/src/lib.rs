//! Expressions, the plan they share, and the engine that folds events into signals.
