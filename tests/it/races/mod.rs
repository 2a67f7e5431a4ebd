//! Many callers at once: no write that was acknowledged is lost, and no record takes a step that the table forbids.

mod history;
mod lifecycles;
mod writes;

use http::Method;

use crate::world::*;

/// Sends JSON with a token that its caller keeps, as a caller does who has many calls to make.
async fn call(
    server: &Server,
    token: &str,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl ToString,
) -> Answer {
    let request = with_headers(method, path, headers)
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {token}"));
    server.send(request.body(body.to_string().into()).unwrap()).await
}
