use std::io::Read;
use std::time::Duration;

use super::proxy::{Fault, Proxy};
use super::server::{Server, open, options};
use super::{content, location, read_all, text};
use crate::store::{Location, Store, StoreErrorKind, StoreOptions};

const MB: usize = 1 << 20;

#[test]
fn ranges_are_read_in_any_order_and_joined_into_few_requests() {
    let server = Server::start();
    let bytes = content(20 * MB);
    server.put("a/data.bin", &bytes);
    let proxy = Proxy::start(server.address, |_| Fault::None);
    let store = open(proxy.address, |options| options);
    let file = store.head(&location("s3://bucket/a/data.bin")).unwrap();
    assert_eq!(file.size, 20 << 20);
    let mut reader = store.reader(&file).unwrap();
    let ranges = [15 * MB..15 * MB + 10, 100..200, 300_000..300_100, 5 * MB..14 * MB];
    reader.announce(&ranges.clone().map(|range| range.start as u64..range.end as u64)).unwrap();
    for range in ranges.iter().rev() {
        assert_eq!(reader.take(range.start as u64..range.end as u64).unwrap(), bytes[range.clone()]);
    }
    let mut asked: Vec<_> = proxy.requests("GET").into_iter().filter_map(|request| request.range).collect();
    asked.sort();
    let expected = ["bytes=100-300099", "bytes=15728640-15728649", "bytes=5242880-9961471", "bytes=9961472-14680063"];
    assert_eq!(asked, expected);
    assert!(proxy.requests("GET").iter().all(|request| request.if_match == file.etag && file.etag.is_some()));
    // Not announced, taken twice, empty, at the end.
    assert_eq!(reader.take(100..110).unwrap(), bytes[100..110]);
    assert_eq!(reader.take(100..110).unwrap(), bytes[100..110]);
    assert!(reader.take(7..7).unwrap().is_empty());
    assert_eq!(reader.take(20 * MB as u64 - 1..20 * MB as u64).unwrap(), bytes[20 * MB - 1..]);
    let error = reader.take(0..20 * MB as u64 + 1).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Invalid);
    assert!(text(&error).contains("the file has 20971520 bytes"), "{error}");
}

#[test]
fn more_can_be_announced_than_may_be_fetched_ahead() {
    // Four readers want more than the process may hold, and are read in turns by one thread, the last first.
    let target = location("memory://announced/x");
    let store = Store::open(&target, &StoreOptions::default()).unwrap();
    let bytes = content(75 * MB);
    let mut file = store.stage(&target, Default::default()).unwrap();
    file.append(&bytes).unwrap();
    file.finish().unwrap().commit().unwrap();
    let file = store.head(&target).unwrap();
    let mut readers = [(); 4].map(|()| store.reader(&file).unwrap());
    let parts: Vec<_> =
        (0..file.size).step_by(8 * MB).map(|start| start..file.size.min(start + 8 * MB as u64)).collect();
    for reader in &mut readers {
        reader.announce(&parts).unwrap();
    }
    for part in parts.iter().rev() {
        for reader in readers.iter_mut().rev() {
            assert_eq!(reader.take(part.clone()).unwrap(), bytes[part.start as usize..part.end as usize]);
        }
    }
}

#[test]
fn a_stream_gives_all_bytes_in_order() {
    let server = Server::start();
    let bytes = content(43 * MB + 5);
    server.put("x", &bytes);
    server.put("empty", "");
    let store = server.store();
    let file = store.head(&location("s3://bucket/x")).unwrap();
    let mut read = Vec::new();
    store.stream(&file).unwrap().read_to_end(&mut read).unwrap();
    assert!(read == bytes);
    let mut stream = store.stream(&file).unwrap();
    stream.read_exact(&mut [0; 10]).unwrap();
    assert_eq!(stream.next_chunk().unwrap().unwrap(), bytes[10..MB]);
    let empty = store.head(&location("s3://bucket/empty")).unwrap();
    assert_eq!(store.stream(&empty).unwrap().next_chunk().unwrap(), None);
    assert!(read_all(&store, &empty).is_empty());
}

#[test]
fn waiting_has_a_limit_if_the_caller_wants_one() {
    let server = Server::start();
    server.put("x", content(10));
    let proxy = Proxy::with_faults(server.address, [Fault::Silence]);
    let store = open(proxy.address, |options| options);
    let file = store.head(&location("s3://bucket/x")).unwrap();
    let mut reader = store.reader(&file).unwrap();
    reader.announce(&[0..5, 5..10]).unwrap();
    assert_eq!(reader.try_take(0..10, Duration::from_millis(1)).unwrap(), None);
    reader.forget();
    assert_eq!(reader.take(0..10).unwrap(), content(10));
}

#[test]
fn a_store_may_be_used_inside_another_runtime() {
    let server = Server::start();
    server.put("x", "abc");
    let store = server.store();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let read = runtime.block_on(async { read_all(&store, &store.head(&location("s3://bucket/x")).unwrap()) });
    assert_eq!(read, b"abc");
}

#[test]
fn what_is_missing_or_forbidden_is_told_apart() {
    let server = Server::start();
    server.put("x", "abc");
    let kind = |store: &Store, text: &str| store.head(&location(text)).unwrap_err().kind();
    assert_eq!(kind(&server.store(), "s3://bucket/y"), StoreErrorKind::NotFound);
    let wrong = open(server.address, |options| options.with("aws_secret_access_key", "wrong"));
    assert_eq!(kind(&wrong, "s3://bucket/x"), StoreErrorKind::Permission);
    let unknown = open(server.address, |options| options.with("aws_access_key_id", "nobody"));
    assert_eq!(kind(&unknown, "s3://bucket/x"), StoreErrorKind::Permission);
    let nowhere = Store::open(&location("s3://nowhere"), &options(server.address)).unwrap();
    assert_eq!(kind(&nowhere, "s3://nowhere/x"), StoreErrorKind::NotFound);
    // A location of one store is no name in another.
    assert_eq!(kind(&nowhere, "s3://bucket/x"), StoreErrorKind::Invalid);
    let error = nowhere.list(&location("s3://nowhere/*")).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::NotFound);
    assert!(error.to_string().contains("check the bucket"), "{error}");
}

#[test]
fn stores_are_shared_by_equal_options() {
    let server = Server::start();
    let same = |a: &Store, b: &Store| std::sync::Arc::ptr_eq(a.remote.as_ref().unwrap(), b.remote.as_ref().unwrap());
    assert!(same(&server.store(), &server.store()));
    assert!(!same(&server.store(), &open(server.address, |options| options.with("max_retries", "4"))));
}

#[test]
fn wrong_options_are_refused_when_a_store_is_opened() {
    let cases = [
        ("s3://b", "acess_key_id", "x", "`acess_key_id` is not one of S3"),
        ("s3://b", "max_retries", "many", "not a whole number"),
        ("gs://b", "aws_region", "x", "`aws_region` is not one of Google"),
        ("az://b", "nope", "x", "`nope` is not one of Azure"),
        ("http://h", "region", "x", "`region` is not one of HTTP"),
        ("s3://b", "profile", "no such profile", "no profile `no such profile`"),
        ("s3://b", "aws_access_key_id", "x", "secret"),
    ];
    for (address, key, value, reason) in cases {
        let error = Store::open(&location(address), &StoreOptions::default().with(key, value)).unwrap_err();
        assert!(text(&error).to_lowercase().contains(&reason.to_lowercase()), "{error}");
    }
}

#[test]
fn clients_of_the_other_clouds_are_set_up() {
    let google = StoreOptions::default().with("google_skip_signature", "true");
    assert!(Store::open(&location("gs://b"), &google).is_ok());
    let azure = StoreOptions::default().with("azure_storage_account_name", "a").with("account_key", "aGVsbG8=");
    assert!(Store::open(&location("az://c"), &azure).is_ok());
    assert!(
        Store::open(
            &location("abfss://c@a.dfs.core.windows.net/x"),
            &StoreOptions::default().with("use_emulator", "false")
        )
        .is_ok()
    );
}

#[test]
fn files_of_a_web_server_are_read() {
    // The S3 server without credentials is a web server.
    let server = Server::start();
    let bytes = content(9 * MB);
    server.put("x y", &bytes);
    server.put("small", "abc");
    let address = server.address;
    for (key, expected) in [("x y", &bytes[..]), ("small", b"abc")] {
        let location = signed_url(address, key);
        let store = Store::open(&location, &StoreOptions::default()).unwrap();
        // The signature is one for GET, not for HEAD.
        let file = store.head(&location).unwrap();
        assert_eq!(file.size, expected.len() as u64);
        assert!(read_all(&store, &file) == expected);
        assert!(
            store.stage(&location, Default::default()).is_err_and(|error| error.kind() == StoreErrorKind::Unsupported)
        );
        let glob = store.list(&Location::parse(&format!("http://{address}/*")).unwrap());
        assert_eq!(glob.unwrap_err().kind(), StoreErrorKind::Invalid);
    }
    let refused = Location::parse(&format!("http://{address}/bucket/small")).unwrap();
    let store = Store::open(&refused, &StoreOptions::default()).unwrap();
    assert_eq!(store.head(&refused).unwrap_err().kind(), StoreErrorKind::Permission);
}

#[test]
fn a_web_server_that_knows_nothing_but_whole_files_is_read() {
    let proxy = Proxy::start(Server::start().address, |request| match request.method.as_str() {
        "GET" => Fault::Body("abc".into()),
        _ => Fault::Status(405),
    });
    let location = Location::parse(&format!("http://{}/x", proxy.address)).unwrap();
    let store = Store::open(&location, &StoreOptions::default()).unwrap();
    let mut stream = store.stream(&store.head(&location).unwrap()).unwrap();
    assert_eq!(stream.next_chunk().unwrap().unwrap(), "abc");
    assert_eq!(stream.next_chunk().unwrap(), None);
}

fn signed_url(address: std::net::SocketAddr, key: &str) -> Location {
    use object_store::aws::AmazonS3Builder;
    use object_store::signer::Signer;
    let signer = AmazonS3Builder::new()
        .with_bucket_name("bucket")
        .with_endpoint(format!("http://{address}"))
        .with_allow_http(true)
        .with_access_key_id("key")
        .with_secret_access_key("secret")
        .build()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let method = "GET".parse().unwrap();
    let url = runtime.block_on(signer.signed_url(method, &key.into(), Duration::from_secs(600))).unwrap();
    Location::parse(url.as_str()).unwrap()
}
