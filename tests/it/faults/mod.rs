//! Faults on demand, as clients over real connections and receivers of webhooks meet them.

mod requests;
mod webhooks;

use std::{net::SocketAddr, sync::Arc};

use http::Method;
use liaison::http::{
    paths, router,
    server::{self, Face, Site, Stage, Stop},
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::world::*;

const FAULTS: &str = "/sandbox/faults";

/// Asks a sandbox for something about faults.
async fn ask(server: &Server, method: Method, path: &str, body: Value) -> Answer {
    let headers: &[(&str, &str)] = if body.is_null() { &[] } else { &[("content-type", "application/json")] };
    let body = if body.is_null() { String::new() } else { body.to_string() };
    server.send(with_headers(method, path, headers).body(body.into()).unwrap()).await
}

/// Puts a fault in force, and returns its id.
async fn add(server: &Server, fault: Value) -> String {
    let answer = ask(server, Method::POST, FAULTS, fault).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    text(&answer.json(), "/id").to_owned()
}

/// A world behind a port.
struct Listening {
    address: SocketAddr,
    stop: Stop,
    serving: JoinHandle<()>,
    client: reqwest::Client,
    token: String,
}

impl Listening {
    async fn start(world: &World) -> Self {
        let listener = server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = world.app.clone();
        let site = Site::new(app.clone(), router(&app), paths::rewrite, Face::Api, address);
        let stop = Stop::default();
        let serving = tokio::spawn(server::serve(listener, Arc::new(site), stop.clone()));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { address, stop, serving, client, token: world.token(ALEX).await }
    }

    /// Begins a request of Contoso's Referrals admin.
    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address)).bearer_auth(&self.token)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stop.advance(Stage::Aborted);
        self.serving.abort();
    }
}

/// Returns the faults in force.
async fn in_force(server: &Server) -> Vec<Value> {
    let answer = ask(server, Method::GET, FAULTS, json!(null)).await;
    answer.json()["value"].as_array().unwrap().clone()
}
