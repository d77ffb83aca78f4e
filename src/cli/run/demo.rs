//! The stub endpoints, where the examples call them.

use std::io::ErrorKind;

use poem::listener::TcpAcceptor;
use poem::{Route, Server};
use tokio_util::task::AbortOnDropHandle;

use crate::api;
use crate::config::Config;

/// Serves them on the address that `serve` would listen on; none without `--demo`, and where a server is there already.
pub(super) async fn serve(config: &Config) -> Result<Option<AbortOnDropHandle<()>>, String> {
    let address = config.listen;
    if !config.demo {
        return Ok(None);
    }
    if !address.ip().to_canonical().is_loopback() {
        return Err(format!("the stub endpoints are for loopback, and `{address}` is not"));
    }
    let listener = match std::net::TcpListener::bind(address) {
        Ok(listener) => listener,
        // A `serve --demo` in another terminal, as a rule.
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            super::super::output::note(&format!("note: {address} is in use; what listens there is called\n"));
            return Ok(None);
        }
        Err(error) => return Err(format!("can't listen on `{address}`: {error}")),
    };
    let acceptor = listener.set_nonblocking(true).and_then(|()| TcpAcceptor::from_std(listener));
    let acceptor = acceptor.map_err(|error| format!("can't listen on `{address}`: {error}"))?;
    let app = Route::new().nest("/demo", api::demo_routes());
    let serving = tokio::spawn(async move {
        let _ = Server::new_with_acceptor(acceptor).run(app).await;
    });
    Ok(Some(AbortOnDropHandle::new(serving)))
}
