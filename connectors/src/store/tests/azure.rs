//! What is particular about Azure, told by a server that says so.

use std::fmt::Write;

use super::proxy::{Fault, Proxy};
use super::server::Server;
use super::{location, names};
use crate::store::{Store, StoreErrorKind, StoreOptions};

/// Names as Azure lists them where they are hierarchical: folder by folder.
const NAMES: [&str; 5] = ["d/a/x.csv", "d/a-b/x.csv", "d/a-b.csv", "d/a.csv", "d/b.csv"];

fn listing() -> String {
    let mut xml = "<?xml version=\"1.0\"?><EnumerationResults><Blobs>".to_owned();
    for name in NAMES {
        write!(
            xml,
            "<Blob><Name>{name}</Name><Properties><Last-Modified>Mon, 01 Jan 2024 00:00:00 GMT</Last-Modified>\
             <Content-Length>3</Content-Length><Content-Type>text/csv</Content-Type><Etag>0x1</Etag></Properties></Blob>"
        )
        .unwrap();
    }
    xml + "</Blobs><NextMarker/></EnumerationResults>"
}

fn hierarchical() -> (Store, Proxy) {
    let proxy = Proxy::start(Server::start().address, |request| {
        let of_folder = "last-modified: Mon, 01 Jan 2024 00:00:00 GMT\r\netag: \"1\"\r\ncontent-length: 0\r\n\
                         x-ms-meta-hdi_isfolder: true";
        match request.method.as_str() {
            "HEAD" if request.target == "/bucket/d" => Fault::Headers(200, of_folder),
            "HEAD" => Fault::Status(404),
            _ => Fault::Body(listing()),
        }
    });
    let options = StoreOptions::default()
        .with("azure_storage_account_name", "account")
        .with("azure_storage_endpoint", format!("http://{}", proxy.address))
        .with("azure_skip_signature", "true");
    (Store::open(&location("az://bucket"), &options).unwrap(), proxy)
}

#[test]
fn a_folder_is_none_of_its_files() {
    let (store, _proxy) = hierarchical();
    let sorted = ["a-b.csv", "a-b/x.csv", "a.csv", "a/x.csv", "b.csv"];
    assert_eq!(names(&store, "az://bucket/d"), sorted);
    assert_eq!(names(&store, "az://bucket/d/"), sorted);
    assert_eq!(store.head(&location("az://bucket/d")).unwrap_err().kind(), StoreErrorKind::NotFound);
}

#[test]
fn names_in_the_order_of_folders_are_all_found() {
    let (store, _proxy) = hierarchical();
    assert_eq!(names(&store, "az://bucket/d/a-*.csv"), ["d/a-b.csv"]);
    assert_eq!(names(&store, "az://bucket/d/a-b*/*"), ["d/a-b/x.csv"]);
    assert_eq!(names(&store, "az://bucket/d/a*"), ["d/a-b.csv", "d/a.csv"]);
}
