//! The stub endpoints, and where they are.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use poem::listener::TcpAcceptor;
use poem::{Route, Server};
use tokio_util::task::AbortOnDropHandle;

use crate::api;
use crate::config::Config;

/// The stub endpoints, served until this is dropped.
pub(super) struct Stub {
    /// Where: what `demo_url` is for the workflows that have it.
    pub url: String,
    _serving: AbortOnDropHandle<()>,
}

/// Serves them on the address that `serve` would listen on, or on a free port where a server is there already; none without
/// `--demo`.
pub(super) async fn serve(config: &Config) -> Result<Option<Stub>, String> {
    let address = config.listen;
    if !config.demo {
        return Ok(None);
    }
    if !address.ip().to_canonical().is_loopback() {
        return Err(format!("the stub endpoints are for loopback, and `{address}` is not"));
    }
    let told = |error: std::io::Error| format!("can't listen on `{address}`: {error}");
    let listener = match TcpListener::bind(address) {
        // A `serve` in another terminal, as a rule.
        Err(error) if error.kind() == ErrorKind::AddrInUse => TcpListener::bind(SocketAddr::new(address.ip(), 0)),
        bound => bound,
    };
    let listener = listener.map_err(told)?;
    let url = format!("http://{}/demo", listener.local_addr().map_err(told)?);
    let acceptor = listener.set_nonblocking(true).and_then(|()| TcpAcceptor::from_std(listener)).map_err(told)?;
    let app = Route::new().nest("/demo", api::demo_routes());
    let serving = tokio::spawn(async move {
        let _ = Server::new_with_acceptor(acceptor).run(app).await;
    });
    Ok(Some(Stub { url, _serving: AbortOnDropHandle::new(serving) }))
}
