//! Statistics.

pub(crate) mod beta;
pub(crate) mod correl;
pub(crate) mod drawdown;
pub(crate) mod entropy;
pub(crate) mod kurtosis;
pub(crate) mod log_return;
pub(crate) mod mad;
pub(crate) mod max;
pub(crate) mod median;
pub(crate) mod min;
pub(crate) mod percent_return;
pub(crate) mod percentrank;
pub(crate) mod quantile;
pub(crate) mod skew;
pub(crate) mod stddev;
pub(crate) mod stddev_sample;
pub(crate) mod sum;
pub(crate) mod var;
pub(crate) mod zscore;
