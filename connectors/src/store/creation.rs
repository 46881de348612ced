//! Uploads that become an object only where there is none.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use object_store::aws::AmazonS3ConfigKey;
use object_store::azure::{AzureAuthorizer, AzureCredentialProvider};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path as ObjectPath;
use object_store::{ClientOptions, Error, HeaderValue, ObjectStore, ObjectStoreExt};

use super::connect::{WORKING_SILENCE, azure, s3};
use super::error::{StoreError, classify};
use super::location::Scheme;
use super::options::StoreOptions;
use super::retry::Retry;
use super::staged_local::unique;
use super::tls::Connector;

/// How a store is asked not to replace an object by an upload.
///
/// `object_store` completes uploads without a condition, so that its client gets a transport that adds one.
#[derive(Clone)]
pub(super) enum Creation {
    /// In the request that completes the upload, as [S3] and [Azure] have it: by a client that asks so in all such requests,
    /// and sends each once.
    ///
    /// [S3]: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    /// [Azure]: https://learn.microsoft.com/rest/api/storageservices/put-block-list
    Asked(Arc<dyn MultipartStore>),
    /// [Google] has no condition there, but in the request for a copy. So the upload becomes an object of a hidden name, which
    /// is copied to its place, in one step, and deleted.
    ///
    /// [Google]: https://cloud.google.com/storage/docs/multipart-uploads
    Copied,
    /// Not at all, as the option `aws_conditional_put` says: only by a look before.
    Looked,
}

/// An upload that has not been completed: whoever knows this much can complete it.
pub(super) struct Upload {
    pub(super) store: Arc<dyn MultipartStore>,
    /// The name of what it will be.
    pub(super) path: ObjectPath,
    pub(super) id: String,
    pub(super) parts: Vec<PartId>,
}

impl Creation {
    /// What the store of this address can do.
    pub(super) fn connect(
        scheme: Scheme,
        root: &str,
        options: &StoreOptions,
        retry: &Retry,
    ) -> Result<Self, StoreError> {
        let once = object_store::RetryConfig { max_retries: 0, ..retry.config() };
        let failed = |source: Error| StoreError::from_source("connect to", root, source);
        match scheme {
            Scheme::S3 => {
                let builder = s3(root, options, once, WORKING_SILENCE)?;
                let setting = builder.get_config_value(&AmazonS3ConfigKey::ConditionalPut);
                if setting.is_some_and(|setting| setting == "disabled") {
                    return Ok(Self::Looked);
                }
                let asking = builder.with_http_connector(Asking { azure: None }).build().map_err(failed)?;
                Ok(Self::Asked(Arc::new(asking)))
            },
            Scheme::Azure => {
                let builder = azure(root, options, once, WORKING_SILENCE)?;
                let credentials = builder.clone().build().map_err(failed)?.credentials().clone();
                let builder = builder.with_credentials(credentials.clone());
                let asking =
                    builder.with_http_connector(Asking { azure: Some(credentials) }).build().map_err(failed)?;
                Ok(Self::Asked(Arc::new(asking)))
            },
            Scheme::Google | Scheme::Memory | Scheme::Http => Ok(Self::Copied),
        }
    }

    /// Where the parts of what is to be at `path` go.
    pub(super) fn upload_path(&self, path: &ObjectPath) -> Result<ObjectPath, object_store::path::Error> {
        match (self, path.as_ref().rsplit_once('/')) {
            (Self::Asked(_) | Self::Looked, _) => Ok(path.clone()),
            (Self::Copied, Some((folder, name))) => ObjectPath::parse(format!("{folder}/.{name}.{}.staged", unique())),
            (Self::Copied, None) => ObjectPath::parse(format!(".{path}.{}.staged", unique())),
        }
    }

    /// Makes the upload the object at `path`, if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyExists`]; whatever the store refuses with. If an answer was lost, or one before the last was no answer
    /// to rely on, the upload may have become the object: then that is the error, even if it is there now.
    pub(super) async fn complete(
        &self,
        objects: &dyn ObjectStore,
        retry: &Retry,
        upload: &Upload,
        path: &ObjectPath,
    ) -> Result<(), Error> {
        let Upload { store, path: upload_path, id, parts } = upload;
        match self {
            Self::Asked(asking) => ask(asking.as_ref(), retry, upload).await,
            Self::Copied => {
                store.complete_multipart(upload_path, id, parts.clone()).await?;
                let copied = objects.copy_if_not_exists(upload_path, path).await;
                // Nobody needs it any more. What stays is hidden, and the outcome of the copy is what counts.
                let _ = objects.delete(upload_path).await;
                copied
            },
            Self::Looked => store.complete_multipart(upload_path, id, parts.clone()).await.map(drop),
        }
    }
}

async fn ask(asking: &dyn MultipartStore, retry: &Retry, upload: &Upload) -> Result<(), Error> {
    let start = Instant::now();
    let mut unclear = None;
    for attempt in 0.. {
        let answer = asking.complete_multipart(&upload.path, &upload.id, upload.parts.clone()).await;
        let Err(error) = answer else { break };
        let may_pass = classify(&error).1 && attempt < retry.retries && start.elapsed() < retry.timeout;
        if !may_pass {
            // After an attempt that may have been carried out, what is in the way may be this object.
            return Err(unclear.unwrap_or_else(|| taken(error, &upload.path)));
        }
        unclear.get_or_insert(error);
        tokio::time::sleep(retry.wait(attempt)).await;
    }
    Ok(())
}

/// A condition that does not hold means here that the object exists.
fn taken(error: Error, path: &ObjectPath) -> Error {
    match error {
        Error::Precondition { source, .. } | Error::NotModified { source, .. } => {
            Error::AlreadyExists { path: path.to_string(), source }
        },
        error => error,
    }
}

/// A transport that adds `if-none-match: *` to requests that complete an upload.
#[derive(Debug)]
struct Asking {
    /// Account keys of Azure sign this header, too.
    azure: Option<AzureCredentialProvider>,
}

impl HttpConnector for Asking {
    fn connect(&self, options: &ClientOptions) -> Result<HttpClient, Error> {
        let client = Connector.connect(options)?;
        Ok(HttpClient::new(AskingService { client, azure: self.azure.clone() }))
    }
}

#[derive(Debug)]
struct AskingService {
    client: HttpClient,
    azure: Option<AzureCredentialProvider>,
}

/// What `async_trait` makes of the method's result.
type Answer<'a> = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'a>>;

impl HttpService for AskingService {
    fn call<'a, 'b>(&'a self, mut request: HttpRequest) -> Answer<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            if completes_upload(&request) {
                request.headers_mut().insert("if-none-match", HeaderValue::from_static("*"));
                if let Some(credentials) = &self.azure {
                    let signed = sign_again(&mut request, credentials).await;
                    // It was not sent.
                    signed.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
                }
            }
            self.client.execute(request).await
        })
    }
}

fn completes_upload(request: &HttpRequest) -> bool {
    let query = request.uri().query().unwrap_or_default();
    match request.method().as_str() {
        "POST" => query.split('&').any(|pair| pair.starts_with("uploadId=")),
        "PUT" => query.split('&').any(|pair| pair == "comp=blocklist"),
        _ => false,
    }
}

/// Other credentials of Azure than account keys do not depend on headers.
async fn sign_again(request: &mut HttpRequest, credentials: &AzureCredentialProvider) -> Result<(), Error> {
    let signature = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let account = signature.and_then(|text| Some(text.strip_prefix("SharedKey ")?.split_once(':')?.0.to_owned()));
    let Some(account) = account else { return Ok(()) };
    let credential = credentials.get_credential().await?;
    request.headers_mut().remove("authorization");
    AzureAuthorizer::new(&credential, &account).try_authorize(request)
}
