//! `tickwire products`: what is on sale in the marketplace.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use hyper::Method;
use tickwire_entitlements::{Policy, StreamPattern};
use tickwire_wire::{ProductRequest, ProductRow, ProductsPage};

use super::access::{Common, end, lines, time};
use super::client_args::{Failure, percent_encoded};

/// Products of the marketplace: make, list, show, publish a version, retire.
#[derive(Args, Clone, Debug)]
pub struct ProductsArgs {
    #[command(subcommand)]
    command: Products,
}

#[derive(Subcommand, Clone, Debug)]
enum Products {
    /// Make a product with a first version
    Create {
        /// Its name, as in marketplace/PRODUCT
        product: String,
        #[command(flatten)]
        version: Version,
        #[command(flatten)]
        common: Common,
    },
    /// List all products, retired ones too
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Show a product with its versions
    Show {
        /// Its name
        product: String,
        #[command(flatten)]
        common: Common,
    },
    /// Publish the next version of a product
    Publish {
        /// Its name
        product: String,
        #[command(flatten)]
        version: Version,
        #[command(flatten)]
        common: Common,
    },
    /// End a product for everybody, for good
    Retire {
        /// Its name
        product: String,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Args, Clone, Debug)]
struct Version {
    /// Streams of it: INSTRUMENT:TIMEFRAME:EXPRESSION, as NSE@*@IDX:5m:rsi(*); may be repeated
    #[arg(long = "pattern", value_name = "PATTERN", required = true)]
    patterns: Vec<StreamPattern>,
    /// Which version grants open: locked (as given), auto (the newest) or range:FIRST-LAST
    #[arg(long, value_name = "POLICY")]
    policy: Option<Policy>,
}

impl From<Version> for ProductRequest {
    fn from(version: Version) -> Self {
        Self {
            patterns: version.patterns.iter().map(ToString::to_string).collect(),
            policy: version.policy.map(|policy| policy.to_string()),
        }
    }
}

/// Runs `tickwire products`.
pub async fn run(args: ProductsArgs) -> ExitCode {
    end(products(args.command).await)
}

async fn products(command: Products) -> Result<String, Failure> {
    let of = |product: &str| format!("/v1/products/{}", percent_encoded(product));
    let (common, product): (Common, ProductRow) = match command {
        Products::List { common } => {
            let page: ProductsPage = common.ask(Method::GET, "/v1/products").await?;
            return common.written(&page, |page| lines(&page.products, "no products", product_line));
        }
        Products::Show { product, common } => {
            let row = common.ask(Method::GET, &of(&product)).await?;
            (common, row)
        }
        Products::Retire { product, common } => {
            let row = common.ask(Method::DELETE, &of(&product)).await?;
            (common, row)
        }
        Products::Create {
            product,
            version,
            common,
        } => {
            let request = ProductRequest::from(version);
            let row = common.tell(Method::PUT, &of(&product), &request).await?;
            (common, row)
        }
        Products::Publish {
            product,
            version,
            common,
        } => {
            let request = ProductRequest::from(version);
            let row = common.tell(Method::POST, &of(&product), &request).await?;
            (common, row)
        }
    };
    common.written(&product, product_text)
}

fn product_line(product: &ProductRow) -> String {
    let retired = match product.retired_at {
        Some(at) => format!(", retired {}", time(at)),
        None => String::new(),
    };
    format!(
        "{} {} version {}{retired}",
        product.product,
        product.policy,
        product.versions.len()
    )
}

fn product_text(product: &ProductRow) -> String {
    let mut text = product_line(product) + "\n";
    for version in &product.versions {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {} {}", version.version, time(version.published_at));
        for pattern in &version.patterns {
            let _ = writeln!(text, "    {pattern}");
        }
    }
    text
}
