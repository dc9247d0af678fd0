//! Volume.

pub(crate) mod ad;
pub(crate) mod adosc;
pub(crate) mod cmf;
pub(crate) mod efi;
pub(crate) mod eom;
pub(crate) mod kvo;
pub(crate) mod mfi;
pub(crate) mod nvi;
pub(crate) mod obv;
pub(crate) mod pvi;
pub(crate) mod pvo;
pub(crate) mod pvt;
pub(crate) mod rvol;
