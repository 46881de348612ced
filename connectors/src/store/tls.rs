//! Encrypted connections: whose certificates count, and servers that are refused for good.

use std::error::Error;
use std::io;
use std::pin::Pin;

use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};

/// Opens clients that trust whom the system trusts. A machine without any certificates, such as a small container, has
/// clients too: they need none for `http://`, and are told at the first `https://` that they trust nobody.
#[derive(Debug)]
pub(super) struct Connector;

/// Why a connection is not made: the same server would be refused again.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("{0}")]
    Certificate(rustls::Error),
    #[error("the server does not answer with TLS, or not with one that is known here; is it one for `http://`? ({0})")]
    Protocol(rustls::Error),
}

#[derive(Debug)]
struct Service(HttpClient);

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let connector = ReqwestConnector::default();
        let client = connector.connect(options).or_else(|error| {
            let nobody = options.clone().with_no_system_certificates(true);
            connector.connect(&nobody).map_err(|_| error)
        })?;
        Ok(HttpClient::new(Service(client)))
    }
}

impl HttpService for Service {
    // As `async_trait` writes it.
    fn call<'service, 'call>(
        &'service self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'call>>
    where
        'service: 'call,
        Self: 'call,
    {
        Box::pin(async move {
            // `object_store` sends again what failed while connecting; of this kind it does not.
            self.0.execute(request).await.map_err(|error| match refused(&error) {
                Some(refused) => HttpError::new(HttpErrorKind::Unknown, refused),
                None => error,
            })
        })
    }
}

fn refused(error: &(dyn Error + 'static)) -> Option<Refused> {
    let mut next = Some(error);
    while let Some(error) = next {
        match error.downcast_ref::<rustls::Error>() {
            Some(error @ rustls::Error::InvalidCertificate(_)) => return Some(Refused::Certificate(error.clone())),
            Some(error @ (rustls::Error::InvalidMessage(_) | rustls::Error::PeerIncompatible(_))) => {
                return Some(Refused::Protocol(error.clone()));
            },
            _ => {},
        }
        // What an I/O error was made of is not its source: that would be the source of what it was made of.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}
