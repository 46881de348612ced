//! Encrypted connections to the S3 server, through a proxy that decrypts.

use std::env;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use super::proxy::{Fault, Proxy};
use super::server::{Server, open};
use super::{content, location, names, read_all, text};
use crate::store::{StageOptions, Store, StoreError, StoreErrorKind, StoreOptions};
use crate::testing::Folder;

/// Where a started process finds the server with encryption, and that without.
const ENCRYPTED: &str = "QUOKKA_TEST_ENCRYPTED";
const PLAIN: &str = "QUOKKA_TEST_PLAIN";

/// A server before another one, with a certificate of an issuer of its own.
struct Encrypted {
    address: SocketAddr,
    /// The certificate of the issuer.
    issuer: String,
    connections: Arc<AtomicUsize>,
    _runtime: Runtime,
}

impl Encrypted {
    /// `name` is the only one that the certificate is for.
    fn start(server: SocketAddr, name: &str) -> Self {
        let mut issuer = CertificateParams::default();
        issuer.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(issuer, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        let versions =
            ServerConfig::builder_with_provider(default_provider().into()).with_safe_default_protocol_versions();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        let config = versions.unwrap().with_no_client_auth().with_single_cert(vec![certificate.into()], key).unwrap();

        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut client = acceptor.accept(client).await?;
                    let mut server = TcpStream::connect(server).await?;
                    tokio::io::copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
        Self { address, issuer: issuer.pem(), connections, _runtime: runtime }
    }

    /// The S3 server behind it.
    fn store(&self, change: impl FnOnce(StoreOptions) -> StoreOptions) -> Store {
        open(self.address, |options| change(options.with("aws_endpoint_url", format!("https://{}", self.address))))
    }
}

fn trusting(options: StoreOptions) -> StoreOptions {
    options.with("allow_invalid_certificates", "true")
}

#[test]
fn files_are_read_and_written_over_encrypted_connections() {
    let server = Server::start();
    let encrypted = Encrypted::start(server.address, "example.org");
    let store = encrypted.store(trusting);
    for length in [0, 5, 20 << 20] {
        let (target, bytes) = (location(&format!("s3://bucket/d/{length}")), content(length));
        let mut file = store.stage(&target, StageOptions::default()).unwrap();
        file.append(&bytes).unwrap();
        file.finish().unwrap().commit().unwrap();
        assert!(std::fs::read(server.path(&format!("d/{length}"))).unwrap() == bytes);
        assert!(read_all(&store, &store.head(&target).unwrap()) == bytes);
    }
    assert_eq!(names(&store, "s3://bucket/d/"), ["0", "20971520", "5"]);
    store.delete(&location("s3://bucket/d/5")).unwrap();
    assert_eq!(names(&store, "s3://bucket/d/*"), ["d/0", "d/20971520"]);
}

#[test]
fn a_web_server_with_encryption_is_read() {
    let web = Proxy::start(Server::start().address, |_| Fault::Body("abc".into()));
    let encrypted = Encrypted::start(web.address, "example.org");
    let file = location(&format!("https://{}/x", encrypted.address));
    let store = Store::open(&file, &trusting(StoreOptions::default())).unwrap();
    assert_eq!(read_all(&store, &store.head(&file).unwrap()), b"abc");
    let error = Store::open(&file, &StoreOptions::default()).unwrap().head(&file).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Untrusted, "{error}");
}

#[track_caller]
fn assert_untrusted(error: &StoreError, url: &str) {
    assert_eq!((error.kind(), error.url()), (StoreErrorKind::Untrusted, url), "{}", text(error));
    let text = text(error);
    assert!(text.contains("`SSL_CERT_FILE`") && text.contains("`allow_invalid_certificates`"), "{text}");
    assert!(text.contains("invalid peer certificate"), "{text}");
}

#[test]
fn a_certificate_of_nobody_is_refused_at_once() {
    let server = Server::start();
    server.put("x", "abc");
    let encrypted = Encrypted::start(server.address, "127.0.0.1");
    let known = server.store().head(&location("s3://bucket/x")).unwrap();
    // All retries that there are by default.
    let store = encrypted.store(|options| options.with("max_retries", "10").with("retry_init_backoff_ms", "100000"));
    let target = location("s3://bucket/new");
    let stage = || {
        let mut file = store.stage(&target, StageOptions::default()).unwrap();
        file.append(b"abc").unwrap();
        file.finish().unwrap()
    };
    let asked = [
        (store.head(&known.location).unwrap_err(), "s3://bucket/x"),
        (store.reader(&known).unwrap().take(0..3).unwrap_err(), "s3://bucket/x"),
        (store.list(&location("s3://bucket/*")).unwrap_err(), "s3://bucket/*"),
        (stage().commit().unwrap_err(), "s3://bucket/new"),
        (stage().hand_over().unwrap_err(), "s3://bucket/new"),
        (store.delete(&target).unwrap_err(), "s3://bucket/new"),
    ];
    for (error, url) in &asked {
        assert_untrusted(error, url);
    }
    assert_eq!((asked[0].0.attempts(), asked[1].0.attempts()), (1, 1));
    assert_eq!(encrypted.connections.load(Ordering::SeqCst), asked.len());
}

#[test]
fn certificates_that_the_system_knows_are_trusted() {
    if let (Ok(encrypted), Ok(plain)) = (env::var(ENCRYPTED), env::var(PLAIN)) {
        return ask(encrypted.parse().unwrap(), plain.parse().unwrap());
    }
    let server = Server::start();
    server.put("x", "abc");
    let right = Encrypted::start(server.address, "127.0.0.1");
    let other_name = Encrypted::start(server.address, "example.org");
    let folder = Folder::new();
    for (server_asked, trusted, expected) in [
        (&right, right.issuer.as_str(), "trusted"),
        (&right, other_name.issuer.as_str(), "untrusted"),
        (&other_name, other_name.issuer.as_str(), "untrusted"),
        // As a machine without any certificates.
        (&right, "", "untrusted"),
    ] {
        let file = folder.path().join("trusted.pem");
        std::fs::write(&file, trusted).unwrap();
        // The environment of a process cannot be changed while others read it.
        let test = "store::tests::tls::certificates_that_the_system_knows_are_trusted";
        let process = Command::new(env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(ENCRYPTED, server_asked.address.to_string())
            .env(PLAIN, server.address.to_string())
            .env("SSL_CERT_FILE", file)
            .env_remove("SSL_CERT_DIR")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&process.stdout);
        assert!(process.status.success() && told.contains(&format!("it is {expected}\n")), "{process:?}");
    }
}

/// What the started process does: looks up a file over both connections.
fn ask(encrypted: SocketAddr, plain: SocketAddr) {
    let file = location("s3://bucket/x");
    assert_eq!(open(plain, |options| options).head(&file).unwrap().size, 3);
    let endpoint = format!("https://{encrypted}");
    match open(encrypted, |options| options.with("aws_endpoint_url", endpoint)).head(&file) {
        Ok(file) => println!("it is trusted\n{file:?}"),
        Err(error) => {
            assert_untrusted(&error, "s3://bucket/x");
            println!("it is untrusted\n");
        },
    }
}
