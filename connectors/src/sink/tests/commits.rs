//! Commits in stores that fail at any of their requests, and queries that write to one place at the same time.

use std::sync::atomic::AtomicUsize;
use std::thread;

use super::*;
use crate::store::tests::cloud_server::CloudServer;

/// Runs a query with one worker.
fn go(path: &str, options: impl WriteOptions, frame: &DataFrame) -> Result<WriteReport, OperatorError> {
    let one = sink(path, options, frame)?;
    let told = drive(&WriteFiles::new(one.clone()), &contexts()[0], vec![batches(frame, 1000)], Restore::Never)?;
    commit(&one, told)
}

fn csv_at(address: std::net::SocketAddr, mode: WriteMode) -> CsvWriteOptions {
    CsvWriteOptions::default().with_store_options(options(address)).with_mode(mode)
}

/// A proxy whose requests to complete uploads wait, and what lets them go.
fn holding(server: &Server) -> (Proxy, Arc<AtomicBool>) {
    let may_go = Arc::new(AtomicBool::new(false));
    let held = may_go.clone();
    let proxy = Proxy::start(server.address, move |request| match request.completes() {
        true => Fault::Until(held.clone()),
        false => Fault::None,
    });
    (proxy, may_go)
}

/// What becomes of a query that has looked at the target, and is about to make its files visible, when another one runs
/// from beginning to end; the latter's outcome comes second.
fn overtaken(
    server: &Server,
    path: &str,
    mode: WriteMode,
    frames: [&DataFrame; 2],
) -> [Result<WriteReport, OperatorError>; 2] {
    let (proxy, may_go) = holding(server);
    thread::scope(|scope| {
        let late = scope.spawn(|| go(path, csv_at(proxy.address, mode), frames[0]));
        eventually(|| proxy.requests("POST").iter().any(Request::completes));
        let fast = go(path, csv_at(server.address, mode), frames[1]);
        may_go.store(true, Ordering::SeqCst);
        [late.join().unwrap(), fast]
    })
}

#[test]
fn a_query_that_is_overtaken_leaves_the_other_one_alone() {
    let server = Server::start();
    // Uploads, whatever becomes of them.
    let [late, fast] = [0, 1].map(|side| noise(600_000).slice(side * 300_000, 300_000));
    let texts = |objects: BTreeMap<String, String>| {
        let lines = objects.into_values().flat_map(|text| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>());
        lines.collect::<Vec<_>>()
    };
    let rows = |frame: &DataFrame| {
        frame.column("text").unwrap().str().unwrap().iter().flatten().map(str::to_owned).collect::<Vec<_>>()
    };
    for path in ["s3://bucket/created", "s3://bucket/created.csv"] {
        let [refused, written] = overtaken(&server, path, WriteMode::ErrorIfExists, [&late, &fast]);
        assert_eq!(written.unwrap().rows(), 300_000);
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidQuery);
        assert!(text(&error).contains("exists already"), "{}", text(&error));
        assert!(texts(objects(&server, &path[12..])) == rows(&fast), "{path}");
        eventually(|| server.open_uploads() == 0);
    }
    // The last one to come replaces a file, as a whole.
    let path = "s3://bucket/replaced.csv";
    let outcomes = overtaken(&server, path, WriteMode::Overwrite, [&late, &fast]);
    assert!(outcomes.iter().all(Result::is_ok));
    assert!(texts(objects(&server, &path[12..])) == rows(&late));
    // Both are appended.
    let path = "s3://bucket/appended";
    let outcomes = overtaken(&server, path, WriteMode::Append, [&late, &fast]);
    assert!(outcomes.iter().all(Result::is_ok));
    let mut found = texts(objects(&server, "appended"));
    found.sort();
    let mut expected = [rows(&late), rows(&fast)].concat();
    expected.sort();
    assert!(found == expected);
    // Nobody can tell whose files are to be there, but it is told.
    let path = "s3://bucket/replaced";
    go(path, csv(&server), &noise(300_000)).unwrap();
    let old = objects(&server, "replaced");
    let [mixed, written] = overtaken(&server, path, WriteMode::Overwrite, [&late, &fast]);
    let (error, written) = (mixed.unwrap_err(), written.unwrap());
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(text(&error).contains("another query wrote to `s3://bucket/replaced`"), "{}", text(&error));
    assert!(written.files.iter().all(|file| text(&error).contains(file.path.to_str().unwrap())), "{}", text(&error));
    let found = objects(&server, "replaced");
    assert!(old.keys().all(|key| !found.contains_key(key)) && found.len() == 2);
    go(path, csv_at(server.address, WriteMode::Overwrite), &fast).unwrap();
    assert!(texts(objects(&server, "replaced")) == rows(&fast));
    eventually(|| server.open_uploads() == 0);
}

#[test]
fn queries_that_create_one_directory_at_once_never_mix() {
    let server = Server::start();
    let frames: Vec<DataFrame> = (0..3).map(|query| rows(1_000 + query)).collect();
    for round in 0..8 {
        let path = format!("s3://bucket/{round}");
        let start = std::sync::Barrier::new(frames.len());
        let outcomes: Vec<_> = thread::scope(|scope| {
            let query = |frame: &DataFrame| {
                start.wait();
                go(&path, csv(&server).with_rows_per_file(300), frame)
            };
            let running: Vec<_> = frames.iter().map(|frame| scope.spawn(move || query(frame))).collect();
            running.into_iter().map(|query| query.join().unwrap()).collect()
        });
        let won: Vec<usize> = (0..frames.len()).filter(|query| outcomes[*query].is_ok()).collect();
        assert!(won.len() <= 1, "{outcomes:?}");
        for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            assert!(text(error).contains("exists already"), "{}", text(error));
        }
        let expected = won.first().map_or(0, |query| frames[*query].height() as i64);
        assert_eq!(numbers(&objects(&server, &round.to_string())), (0..expected).collect::<Vec<_>>());
    }
    eventually(|| server.open_uploads() == 0);
}

#[test]
fn a_commit_that_fails_at_any_file_changes_nothing() {
    let server = Server::start();
    let (old, new) = (rows(50), rows(10_000));
    // Refused, or carried out although no answer comes.
    for fault in [Fault::Status(403), Fault::NoAnswer] {
        for (round, mode) in [WriteMode::ErrorIfExists, WriteMode::Overwrite, WriteMode::Append].into_iter().enumerate()
        {
            let name = format!("{round}-{}", matches!(fault, Fault::NoAnswer));
            let path = format!("s3://bucket/{name}");
            if mode != WriteMode::ErrorIfExists {
                go(&path, csv(&server), &old).unwrap();
            }
            let before = objects(&server, &name);
            for failing in 1..=4 {
                let completed = AtomicUsize::new(0);
                let fault = fault.clone();
                let proxy = Proxy::start(server.address, move |request| {
                    let is_it = request.completes() && completed.fetch_add(1, Ordering::SeqCst) + 1 == failing;
                    if is_it { fault.clone() } else { Fault::None }
                });
                let options = csv_at(proxy.address, mode).with_rows_per_file(3_000);
                let error = run(&path, options, &new).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Io);
                let text = text(&error);
                assert!(text.contains("visible; none of them is"), "{text}");
                assert_eq!(objects(&server, &name), before, "{mode:?} {failing}");
                eventually(|| server.open_uploads() == 0);
            }
            run(&path, csv_at(server.address, mode), &new).unwrap();
            let expected = if mode == WriteMode::Append { 10_050 } else { 10_000 };
            assert_eq!(numbers(&objects(&server, &name)).len(), expected);
        }
    }
}

#[test]
fn files_that_cannot_be_listed_again_are_taken_back_or_told() {
    for mode in [WriteMode::ErrorIfExists, WriteMode::Overwrite] {
        let server = Server::start();
        let is_new = mode == WriteMode::ErrorIfExists;
        if !is_new {
            go("s3://bucket/t", csv(&server), &rows(50)).unwrap();
        }
        let old = objects(&server, "t");
        let mut completed = 0;
        let proxy = Proxy::start(server.address, move |request| {
            completed += usize::from(request.completes());
            let lists = request.method == "GET" && request.target.contains("list-type");
            if lists && completed > 0 { Fault::Status(403) } else { Fault::None }
        });
        let told = text(&run("s3://bucket/t", csv_at(proxy.address, mode), &rows(100)).unwrap_err());
        let found = objects(&server, "t");
        match is_new {
            true => assert!(found.is_empty() && told.contains("none of them is"), "{told}"),
            false => {
                assert!(told.contains("all new files") && old.keys().all(|key| told.contains(key)), "{told}");
                assert_eq!(found.len(), old.len() + 2);
            },
        }
    }
}

#[test]
fn a_single_file_whose_answer_was_lost_is_told() {
    let server = Server::start();
    for (mode, name) in [(WriteMode::ErrorIfExists, "new.csv"), (WriteMode::Overwrite, "old.csv")] {
        let proxy = Proxy::start(server.address, |request| match request.completes() {
            true => Fault::NoAnswer,
            false => Fault::None,
        });
        let path = format!("s3://bucket/{name}");
        let frame = noise(300_000);
        let error = go(&path, csv_at(proxy.address, mode), &frame).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(text(&error).contains("may have been written"), "{}", text(&error));
        assert_eq!(objects(&server, name)[name].lines().count(), 300_001);
    }
    eventually(|| server.open_uploads() == 0);
}

#[test]
fn a_query_knows_its_own_files_whatever_their_names_are() {
    let values = ["a/b", "x=y", "100%", "ä ö", "a?b#c", "*", "'&+;,", ".hidden", "__HIVE_DEFAULT_PARTITION__", "日本"];
    let frame =
        df!("n" => (0..100i64).collect::<Vec<_>>(), "the key" => (0..100).map(|n| values[n % 10]).collect::<Vec<_>>());
    let frame = frame.unwrap();
    let (server, clouds) = (Server::start(), CloudServer::start());
    let stores = [
        ("s3", options(server.address)),
        ("az", clouds.azure()),
        ("gs", clouds.google()),
        ("memory", StoreOptions::default()),
    ];
    for (scheme, store) in stores {
        for mode in [WriteMode::ErrorIfExists, WriteMode::Overwrite] {
            for path in ["t ü", "t ü/"].map(|name| format!("{scheme}://bucket/{scheme} a%20/{name}")) {
                let options = CsvWriteOptions::default().with_store_options(store.clone()).with_mode(mode);
                let report = go(&path, options.with_partition_by(["the key"]), &frame);
                match (mode, path.ends_with('/')) {
                    (WriteMode::ErrorIfExists, true) => assert!(text(&report.unwrap_err()).contains("exists already")),
                    _ => assert_eq!(
                        report.unwrap_or_else(|error| unreachable!("{path}: {}", text(&error))).files.len(),
                        10
                    ),
                }
            }
        }
    }
}
