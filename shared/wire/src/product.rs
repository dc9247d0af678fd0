//! Products: the stored row, and what HTTP says of them. Times are nanoseconds.

use serde::{Deserialize, Serialize};
use tickwire_entitlements::{Product, ProductVersion};
use tickwire_market::UnixNanos;

use crate::binary::Shape;

impl Shape for Product {
    const NAME: &'static str = "a product";
    const VERSION: u8 = 1;
}

/// A version that is to be published: body of a PUT or a POST.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ProductRequest {
    /// Streams are of it that one of these matches: `INSTRUMENT:TIMEFRAME:EXPRESSION`, with `*`.
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 64))]
    pub patterns: Vec<String>,
    /// Which version grants open: `locked`, `auto` or `range:FIRST-LAST`. Left out it is `auto` of
    /// a new product, and stays as it is of one that stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}

/// A product.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProductRow {
    /// Its name, as in `marketplace/{product}`.
    pub product: String,
    /// Which version grants open: `locked`, `auto` or `range:FIRST-LAST`.
    pub policy: String,
    /// All versions, ascending.
    pub versions: Vec<ProductVersionRow>,
    /// From when on it opens nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>))]
    pub retired_at: Option<UnixNanos>,
}

/// A version of a product.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProductVersionRow {
    /// From 1 on.
    pub version: u32,
    /// When it was published.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub published_at: UnixNanos,
    /// Its patterns.
    pub patterns: Vec<String>,
}

impl From<&Product> for ProductRow {
    fn from(product: &Product) -> Self {
        let version = |(version, of): (u32, &ProductVersion)| ProductVersionRow {
            version,
            published_at: of.published_at,
            patterns: of.patterns.iter().map(ToString::to_string).collect(),
        };
        Self {
            product: product.name.clone(),
            policy: product.policy.to_string(),
            versions: (1..).zip(&product.versions).map(version).collect(),
            retired_at: product.retired_at,
        }
    }
}

/// All products.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProductsPage {
    /// By name, retired ones too.
    pub products: Vec<ProductRow>,
}
