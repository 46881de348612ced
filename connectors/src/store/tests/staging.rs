use std::fs;
use std::path::Path;

use super::proxy::{Fault, Proxy, eventually};
use super::server::{Server, open};
use super::{content, location, read_all};
use crate::store::{Location, StageOptions, Staged, Store, StoreErrorKind, StoreOptions, commit_all};
use crate::testing::Folder;

pub(super) const NEW: StageOptions = StageOptions { replace: false, durable: false };

pub(super) fn stage(store: &Store, location: &Location, bytes: &[u8], options: StageOptions) -> Staged {
    let mut file = store.stage(location, options).unwrap();
    // In pieces that fit no part.
    bytes.chunks(3_000_001).for_each(|piece| file.append(piece).unwrap());
    file.finish().unwrap()
}

/// Every file below a folder, also hidden ones.
fn everything(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_file_appears_whole_when_it_is_committed() {
    let server = Server::start();
    let folder = Folder::new();
    let local = format!("{}/", folder.path().display());
    for (store, root) in [
        (server.store(), "s3://bucket/"),
        (Store::open(&location(&local), &StoreOptions::default()).unwrap(), &local),
        (Store::open(&location("memory://staging"), &StoreOptions::default()).unwrap(), "memory://staging/"),
    ] {
        // Nothing, a little, one part exactly, a byte more, many.
        for length in [0, 5, 8 << 20, (8 << 20) + 1, 17 << 20] {
            let target = location(&format!("{root}new/{length}"));
            let bytes = content(length);
            for options in [NEW, StageOptions::default(), StageOptions { replace: true, durable: true }] {
                let staged = stage(&store, &target, &bytes, options);
                assert_eq!((staged.location(), staged.size()), (&target, length as u64));
                if options == NEW {
                    assert_eq!(store.head(&target).unwrap_err().kind(), StoreErrorKind::NotFound);
                }
                staged.commit().unwrap();
                assert!(read_all(&store, &store.head(&target).unwrap()) == bytes);
            }
            let error = stage(&store, &target, b"other", NEW).commit().unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::AlreadyExists, "{error}");
            let error = stage(&store, &target, &content(9 << 20), NEW).commit().unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::AlreadyExists, "{error}");
            assert!(read_all(&store, &store.head(&target).unwrap()) == bytes);
            store.delete(&target).unwrap();
            store.delete(&target).unwrap();
        }
    }
    eventually(|| server.open_uploads() == 0);
    assert!(everything(&folder.path().join("new")).is_empty());
}

#[test]
fn what_is_taken_back_leaves_nothing() {
    let server = Server::start();
    let folder = Folder::new();
    let store = server.store();
    let target = location("s3://bucket/d/x");
    stage(&store, &target, &content(17 << 20), NEW).abort().unwrap();
    assert_eq!(server.open_uploads(), 0);
    drop(stage(&store, &target, &content(17 << 20), NEW));
    let mut file = store.stage(&target, NEW).unwrap();
    file.append(&content(17 << 20)).unwrap();
    drop(file);
    eventually(|| server.open_uploads() == 0);
    assert!(!server.path("d").exists());

    let target = Location::from(folder.path().join("a/b/x").as_path());
    let local = Store::open(&target, &StoreOptions::default()).unwrap();
    stage(&local, &target, b"abc", NEW).abort().unwrap();
    drop(local.stage(&target, NEW).unwrap());
    assert!(everything(folder.path()).is_empty());
    // Of the directories only those that nobody else uses.
    let staged = stage(&local, &target, b"abc", NEW);
    fs::write(folder.path().join("a/other"), "").unwrap();
    drop(staged);
    assert_eq!(everything(&folder.path().join("a")), ["other"]);
}

#[test]
fn files_are_committed_together_or_taken_back() {
    let server = Server::start();
    let folder = Folder::new();
    let local = format!("{}/", folder.path().display());
    for (store, root) in
        [(server.store(), "s3://bucket/"), (Store::open(&location(&local), &StoreOptions::default()).unwrap(), &local)]
    {
        let target = |number: usize| location(&format!("{root}{number}"));
        let files = |numbers: std::ops::Range<usize>| {
            numbers.map(|number| stage(&store, &target(number), &content(number * 1_200_000), NEW)).collect::<Vec<_>>()
        };
        commit_all(&store, files(5..9)).unwrap();
        assert!(
            (5..9).all(|number| store.head(&target(number)).is_ok_and(|file| file.size == (number * 1_200_000) as u64))
        );
        // One of them is there already.
        let error = commit_all(&store, files(0..6)).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::AlreadyExists, "{error}");
        assert_eq!(error.url(), target(5).to_string());
        assert!((0..5).all(|number| store.head(&target(number)).is_err()));
        assert!(store.head(&target(5)).is_ok());
    }
    eventually(|| server.open_uploads() == 0);
    assert_eq!(everything(folder.path()).len(), 4);
}

#[test]
fn a_store_that_refuses_parts_fails_the_file() {
    let server = Server::start();
    let proxy = Proxy::start(server.address, |request| match request.method.as_str() {
        "PUT" => Fault::Status(500),
        _ => Fault::None,
    });
    let store = open(proxy.address, |options| options);
    let target = location("s3://bucket/x");
    let mut file = store.stage(&target, NEW).unwrap();
    let error = (0..100).find_map(|_| file.append(&content(8 << 20)).err()).unwrap();
    assert!(error.to_string().starts_with("cannot write `s3://bucket/x`"), "{error}");
    drop(file);
    assert!(stage(&store, &target, b"small", NEW).commit().is_err());
    eventually(|| server.open_uploads() == 0);
    assert!(!server.path("x").exists());
}

#[test]
fn places_that_cannot_be_written_are_refused() {
    let folder = Folder::new();
    fs::write(folder.path().join("file"), "").unwrap();
    let server = Server::start();
    let local = Store::open(&location("."), &StoreOptions::default()).unwrap();
    let path = |name: &str| Location::from(folder.path().join(name).as_path());
    assert!(local.stage(&path("file/x"), NEW).is_err());
    assert!(local.stage(&location("/"), NEW).is_err());
    assert!(stage(&local, &Location::from(folder.path()), b"x", StageOptions::default()).commit().is_err());
    assert_eq!(server.store().stage(&location("s3://bucket/d/"), NEW).unwrap_err().kind(), StoreErrorKind::Invalid);
    assert_eq!(server.store().stage(&location("s3://bucket"), NEW).unwrap_err().kind(), StoreErrorKind::Invalid);
    assert!(local.stage(&location("s3://bucket/x"), NEW).is_err());
}

#[test]
fn what_one_process_wrote_another_can_commit() {
    let server = Server::start();
    let (writer, committer) = (server.store(), open(server.address, |options| options.with("max_retries", "2")));
    for length in [0, 5, 8 << 20, 17 << 20] {
        let target = location(&format!("s3://bucket/handed/{length}"));
        let bytes = content(length);
        let mut staged = stage(&writer, &target, &bytes, NEW);
        let text = staged.hand_over().unwrap();
        assert_eq!(staged.hand_over().unwrap(), text);
        let taken = committer.take_over(&target, NEW, &text).unwrap();
        assert_eq!(taken.size(), length as u64);
        assert!(committer.head(&target).is_err());
        taken.commit().unwrap();
        // It is no longer the writer's.
        drop(staged);
        eventually(|| server.open_uploads() == 0);
        assert!(read_all(&committer, &committer.head(&target).unwrap()) == bytes);
    }
    // Taken back by the writer.
    let target = location("s3://bucket/handed/back");
    let mut staged = stage(&writer, &target, b"abc", NEW);
    let text = staged.hand_over().unwrap();
    staged.abort().unwrap();
    let error = committer.take_over(&target, NEW, &text).unwrap().commit().unwrap_err();
    assert!(error.to_string().contains("s3://bucket/handed/back"), "{error}");
    assert!(committer.take_over(&target, NEW, "{}").is_err());
    for (store, target) in [
        (Store::open(&location("memory://handed"), &StoreOptions::default()).unwrap(), "memory://handed/x"),
        (Store::open(&location("."), &StoreOptions::default()).unwrap(), "/tmp/quokka-handed"),
    ] {
        let mut staged = stage(&store, &location(target), b"abc", NEW);
        assert_eq!(staged.hand_over().unwrap_err().kind(), StoreErrorKind::Unsupported);
    }
}

#[test]
fn many_files_are_deleted_at_once() {
    let server = Server::start();
    let store = server.store();
    let targets: Vec<Location> = (0..70).map(|number| location(&format!("s3://bucket/many/{number}"))).collect();
    targets[..69].iter().for_each(|target| stage(&store, target, b"abc", NEW).commit().unwrap());
    assert!(store.delete_all(&targets).is_empty());
    assert!(targets.iter().all(|target| store.head(target).is_err()));
    let mut requests = 0;
    let proxy = Proxy::start(server.address, move |_| {
        requests += 1;
        if requests % 7 == 0 { Fault::Status(403) } else { Fault::None }
    });
    let failed = open(proxy.address, |options| options).delete_all(&targets);
    assert_eq!(failed.len(), 10);
    assert!(
        failed.iter().all(|(target, error)| targets.contains(target) && error.kind() == StoreErrorKind::Permission)
    );
}
