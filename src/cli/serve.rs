//! `liaison serve`: takes the data, binds, migrates, and serves until told to stop.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use super::{ServeArgs, access, banner, out};
use crate::{
    app::{
        App, ServerClock,
        lock::{Attempt, DataLock, Holder},
        system_random, trusted_issuers,
    },
    background::Background,
    config::Config,
    http::{
        self, ops, paths,
        sandboxes::{Addresses, Sandboxes},
        server::{self, Face, Site, Stage, Stop},
    },
    sandbox::seed,
    storage::{Mode, Store},
    telemetry, web,
};

/// How often histograms are sorted.
const UPKEEP_PERIOD: Duration = Duration::from_secs(5);

/// Runs the server. `file` is the settings file that was named, for the commands that are printed.
pub(super) async fn run(args: &ServeArgs, config: Config, file: Option<&Path>) -> anyhow::Result<()> {
    telemetry::install_panic_hook();
    // Settings that cannot be used are refused before anything is made or touched.
    trusted_issuers(&config)?;
    access::make_data_dir(&config.data_dir)?;
    let mut lock = match config.database_url.is_empty() {
        true => Some(take_lock(&config.data_dir)?),
        false => None,
    };
    let (api_listener, api_address) = listen(config.listen, "--listen").await?;
    let (ops_listener, ops_address) = listen(config.ops_listen, "--ops-listen").await?;
    let public_url = config.public_url(api_address);

    let store = access::open(&config, Mode::ReadWrite).await?;
    for name in store.migrate().await.context("the database could not be brought up to date")? {
        tracing::info!(migration = name, "applied a migration");
    }
    store.start_background();
    prepare_sandbox(args, &store, api_address).await?;
    store.put_setting("public_url", &public_url).await?;
    let random = system_random();
    let admin_key = ops::load_admin_key(&config.data_dir, &random)
        .context("the admin key in the data folder can be neither read nor made")?;
    let clock = access::clock(&store).await?;
    // Without --sandbox a sandbox's data keep their time, but nobody moves it.
    let clock = if args.sandbox { ServerClock::from(clock) } else { clock.clock().into() };
    let app = App::open(config, public_url, store, clock, random).await?;
    // From here on tokens can be made beside this server: the signing key is there.
    if let Some(lock) = &mut lock {
        lock.announce(&Holder {
            pid: std::process::id(),
            base_url: local_url(api_address),
            ops_url: local_url(ops_address),
        })?;
    }

    let addresses = Addresses {
        listening: api_address,
        local_url: local_url(api_address),
        ops_url: local_url(ops_address),
    };
    let sandboxes = match args.sandbox {
        true => Sandboxes::open(&app, addresses).await.context("the named sandboxes cannot be found")?,
        false => None,
    };
    greet(args, &app, file, ops_address)?;
    serve(app, sandboxes, (api_listener, api_address), (ops_listener, ops_address), admin_key).await
}

/// Serves both addresses; the operations address is the last to go, so that readiness can say "draining".
async fn serve(
    app: App,
    sandboxes: Option<Sandboxes>,
    (api_listener, api_address): (TcpListener, SocketAddr),
    (ops_listener, ops_address): (TcpListener, SocketAddr),
    admin_key: String,
) -> anyhow::Result<()> {
    let api_router = web::mount(http::main_router(&app, sandboxes.as_ref()), &app, http::path_unknown);
    let api = Site::new(app.clone(), api_router, paths::rewrite, Face::Api, api_address)
        .with_sandboxes(sandboxes.clone());
    let ops_router = ops::router(app.clone(), admin_key);
    let ops =
        Site::new(app.clone(), ops_router, |_| (), Face::Ops, ops_address).with_sandboxes(sandboxes.clone());
    let (stop_api, stop_ops) = (Stop::default(), Stop::default());
    let signals = tokio::spawn(follow_signals(app.clone(), sandboxes.clone(), stop_api.clone())?);
    let metrics = tokio::spawn(keep_metrics());
    let background = Background::start(&app);
    let ops = tokio::spawn(server::serve(ops_listener, Arc::new(ops), stop_ops.clone()));
    server::serve(api_listener, Arc::new(api), stop_api).await;
    background.stop().await;
    if let Some(sandboxes) = sandboxes {
        sandboxes.stop().await;
    }
    metrics.abort();
    stop_ops.advance(Stage::Aborted);
    ops.await?;
    signals.abort();
    tracing::info!("stopped");
    Ok(())
}

fn take_lock(data_dir: &Path) -> anyhow::Result<DataLock> {
    let holder = match DataLock::try_take(data_dir)? {
        Attempt::Taken(lock) => return Ok(lock),
        Attempt::Held(holder) => holder,
    };
    let folder = data_dir.canonicalize().unwrap_or_else(|_| data_dir.to_owned());
    if holder.base_url.is_empty() {
        bail!(
            "process {} is using the data in {}; try again when it has ended",
            holder.pid,
            folder.display()
        );
    }
    bail!(
        "a server (process {}) is running on the data in {} and answers at {}; stop it first, or name another \
         folder with --data. Several servers at one time need PostgreSQL (--database-url)",
        holder.pid,
        folder.display(),
        holder.base_url
    )
}

async fn listen(address: SocketAddr, flag: &str) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = server::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            anyhow::anyhow!("another program listens on {address}; stop it, or choose another with {flag}")
        }
        _ => anyhow::Error::new(error).context(format!("{address} cannot be listened on; change {flag}")),
    })?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Seeds the sandbox, and keeps its known passwords on this machine.
async fn prepare_sandbox(args: &ServeArgs, store: &Store, address: SocketAddr) -> anyhow::Result<()> {
    let is_known = args.sandbox || seed::is_sandbox(store).await?;
    if is_known && !address.ip().is_loopback() && !args.sandbox_exposed {
        bail!(
            "a sandbox has passwords that everyone knows, and {address} can be reached from other machines; \
             listen on 127.0.0.1, or add --sandbox-exposed if that is what you want"
        );
    }
    if args.sandbox {
        seed::plant(store, &system_random()).await?;
    }
    Ok(())
}

/// Says where the server is.
fn greet(args: &ServeArgs, app: &App, file: Option<&Path>, ops_address: SocketAddr) -> anyhow::Result<()> {
    let engine = if app.config.database_url.is_empty() { "SQLite" } else { "PostgreSQL" };
    tracing::info!(public_url = app.public_url, ops = %ops_address, engine, "serving");
    if app.config.public_url.is_empty() && engine == "PostgreSQL" {
        tracing::warn!("public_url is not set: replicas must share one, or they refuse each other's tokens");
    }
    if args.sandbox {
        return banner::sandbox(app, file, ops_address);
    }
    let mut out = out();
    writeln!(out, "Liaison answers at {}", app.public_url)?;
    writeln!(out, "Health, metrics:   {}", local_url(ops_address))?;
    out.flush()?;
    Ok(())
}

/// Returns the address under which this machine reaches a listener.
fn local_url(address: SocketAddr) -> String {
    match address.ip().is_unspecified() {
        true if address.is_ipv6() => format!("http://[::1]:{}", address.port()),
        true => format!("http://127.0.0.1:{}", address.port()),
        false => format!("http://{address}"),
    }
}

/// Stops gently at the first signal and at once at the second.
fn follow_signals(
    app: App,
    sandboxes: Option<Sandboxes>,
    stop: Stop,
) -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        for stage in [Stage::Draining, Stage::Aborted] {
            tokio::select! {
                _ = terminate.recv() => (),
                _ = interrupt.recv() => (),
            }
            app.health.start_draining();
            if let Some(sandboxes) = &sandboxes {
                sandboxes.start_draining();
            }
            tracing::info!(?stage, "stopping");
            stop.advance(stage);
        }
    })
}

/// Sorts histograms, which are one for the whole process.
async fn keep_metrics() {
    let mut ticks = tokio::time::interval(UPKEEP_PERIOD);
    loop {
        ticks.tick().await;
        telemetry::upkeep_metrics();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_reaches_a_listener_on_every_interface_through_loopback() {
        assert_eq!(local_url("0.0.0.0:1".parse().unwrap()), "http://127.0.0.1:1");
        assert_eq!(local_url("[::]:1".parse().unwrap()), "http://[::1]:1");
        assert_eq!(local_url("10.0.0.7:1".parse().unwrap()), "http://10.0.0.7:1");
    }
}
