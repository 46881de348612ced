use std::fmt::Write;

use super::proxy::{Fault, Proxy, eventually};
use super::server::{Server, open};
use super::{location, names};
use crate::store::{Location, Store, StoreErrorKind, StoreOptions};
use crate::testing::Folder;

const FILES: [&str; 10] = [
    "d/1.csv",
    "d/2.json",
    "d/_SUCCESS",
    "d/_p=1/3.csv",
    "d/.x/4.csv",
    "d/a/b/5.csv",
    "d/a/_tmp/6.csv",
    "d-e/7.csv",
    "d2/8.csv",
    "e.csv",
];

/// What locations mean, whether they are local or not.
pub(super) fn check(store: &Store, root: &str) {
    for name in FILES {
        let mut file = store.stage(&location(&format!("{root}{name}")), Default::default()).unwrap();
        file.append(b"abc").unwrap();
        file.finish().unwrap().commit().unwrap();
    }
    let found = |pattern: &str| {
        let text = format!("{root}{pattern}");
        let files = store.list(&location(&text)).unwrap().map(Result::unwrap).collect::<Vec<_>>();
        assert!(files.iter().all(|file| file.size == 3 && file.modified.is_some()));
        files.iter().map(|file| file.location.to_string()[root.len()..].to_owned()).collect::<Vec<_>>()
    };
    let cases: [(&str, &[&str]); 12] = [
        ("d", &["d/1.csv", "d/2.json", "d/_p=1/3.csv", "d/a/b/5.csv"]),
        ("d/", &["d/1.csv", "d/2.json", "d/_p=1/3.csv", "d/a/b/5.csv"]),
        ("d/a", &["d/a/b/5.csv"]),
        ("d/1.csv", &["d/1.csv"]),
        ("d/_SUCCESS", &["d/_SUCCESS"]),
        ("d/*", &["d/1.csv", "d/2.json"]),
        ("d/*.csv", &["d/1.csv"]),
        ("d/*/*.csv", &["d/.x/4.csv", "d/_p=1/3.csv"]),
        ("d/**/*.csv", &["d/.x/4.csv", "d/1.csv", "d/_p=1/3.csv", "d/a/_tmp/6.csv", "d/a/b/5.csv"]),
        ("d*/?.csv", &["d-e/7.csv", "d/1.csv", "d2/8.csv"]),
        ("{d2/*,e,d[!x]e/7}{.csv,}", &["d-e/7.csv", "d2/8.csv", "e.csv"]),
        ("d/[12].{csv,json}", &["d/1.csv", "d/2.json"]),
    ];
    for (pattern, expected) in cases {
        assert_eq!(found(pattern), expected, "{pattern}");
    }
    for nothing in ["nothing", "nothing/", "nothing/*", "d/*.parquet", "d/1"] {
        let error = store.list(&location(&format!("{root}{nothing}"))).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::NotFound, "{error}");
    }
    let error = store.list(&location(&format!("{root}d/{{a"))).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Invalid, "{error}");
    assert_eq!(names(store, &format!("{root}d"))[2..], ["_p=1/3.csv", "a/b/5.csv"]);
}

/// This server fails for the name of a folder, where others say that there is no such object.
pub(super) fn without_folders(server: &Server) -> Proxy {
    let bucket = server.path("");
    Proxy::start(server.address, move |request| {
        let is_folder = request.method == "HEAD" && bucket.join(request.target.trim_start_matches("/bucket/")).is_dir();
        if is_folder { Fault::Status(404) } else { Fault::None }
    })
}

#[test]
fn s3_local_files_and_memory_list_alike() {
    let server = Server::start();
    let proxy = without_folders(&server);
    let folder = Folder::new();
    let local = format!("{}/", folder.path().display());
    for (store, root) in [
        (open(proxy.address, |options| options), "s3://bucket/"),
        (Store::open(&location(&local), &StoreOptions::default()).unwrap(), &local),
        (Store::open(&location("memory://listing"), &StoreOptions::default()).unwrap(), "memory://listing/"),
    ] {
        check(&store, root);
    }
}

/// The answer to a request for a part of 10,000 keys.
fn page(target: &str) -> String {
    let after = target.split(['?', '&']).find_map(|part| part.strip_prefix("continuation-token="));
    let start: usize = after.map_or(0, |token| token.parse().unwrap());
    let mut xml = String::from("<?xml version=\"1.0\"?><ListBucketResult>");
    for number in start..start + 1000 {
        write!(
            xml,
            "<Contents><Key>d/{number:05}.csv</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified>\
             <ETag>\"e{number}\"</ETag><Size>{number}</Size></Contents>"
        )
        .unwrap();
    }
    if start + 1000 < 10_000 {
        write!(xml, "<IsTruncated>true</IsTruncated><NextContinuationToken>{}</NextContinuationToken>", start + 1000)
            .unwrap();
    }
    xml + "</ListBucketResult>"
}

#[test]
fn pages_are_followed_and_read_no_further_than_needed() {
    let server = Server::start();
    let proxy = Proxy::start(server.address, |request| Fault::Body(page(&request.target)));
    let store = open(proxy.address, |options| options);
    let all: Vec<_> = store.list(&location("s3://bucket/d/")).unwrap().map(Result::unwrap).collect();
    assert_eq!(all.len(), 10_000);
    assert!(all.iter().enumerate().all(|(number, file)| file.size == number as u64));
    assert_eq!(all[9_999].below_root, "09999.csv");
    assert_eq!(all[7].etag.as_deref(), Some("\"e7\""));
    assert_eq!(proxy.requests("GET").len(), 10);
    // The listing begins shortly before the prefix and ends behind it.
    let found = store.list(&location("s3://bucket/d/0012*.csv")).unwrap();
    assert_eq!(found.count(), 10);
    let requests = proxy.requests("GET");
    assert_eq!(requests.len(), 11);
    assert!(requests[10].target.contains("start-after=d%2F001"), "{requests:?}");
    // A list that is dropped reads no more than the page ahead.
    drop(store.list(&location("s3://bucket/d/")).unwrap().next());
    eventually(|| proxy.requests("GET").len() >= 12);
    assert!(proxy.requests("GET").len() <= 13);
}

#[test]
fn an_error_between_pages_is_given_once() {
    let server = Server::start();
    let mut asked = 0;
    let proxy = Proxy::start(server.address, move |request| {
        asked += 1;
        if asked < 3 { Fault::Body(page(&request.target)) } else { Fault::Status(403) }
    });
    let store = open(proxy.address, |options| options);
    let mut list = store.list(&Location::parse("s3://bucket/d/").unwrap()).unwrap();
    assert_eq!(list.by_ref().take(2000).filter(Result::is_ok).count(), 2000);
    assert_eq!(list.next().unwrap().unwrap_err().kind(), StoreErrorKind::Permission);
    assert!(list.next().is_none());
}
