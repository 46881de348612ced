//! What files in any store have to do: checked with the servers of these tests, and with those stores that the environment
//! names.

use std::collections::HashSet;
use std::io::Read;

use super::cloud_server::CloudServer;
use super::creation::check_one_wins;
use super::listing::{self, without_folders};
use super::proxy::{Fault, Proxy, eventually};
use super::server::{Server, open};
use super::staging::{NEW, stage};
use super::{content, location, names, read_all};
use crate::store::{Location, StageOptions, Staged, Store, StoreErrorKind, StoreOptions};

fn put(store: &Store, target: &Location, bytes: &[u8]) {
    stage(store, target, bytes, StageOptions::default()).commit().unwrap();
}

/// Everything that is asked of the store of `root`, which ends in `/` and has nothing below it; nothing is left there.
fn check(store: &Store, root: &str) {
    listing::check(store, &format!("{root}list/"));
    keys_are_literal(store, &format!("{root}keys/"));
    files_appear_when_they_are_committed(store, &format!("{root}stage/"));
    one_of_two_is_there(store, &format!("{root}x"));
    ranges_and_versions(store, &format!("{root}x"));
    for length in [1000, 17 << 20] {
        check_one_wins(store, &format!("{root}race/{length}"), 4, length);
    }
    let all: Vec<Location> =
        store.list(&location(&format!("{root}**/*"))).unwrap().map(|file| file.unwrap().location).collect();
    let folders: Vec<Location> = store.list(&location(root)).unwrap().map(|file| file.unwrap().location).collect();
    let hidden = [".x/4.csv", "_SUCCESS", "a/_tmp/6.csv"].map(|name| location(&format!("{root}list/d/{name}")));
    assert!(store.delete_all(&[all, folders, hidden.to_vec()].concat()).is_empty());
    assert_eq!(store.list(&location(root)).unwrap_err().kind(), StoreErrorKind::NotFound);
}

fn keys_are_literal(store: &Store, root: &str) {
    let names_given = ["%20", "a b", "a#b", "a%2Fb", "a+b", "a&b=c", "a:b", "a'(b)!~", "a\"b", "ü", "日本"];
    for name in names_given {
        put(store, &location(&format!("{root}{name}")), name.as_bytes());
    }
    let mut sorted = names_given.to_vec();
    sorted.sort();
    assert_eq!(names(store, root), sorted);
    for file in store.list(&location(root)).unwrap() {
        let file = file.unwrap();
        assert_eq!(read_all(store, &file), file.below_root.as_bytes());
        assert_eq!(read_all(store, &store.head(&file.location).unwrap()), file.below_root.as_bytes());
    }
    assert_eq!(names(store, &format!("{root}a%*")).len(), 1);
    assert_eq!(names(store, &format!("{root}a ?")).len(), 1);
}

fn files_appear_when_they_are_committed(store: &Store, root: &str) {
    // Nothing, a little, one part exactly, a byte more, many.
    for length in [0, 5, 8 << 20, (8 << 20) + 1, 17 << 20] {
        let target = location(&format!("{root}{length}"));
        let bytes = content(length);
        let is_there = || store.head(&target).map(|file| file.size).map_err(|error| error.kind());
        drop(stage(store, &target, &bytes, NEW));
        stage(store, &target, &bytes, NEW).abort().unwrap();
        assert_eq!(is_there(), Err(StoreErrorKind::NotFound));
        assert_eq!(store.list(&location(root)).map(Iterator::count).unwrap_or(0), 0);
        let staged = stage(store, &target, &bytes, NEW);
        assert_eq!(is_there(), Err(StoreErrorKind::NotFound));
        staged.commit().unwrap();
        assert!(read_all(store, &store.head(&target).unwrap()) == bytes);
        let others = if length == 5 { vec![content(9), content(9 << 20)] } else { vec![content(9)] };
        for other in others {
            let error = stage(store, &target, &other, NEW).commit().unwrap_err();
            assert_eq!((error.kind(), error.url()), (StoreErrorKind::AlreadyExists, target.to_string().as_str()));
            assert_eq!(is_there(), Ok(length as u64));
            put(store, &target, &other);
            assert!(read_all(store, &store.head(&target).unwrap()) == other);
            put(store, &target, &bytes);
        }
        store.delete(&target).unwrap();
        store.delete(&target).unwrap();
        assert_eq!(is_there(), Err(StoreErrorKind::NotFound));

        let mut staged = stage(store, &target, &bytes, NEW);
        let taken = store.take_over(&target, NEW, &staged.hand_over().unwrap()).unwrap();
        assert_eq!(is_there(), Err(StoreErrorKind::NotFound));
        taken.commit().unwrap();
        drop(staged);
        assert!(read_all(store, &store.head(&target).unwrap()) == bytes);
        store.delete(&target).unwrap();
    }
}

/// Who commits last wins, or is refused; no version is mixed.
fn one_of_two_is_there(store: &Store, key: &str) {
    let target = location(key);
    let versions = [content(17 << 20), content(18 << 20)];
    let staged = [0, 1].map(|number| stage(store, &target, &versions[number], StageOptions::default()));
    let committed = staged.map(Staged::commit);
    assert!(committed[0].is_ok());
    let found = read_all(store, &store.head(&target).unwrap());
    assert!(found == versions[usize::from(committed[1].is_ok())], "{committed:?}");
    store.delete(&target).unwrap();
}

fn ranges_and_versions(store: &Store, key: &str) {
    let target = location(key);
    let bytes = content(20 << 20);
    put(store, &target, &bytes);
    let listed = store.list(&target).unwrap().next().unwrap().unwrap();
    let found = store.head(&target).unwrap();
    assert_eq!((listed.size, found.size), (20 << 20, 20 << 20));
    assert!(found.etag.is_some() && found.modified.is_some());
    let mut read = Vec::new();
    store.stream(&listed).unwrap().read_to_end(&mut read).unwrap();
    assert!(read == bytes);
    let mut readers = [store.reader(&listed).unwrap(), store.reader(&found).unwrap()];
    for reader in &mut readers {
        reader.announce(&[7..9, 1 << 20..12 << 20]).unwrap();
        assert_eq!(reader.take(7..9).unwrap(), bytes[7..9]);
        assert!(reader.take(2 << 20..11 << 20).unwrap() == bytes[2 << 20..11 << 20]);
        reader.forget();
    }
    // Of the same length: the version tells.
    put(store, &target, &[&bytes[1..], b"x"].concat());
    for reader in &mut readers {
        assert_eq!(reader.take(100..200).unwrap_err().kind(), StoreErrorKind::Changed);
    }
    put(store, &target, b"short");
    for reader in &mut readers {
        assert_eq!(reader.take(10 << 20..11 << 20).unwrap_err().kind(), StoreErrorKind::Changed);
    }
    store.delete(&target).unwrap();
    for reader in &mut readers {
        // Azurite looks at the condition first.
        let kind = reader.take(10..20).unwrap_err().kind();
        assert!(matches!(kind, StoreErrorKind::NotFound | StoreErrorKind::Changed), "{kind:?}");
    }
}

#[test]
fn s3() {
    let server = Server::start();
    check(&open(without_folders(&server).address, |options| options), "s3://bucket/here/");
}

#[test]
fn azure_and_google() {
    let server = CloudServer::start();
    for (scheme, options) in [("az", server.azure()), ("gs", server.google())] {
        let root = format!("{scheme}://bucket/here/");
        let open = |address: &str| Store::open(&location(address), &options).unwrap();
        check(&open(&root), &root);
        eventually(|| server.open_uploads() == 0);
        nothing_is_nowhere(&format!("{scheme}://bucket-nowhere/x"), &options);
    }
}

#[test]
fn passing_failures_are_overcome_in_other_clouds_too() {
    let server = CloudServer::start();
    // Every request fails when it is made for the first time.
    let mut seen = HashSet::new();
    let proxy = Proxy::start(server.address, move |request| {
        let is_new = seen.insert((request.method.clone(), request.target.clone(), request.range.clone()));
        if is_new { Fault::Status(503) } else { Fault::None }
    });
    let endpoint = format!("http://{}", proxy.address);
    for (scheme, options, key) in
        [("az", server.azure(), "azure_storage_endpoint"), ("gs", server.google(), "google_base_url")]
    {
        let options = options.with(key, &endpoint).with("retry_init_backoff_ms", "1");
        let (folder, bytes) = (format!("{scheme}://bucket/{scheme}/"), content(20 << 20));
        let store = Store::open(&location(&folder), &options).unwrap();
        let target = location(&format!("{folder}x"));
        stage(&store, &target, &bytes, NEW).commit().unwrap();
        stage(&store, &location(&format!("{folder}small")), b"abc", NEW).commit().unwrap();
        assert_eq!(names(&store, &folder), ["small", "x"]);
        assert!(read_all(&store, &store.head(&target).unwrap()) == bytes);
        store.delete(&target).unwrap();
        assert_eq!(names(&store, &folder), ["small"]);
    }
}

fn nothing_is_nowhere(address: &str, options: &StoreOptions) {
    let nowhere = location(address);
    let store = Store::open(&nowhere, options).unwrap();
    for found in [store.list(&nowhere).map(drop), store.list(&location(&format!("{address}*"))).map(drop)] {
        let error = found.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::NotFound, "{error}");
    }
    assert!(stage(&store, &nowhere, b"abc", StageOptions::default()).commit().is_err());
}

/// The same with the store that a variable names, by a bucket or a folder in it; the environment has the rest.
fn check_named(variable: &str) {
    let Ok(root) = std::env::var(variable) else {
        panic!("`{variable}` names no place in a store, such as `az://bucket`")
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    let bucket = root.split('/').take(3).collect::<Vec<_>>().join("/");
    let root = format!("{}/quokka-test-{now}/", root.trim_end_matches('/'));
    check(&Store::open(&location(&root), &StoreOptions::default()).unwrap(), &root);
    nothing_is_nowhere(&format!("{bucket}-nowhere-{now}/x"), &StoreOptions::default());
}

#[test]
#[ignore = "needs a bucket: see docs/stores.md"]
fn another_s3() {
    check_named("QUOKKA_TEST_S3");
}

#[test]
#[ignore = "needs a container: see docs/stores.md"]
fn azure() {
    check_named("QUOKKA_TEST_AZURE");
}

#[test]
#[ignore = "needs a bucket: see docs/stores.md"]
fn google() {
    check_named("QUOKKA_TEST_GOOGLE");
}
