//! From a location and options to a client of the store.

use std::sync::{Arc, Once};
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::http::HttpBuilder;
use object_store::memory::InMemory;
use object_store::multipart::MultipartStore;
use object_store::{ClientConfigKey, ClientOptions, ObjectStore, RetryConfig};

use super::aws;
use super::error::StoreError;
use super::location::Scheme;
use super::options::StoreOptions;
use super::retry;
use super::tls::Connector;

/// A request for bytes fails when nothing arrives for so long. There is no limit on its whole length: a slow line may need
/// minutes for a request of full size.
pub(super) const READING_SILENCE: Duration = Duration::from_secs(30);

/// The same for other requests, where it includes the sending of a part of 8 MiB.
pub(super) const WORKING_SILENCE: Duration = Duration::from_secs(120);

const CONNECT: &str = "connect to";

/// A client of a store, and how it takes objects in parts, if it does.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) parts: Option<Arc<dyn MultipartStore>>,
}

impl Client {
    fn with_parts(store: impl ObjectStore + MultipartStore) -> Self {
        let store = Arc::new(store);
        Self { objects: store.clone(), parts: Some(store) }
    }

    fn without_parts(store: impl ObjectStore) -> Self {
        Self { objects: Arc::new(store), parts: None }
    }
}

/// Opens a client that sends requests again as `retry` says.
pub(super) fn connect(
    scheme: Scheme,
    root: &str,
    query: Option<&str>,
    options: &StoreOptions,
    retry: RetryConfig,
    silence: Duration,
) -> Result<Client, StoreError> {
    let client = client_options(silence);
    let refused = |reason: String| StoreError::invalid(CONNECT, root, reason);
    let failed = |source: object_store::Error| StoreError::from_source(CONNECT, root, source);
    match scheme {
        // Objects lie in memory anyway, also before they are complete.
        Scheme::Memory => Ok(Client::without_parts(InMemory::new())),
        Scheme::S3 => s3(root, options, retry, silence)?.build().map(Client::with_parts).map_err(failed),
        Scheme::Google => {
            let mut builder = GoogleCloudStorageBuilder::from_env().with_client_options(client).with_retry(retry);
            for (key, value) in settings::<GoogleConfigKey>(options, "Google Cloud Storage").map_err(refused)? {
                builder = builder.with_config(key, value);
            }
            if is_plain(builder.get_config_value(&GoogleConfigKey::BaseUrl), options) {
                builder = builder.with_config(GoogleConfigKey::Client(ClientConfigKey::AllowHttp), "true");
            }
            let builder = builder.with_http_connector(Connector);
            builder.with_url(root).build().map(Client::with_parts).map_err(failed)
        },
        Scheme::Azure => azure(root, options, retry, silence)?.build().map(Client::with_parts).map_err(failed),
        Scheme::Http => {
            // Who writes `http://` means it. The query (a signature, say) belongs to every request of this store.
            let client = client.with_allow_http(root.starts_with("http://"));
            let settings = settings::<ClientConfigKey>(options, "HTTP").map_err(refused)?;
            let client = settings.into_iter().fold(client, |client, (key, value)| client.with_config(key, value));
            let address = query.map_or(root.to_owned(), |query| format!("{root}/?{query}"));
            let builder = HttpBuilder::new().with_url(address).with_client_options(client).with_retry(retry);
            let builder = builder.with_http_connector(Connector);
            builder.build().map(Client::without_parts).map_err(failed)
        },
    }
}

/// Whether an endpoint without encryption was written down, which is then meant.
fn is_plain(endpoint: Option<String>, options: &StoreOptions) -> bool {
    options.get("allow_http").is_none() && endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"))
}

/// Clients of S3, set up.
pub(super) fn s3(
    root: &str,
    options: &StoreOptions,
    retry: RetryConfig,
    silence: Duration,
) -> Result<AmazonS3Builder, StoreError> {
    let builder = AmazonS3Builder::new().with_client_options(client_options(silence)).with_retry(retry).with_url(root);
    let builder = builder.with_http_connector(Connector);
    aws::configure(builder, options).map_err(|reason| StoreError::invalid(CONNECT, root, reason))
}

/// Clients of Azure, set up.
pub(super) fn azure(
    root: &str,
    options: &StoreOptions,
    retry: RetryConfig,
    silence: Duration,
) -> Result<MicrosoftAzureBuilder, StoreError> {
    let settings = settings::<AzureConfigKey>(options, "Azure");
    let settings = settings.map_err(|reason| StoreError::invalid(CONNECT, root, reason))?;
    let builder = MicrosoftAzureBuilder::from_env().with_client_options(client_options(silence)).with_retry(retry);
    let mut builder = settings.into_iter().fold(builder, |builder, (key, value)| builder.with_config(key, value));
    if is_plain(builder.get_config_value(&AzureConfigKey::Endpoint), options) {
        builder = builder.with_config(AzureConfigKey::Client(ClientConfigKey::AllowHttp), "true");
    }
    Ok(builder.with_http_connector(Connector).with_url(root))
}

fn client_options(silence: Duration) -> ClientOptions {
    prepare_tls();
    ClientOptions::new().with_timeout_disabled().with_read_timeout(silence)
}

fn settings<K: std::str::FromStr>(options: &StoreOptions, store: &str) -> Result<Vec<(K, String)>, String> {
    let given = options.iter().filter(|(key, _)| !retry::is_option(key));
    let parse = |(key, value): (&str, &str)| match key.parse() {
        Ok(key) => Ok((key, value.to_owned())),
        Err(_) => Err(format!("the option `{key}` is not one of {store}: see `docs/stores.md`")),
    };
    given.map(parse).collect()
}

/// The TLS library asks the process which cryptography to use. A program that has chosen keeps its choice.
fn prepare_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}
