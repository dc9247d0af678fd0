//! `/v1/products`: what is on sale in the marketplace, for admins.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::HeaderMap;
use tickwire_entitlements::Policy;
use tickwire_service::audit::allow;
use tickwire_wire::{ProductRequest, ProductRow, ProductsPage};

use crate::answer::Form;
use crate::question::{Asker, Named, body, parsed};
use crate::refusal::Refusal;
use crate::router::{Answer, Api};

fn policy_of(text: Option<&str>) -> Result<Option<Policy>, Refusal> {
    text.map(|text| parsed("policy", text)).transpose()
}

/// All products
///
/// For admins. Retired ones are included.
#[utoipa::path(
    get,
    path = "/v1/products",
    operation_id = "products",
    tag = "access",
    responses((status = 200, description = "The products.", body = ProductsPage)),
)]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    Asker(admin): Asker,
    headers: HeaderMap,
) -> Answer<ProductsPage> {
    Form::wanted(&headers, &[Form::Json])?;
    let products = api.products.list(&admin).await?;
    let products = products.iter().map(ProductRow::from).collect();
    Ok(Json(ProductsPage { products }))
}

/// One product
///
/// For admins. With all its versions.
#[utoipa::path(
    get,
    path = "/v1/products/{product}",
    operation_id = "product",
    tag = "access",
    params(("product" = String, Path, description = "The product.", pattern = "^[A-Za-z0-9._-]+$", max_length = 64)),
    responses((status = 200, description = "The product.", body = ProductRow)),
)]
pub(crate) async fn show(
    State(api): State<Arc<Api>>,
    Asker(admin): Asker,
    Named(path): Named<String>,
    headers: HeaderMap,
) -> Answer<ProductRow> {
    allow(&admin, "show_product")?;
    Form::wanted(&headers, &[Form::Json])?;
    let name = path?;
    Ok(Json((&api.products.show(&admin, &name).await?).into()))
}

/// Make a product
///
/// For admins. With a first version.
#[utoipa::path(
    put,
    path = "/v1/products/{product}",
    operation_id = "create_product",
    tag = "access",
    params(("product" = String, Path, description = "The product.", pattern = "^[A-Za-z0-9._-]+$", max_length = 64)),
    request_body = ProductRequest,
    responses(
        (status = 200, description = "The product.", body = ProductRow),
        (status = 415, description = "The body is not application/json.", body = tickwire_wire::HttpError),
    ),
)]
pub(crate) async fn create(
    State(api): State<Arc<Api>>,
    Asker(admin): Asker,
    Named(path): Named<String>,
    headers: HeaderMap,
    given: Result<Json<ProductRequest>, JsonRejection>,
) -> Answer<ProductRow> {
    // Who may not do this is not told what is wrong with the body.
    allow(&admin, "create_product")?;
    Form::wanted(&headers, &[Form::Json])?;
    let name = path?;
    let ProductRequest { patterns, policy } = body(given)?;
    let policy = policy_of(policy.as_deref())?.unwrap_or(Policy::Auto);
    let product = api.products.create(&admin, &name, &patterns, policy).await?;
    Ok(Json((&product).into()))
}

/// Publish a version of a product
///
/// For admins. In force everywhere within 5 s: streams that a grant no longer opens end.
#[utoipa::path(
    post,
    path = "/v1/products/{product}",
    operation_id = "publish_product",
    tag = "access",
    params(("product" = String, Path, description = "The product.", pattern = "^[A-Za-z0-9._-]+$", max_length = 64)),
    request_body = ProductRequest,
    responses(
        (status = 200, description = "The product.", body = ProductRow),
        (status = 415, description = "The body is not application/json.", body = tickwire_wire::HttpError),
    ),
)]
pub(crate) async fn publish(
    State(api): State<Arc<Api>>,
    Asker(admin): Asker,
    Named(path): Named<String>,
    headers: HeaderMap,
    given: Result<Json<ProductRequest>, JsonRejection>,
) -> Answer<ProductRow> {
    allow(&admin, "publish_product")?;
    Form::wanted(&headers, &[Form::Json])?;
    let name = path?;
    let ProductRequest { patterns, policy } = body(given)?;
    let policy = policy_of(policy.as_deref())?;
    let product = api.products.publish(&admin, &name, &patterns, policy).await?;
    Ok(Json((&product).into()))
}

/// Retire a product
///
/// For admins. It opens nothing to anybody any longer, and its name is not given again.
#[utoipa::path(
    delete,
    path = "/v1/products/{product}",
    operation_id = "retire_product",
    tag = "access",
    params(("product" = String, Path, description = "The product.", pattern = "^[A-Za-z0-9._-]+$", max_length = 64)),
    responses((status = 200, description = "The product as it ended.", body = ProductRow)),
)]
pub(crate) async fn retire(
    State(api): State<Arc<Api>>,
    Asker(admin): Asker,
    Named(path): Named<String>,
    headers: HeaderMap,
) -> Answer<ProductRow> {
    allow(&admin, "retire_product")?;
    Form::wanted(&headers, &[Form::Json])?;
    let name = path?;
    Ok(Json((&api.products.retire(&admin, &name).await?).into()))
}
