use std::fs;
use std::io::Read;

use super::{content, location, read_all};
use crate::store::{Location, Store, StoreErrorKind, StoreOptions};
use crate::testing::Folder;

fn local() -> Store {
    Store::open(&location("anything"), &StoreOptions::default()).unwrap()
}

#[test]
fn local_files_are_read_by_ranges_and_as_streams() {
    let folder = Folder::new();
    let path = folder.path().join("x");
    let bytes = content(9 << 20);
    fs::write(&path, &bytes).unwrap();
    let store = local();
    let file = store.head(&Location::from(path.as_path())).unwrap();
    let mut reader = store.reader(&file).unwrap();
    reader.announce(&[5..10, 0..1]).unwrap();
    assert_eq!(reader.take(5..10).unwrap(), bytes[5..10]);
    assert_eq!(reader.take(0..file.size + 1).unwrap_err().kind(), StoreErrorKind::Invalid);
    let mut read = Vec::new();
    store.stream(&file).unwrap().read_to_end(&mut read).unwrap();
    assert!(read == bytes);
    assert!(read_all(&store, &file) == bytes);
}

#[test]
fn an_open_file_outlives_its_replacement_and_notices_what_is_cut_off() {
    let folder = Folder::new();
    let path = folder.path().join("x");
    fs::write(&path, "before").unwrap();
    let store = local();
    let file = store.head(&Location::from(path.as_path())).unwrap();
    let mut reader = store.reader(&file).unwrap();
    fs::write(folder.path().join("new"), "after it").unwrap();
    fs::rename(folder.path().join("new"), &path).unwrap();
    assert_eq!(reader.take(0..6).unwrap(), "before");
    assert_eq!(store.reader(&file).unwrap_err().kind(), StoreErrorKind::Changed);
    let file = store.head(&file.location).unwrap();
    let mut reader = store.reader(&file).unwrap();
    fs::write(&path, "cut").unwrap();
    assert_eq!(reader.take(0..8).unwrap_err().kind(), StoreErrorKind::Changed);
}

#[test]
fn what_is_missing_or_no_file_is_told() {
    let folder = Folder::new();
    let store = local();
    let missing = folder.path().join("missing");
    let error = store.head(&Location::from(missing.as_path())).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::NotFound);
    assert!(error.to_string().contains(missing.to_str().unwrap()), "{error}");
    assert_eq!(store.head(&Location::from(folder.path())).unwrap_err().kind(), StoreErrorKind::Invalid);
    assert_eq!(store.head(&location("s3://b/x")).unwrap_err().kind(), StoreErrorKind::Invalid);
    store.delete(&Location::from(missing.as_path())).unwrap();
    assert!(store.delete(&Location::from(folder.path())).is_err());
}

#[test]
fn an_existing_name_is_not_taken_for_a_glob() {
    let folder = Folder::new();
    for name in ["[a].csv", "a.csv"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    let found = |name: &str| {
        let files = local().list(&Location::from(folder.path().join(name).as_path())).unwrap();
        files.map(|file| file.unwrap().location.as_path().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found("[a].csv"), [folder.path().join("[a].csv")]);
    assert_eq!(found("[ab].csv"), [folder.path().join("a.csv")]);
}
