//! HTTPS: a listener that shakes hands away from the loop that accepts, so that a slow client holds nobody up.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use poem::http::uri::Scheme;
use poem::listener::Acceptor;
use poem::web::{LocalAddr, RemoteAddr};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::task::AbortOnDropHandle;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How many handshakes may be under way, or wait to be taken.
const WAITING: usize = 128;

/// Reads the certificate and its key.
pub(super) fn config(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, String> {
    let told = |path: &Path, error: &dyn std::fmt::Display| format!("can't use `{}`: {error}", path.display());
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| told(cert, &error))?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| told(key, &error))?;
    let builder = ServerConfig::builder().with_no_client_auth();
    let mut config = builder.with_single_cert(chain, secret).map_err(|error| told(cert, &error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

type Shaken = (TlsStream<TcpStream>, LocalAddr, RemoteAddr);

/// Accepts connections over TLS.
pub(super) struct Tls {
    local: LocalAddr,
    shaken: mpsc::Receiver<Shaken>,
    _accepting: AbortOnDropHandle<()>,
}

impl Tls {
    /// Accepts on this listener.
    pub fn new(listener: TcpListener, config: Arc<ServerConfig>) -> io::Result<Self> {
        let local = LocalAddr(listener.local_addr()?.into());
        let (sender, shaken) = mpsc::channel(WAITING);
        let accepting = tokio::spawn(accept(listener, config.into(), local.clone(), sender));
        Ok(Self { local, shaken, _accepting: AbortOnDropHandle::new(accepting) })
    }
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, local: LocalAddr, sender: mpsc::Sender<Shaken>) {
    loop {
        // A slot first: as many handshakes are under way as there is room for, and the rest waits in the kernel.
        let Ok(slot) = sender.clone().reserve_owned().await else { return };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, for one: it passes.
                tracing::debug!(%error, "can't accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (tls, local) = (tls.clone(), local.clone());
        tokio::spawn(async move {
            if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
                slot.send((stream, local, RemoteAddr(peer.into())));
            }
        });
    }
}

impl Acceptor for Tls {
    type Io = TlsStream<TcpStream>;

    fn local_addr(&self) -> Vec<LocalAddr> {
        vec![self.local.clone()]
    }

    async fn accept(&mut self) -> io::Result<(Self::Io, LocalAddr, RemoteAddr, Scheme)> {
        let (stream, local, remote) =
            self.shaken.recv().await.ok_or_else(|| io::Error::other("the listener has stopped"))?;
        Ok((stream, local, remote, Scheme::HTTPS))
    }
}
