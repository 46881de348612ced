//! Several processes on loopback, started as a user would start them, with a host file. This test binary plays every part:
//! a process is the binary itself, told by an environment variable what to do.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use quokka::prelude::*;

use crate::progress::{followed, followed_for_ever, profiled};
use crate::stored_sinks;
use crate::support::Folder;
use crate::support::processes::{Process, free_addresses, this_test};
use crate::user::examples::{order_book, tutorial};

const ROLE: &str = "QUOKKA_TEST_ROLE";
const FLAGS: &str = "QUOKKA_TEST_FLAGS";
/// Everything here ends long before this, or something hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) fn numbers(context: &Context, rows: i64) -> DataStream {
    let n: Vec<i64> = (0..rows).collect();
    let text: Vec<String> = n.iter().map(|n| format!("row number {n}")).collect();
    context.from_df(df!("n" => n, "text" => text).unwrap())
}

/// A query with every kind of exchange, whose answer does not depend on how many take part.
fn varied(context: &Context) -> quokka::Result<DataFrame> {
    let left = numbers(context, 20_000).with_columns([(col("n") % lit(100)).alias("k")]);
    let right = numbers(context, 50).select([col("n").alias("k"), col("text").alias("name")]);
    left.join(right, [col("k")], [col("k")], JoinArgs::new(JoinType::Inner))
        .group_by([col("name")])
        .agg([col("n").sum().alias("sum"), col("text").max().alias("last"), len().alias("rows")])
        .sort(["sum"], Default::default())
        .collect()
}

/// Streams that are used twice: in any order, in an order, on both sides of a join, and one inside another.
fn shared(context: &Context) -> quokka::Result<DataFrame> {
    let left = numbers(context, 20_000).with_columns([(col("n") % lit(100)).alias("k")]);
    let right = numbers(context, 50).select([col("n").alias("k"), col("text").alias("name")]);
    let joined = left.join(right, [col("k")], [col("k")], JoinArgs::new(JoinType::Inner));
    let totals = joined.clone().group_by([col("name")]).agg([col("n").sum().alias("sum")]);
    let most = totals.clone().select([col("sum").max().alias("most")]);
    let sorted = totals.sort(["sum"], Default::default());
    let running = sorted.clone().with_columns([col("sum").cum_sum(false).alias("running")]);
    running
        .inner_join(sorted.with_columns([col("sum").shift(lit(1)).alias("before")]), col("name"), col("name"))
        .cross_join(most, None)
        .inner_join(joined, col("name"), col("name"))
        .group_by([col("name"), col("sum"), col("running"), col("before"), col("most")])
        .agg([col("n").min().alias("least"), len().alias("rows")])
        .sort(["sum"], Default::default())
        .collect()
}

/// Rows that are numbered where they are read and after a sort on all workers, drawn by their numbers, and distinct.
fn numbered(context: &Context) -> quokka::Result<DataFrame> {
    let rows =
        numbers(context, 200_000).with_row_index("row", Some(1)).with_columns([(col("n") % lit(300)).alias("k")]);
    let sorted = rows.clone().sort(["text"], Default::default()).with_row_index("place", None).drop(cols(["text"]));
    let drawn = sorted.sample_n(1_000, SampleOptions::default().with_seed(4).with_replacement(true));
    let some = rows.clone().sample_frac(0.01, SampleOptions::default()).select([col("k")]).distinct();
    drawn
        .inner_join(some, col("k"), col("k"))
        .group_by([col("k")])
        .agg([(col("row").cast(DataType::Int64) - col("n")).sum(), col("place").sum(), len()])
        .sort(["k"], Default::default())
        .collect()
}

/// Fewer channels than workers, and some in each process.
fn channels(context: &Context) -> quokka::Result<DataFrame> {
    let left = numbers(context, 20_000).with_columns([(col("n") % lit(100)).alias("k")]);
    let right = numbers(context, 50);
    let fields = ["k", "left", "right"].map(|name| Field::new(name.into(), DataType::Int64));
    let counts = |left: DataStream, right: DataStream| {
        left.cogroup(right, [col("k")], [col("n")], Schema::from_iter(fields.clone()), |key, left, right| {
            let counts = [("left", left), ("right", right)];
            key.hstack(&counts.map(|(name, rows)| Column::new(name.into(), [rows.height() as i64])))
        })
    };
    let three = counts(left.clone(), right.clone()).channels(3);
    let each = counts(left, right).channels_per_process(1);
    three.inner_join(each, col("k"), col("k")).sort(["k"], Default::default()).collect()
}

/// Sketches, sums of products and neighbours, of which each process makes a part.
fn merged(context: &Context) -> quokka::Result<DataFrame> {
    let components = [col("n") % lit(500), col("n") * lit(7_919) % lit(1_000)].map(|n| n.cast(DataType::Float64));
    let vector = concat_list(components).unwrap().cast(DataType::Array(Box::new(DataType::Float64), 2));
    let vectors = |rows| numbers(context, rows).with_columns([vector.clone().alias("vector")]);
    let options = NearestOptions::default().metric(Metric::Euclidean);
    let nearest = vectors(100).nearest_join(vectors(20_000), "vector", "vector", 3, options);
    let nearest = nearest.select([col("n").alias("k"), col("n_right"), col("distance"), col("rank")]);
    let rows = numbers(context, 20_000).with_columns([(col("n") % lit(100)).alias("k")]);
    let matrix = rows.clone().gramian(cols(["n", "k"]), false);
    let matrix = matrix.rename(["column", "n", "k"], ["of", "by_n", "by_k"], true);
    let aggs = [col("n").approximate_median(), col("text").approx_n_unique()];
    let sketches = rows.group_by([col("k")]).agg(aggs).inner_join(nearest, col("k"), col("k"));
    sketches.cross_join(matrix, None).sort(["k", "rank", "of"], Default::default()).collect()
}

fn shared_failure(context: &Context) -> quokka::Result<DataFrame> {
    let bad = numbers(context, 20_000).with_columns([col("text").strict_cast(DataType::Int64)]);
    let totals = bad.group_by([col("n") % lit(10)]).agg([col("text").sum()]);
    totals.clone().union(totals).collect()
}

/// Writes the rows of both processes to a directory; answers with the files, without what tells one run from another.
fn written(context: &Context, path: &str) -> quokka::Result<DataFrame> {
    let options = ParquetWriteOptions::default().with_rows_per_file(3_000);
    let report = numbers(context, 200_000).filter(col("n").gt(lit(-1))).sink_parquet_with(path, options)?;
    let rows: Vec<u64> = report.files.iter().map(|file| file.rows).collect();
    let paths: Vec<&str> = report.files.iter().map(|file| file.path.to_str().unwrap()).collect();
    assert!(report.files.iter().all(|file| file.path.metadata().unwrap().len() == file.bytes));
    Ok(df!("path" => paths, "rows" => rows).unwrap())
}

/// A result that is kept and read several times, sorted by all workers.
fn dataset(context: &Context) -> quokka::Result<DataFrame> {
    let rows = numbers(context, 60_000).with_columns([(col("n") * lit(7_919) % lit(60_000)).alias("k")]);
    let sorted = rows.sort(["k"], Default::default()).compute()?;
    let all = sorted.to_df()?;
    assert!(all.column("k").unwrap().i64().unwrap().iter().flatten().eq(0..60_000));
    let even = context.read_dataset(&sorted).filter((col("k") % lit(2)).eq(lit(0))).compute()?;
    let before = context.read_dataset(&sorted).with_columns([col("n").shift(lit(1)).alias("before")]);
    let sums = before.group_by([(col("k") % lit(50)).alias("k")]).agg([col("before").sum(), col("text").max()]);
    sums.semi_join(context.read_dataset(&even), col("k"), col("k")).sort(["k"], Default::default()).collect()
}

/// Reads a dataset again and again.
fn endless_dataset(context: &Context) -> quokka::Result<DataFrame> {
    let dataset = numbers(context, 60_000).compute()?;
    loop {
        dataset.to_df()?;
    }
}

fn endless(context: &Context) -> quokka::Result<DataFrame> {
    let many = numbers(context, 30_000);
    let pairs = many.clone().cross_join(many.clone(), Some("_2".into()));
    pairs.cross_join(many, Some("_3".into())).select([col("n").sum()]).collect()
}

/// Writes to files that never end, in all processes: each has some of the keys.
fn endless_files(context: &Context, path: &str) -> quokka::Result<DataFrame> {
    let rows = numbers(context, 300_000).with_columns([(col("n") % lit(40)).alias("k")]);
    let pairs = rows.clone().inner_join(rows.select([col("k"), col("n").alias("m")]), col("k"), col("k"));
    let options = ParquetWriteOptions::default().with_row_group_rows(10_000).with_mode(WriteMode::Overwrite);
    pairs.sink_parquet_with(path, options).map(|_| DataFrame::empty())
}

/// What a started process does. Does nothing in an ordinary run of the tests.
#[test]
fn process() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let flags = std::env::var(FLAGS).unwrap();
    let arguments = std::iter::once("test".to_string()).chain(flags.split(' ').map(str::to_string));
    let outcome = Context::from_args(arguments).and_then(|context| match role.as_str() {
        "varied" => {
            let first = varied(&context)?;
            assert_eq!(varied(&context)?, first);
            Ok(first)
        },
        "shared" => shared(&context),
        "channels" => channels(&context),
        "numbered" => numbered(&context),
        "dataset" => dataset(&context),
        "merged" => merged(&context),
        "endless-dataset" => endless_dataset(&context),
        "tutorial" => tutorial::sum(&context),
        "order-book" => order_book::books(&context, order_book::orders(2000).unwrap()),
        "followed" => followed(&context),
        "followed-for-ever" => followed_for_ever(&context),
        "profiled" => profiled(&context),
        "shared-failure" => shared_failure(&context),
        "endless" => endless(&context),
        "leaves" => Ok(DataFrame::empty()),
        "other" => numbers(&context, 10).select([col("n")]).collect(),
        "fails" => numbers(&context, 200_000).select([col("text").strict_cast(DataType::Int64)]).collect(),
        "giant" => {
            let text = context.from_df(
                df!("k" => [1, 2, 3], "text" => ["a".repeat(3 << 20), "b".into(), "c".repeat(5 << 20)]).unwrap(),
            );
            text.sort(["k"], Default::default()).collect()
        },
        role if role.starts_with("endless-sink ") => endless_files(&context, &role["endless-sink ".len()..]),
        role if role.starts_with("stored-sink ") => stored_sinks::write(&context, &role["stored-sink ".len()..]),
        role if role.starts_with("sink ") => written(&context, &role["sink ".len()..]),
        role => unreachable!("{role}"),
    });
    let line = match outcome {
        Ok(frame) => format!("answer {:?} {}", frame.shape(), digest(&frame)),
        Err(error) => format!("error {}", error.report()),
    };
    std::io::stdout().write_all(format!("\n@@{}\n", line.replace('\n', " | ")).as_bytes()).unwrap();
}

fn digest(frame: &DataFrame) -> String {
    let mut hash = 0u64;
    for name in frame.get_column_names() {
        for hashed in quokka::engine::hash::hash_rows(frame, std::slice::from_ref(name)).unwrap() {
            hash = hash.rotate_left(7) ^ hashed;
        }
    }
    format!("{hash:x}")
}

/// Processes of one cluster; killed when dropped.
pub(crate) struct Cluster {
    processes: Vec<Process>,
    addresses: Vec<String>,
    _folder: Folder,
}

impl Cluster {
    pub(crate) fn start(workers: usize, roles: &[&str]) -> Self {
        let (addresses, folder) = (free_addresses(roles.len()), Folder::new());
        let host_file = folder.path().join("hosts");
        std::fs::write(&host_file, addresses.join("\n")).unwrap();
        let start = |(process, role): (usize, &&str)| {
            let flags = format!("-w {workers} -n {} -p {process} -h {}", roles.len(), host_file.display());
            Process::start(this_test("processes::process").env(ROLE, role).env(FLAGS, flags))
        };
        let processes = roles.iter().enumerate().map(start).collect();
        Self { processes, addresses, _folder: folder }
    }

    pub(crate) fn signal(&self, process: usize, signal: &str) {
        self.processes[process].signal(signal);
    }

    /// What each of `processes` said, and how long it took from now.
    pub(crate) fn outcomes(&mut self, processes: &[usize]) -> Vec<(String, Duration)> {
        let start = Instant::now();
        let outcome = |process: &usize| {
            let finished = self.processes[*process].finish();
            let line = finished.out.lines().find_map(|line| line.strip_prefix("@@")).map(str::to_string);
            (line.unwrap_or_else(|| panic!("process {process} said nothing: {finished:?}")), start.elapsed())
        };
        processes.iter().map(outcome).collect()
    }
}

#[test]
fn one_two_and_three_processes_agree() {
    let alone = Context::builder().workers(2).build().unwrap();
    let answers = [
        ("varied", varied(&alone).unwrap()),
        ("shared", shared(&alone).unwrap()),
        ("dataset", dataset(&alone).unwrap()),
        ("merged", merged(&alone).unwrap()),
        ("numbered", numbered(&alone).unwrap()),
    ];
    for (role, answer) in answers {
        assert_eq!(
            answer.height(),
            match role {
                "dataset" => 25,
                "merged" => 600,
                "numbered" => 286,
                _ => 50,
            }
        );
        let expected = format!("answer {:?} {}", answer.shape(), digest(&answer));
        for (workers, processes) in [(1, 2), (2, 2), (1, 3)] {
            let mut cluster = Cluster::start(workers, &vec![role; processes]);
            for (outcome, _) in cluster.outcomes(&(0..processes).collect::<Vec<_>>()) {
                assert_eq!(outcome, expected, "{role} in {processes} processes with {workers} workers");
            }
        }
    }
}

#[test]
fn user_defined_parts_run_in_processes() {
    let alone = Context::builder().workers(2).build().unwrap();
    let books = order_book::books(&alone, order_book::orders(2000).unwrap()).unwrap();
    assert_eq!(books.height(), 5);
    let counts = channels(&alone).unwrap();
    assert_eq!(counts.shape(), (100, 5));
    let answers = [("tutorial", df!("n" => [3160i64]).unwrap()), ("order-book", books), ("channels", counts)];
    for (role, answer) in answers {
        let expected = format!("answer {:?} {}", answer.shape(), digest(&answer));
        for (workers, processes) in [(1, 2), (2, 2)] {
            let mut cluster = Cluster::start(workers, &vec![role; processes]);
            for (outcome, _) in cluster.outcomes(&(0..processes).collect::<Vec<_>>()) {
                assert_eq!(outcome, expected, "{role} in {processes} processes with {workers} workers");
            }
        }
    }
}

#[test]
fn two_processes_write_one_directory() {
    let folder = Folder::new();
    let target = folder.path().join("rows");
    let role = format!("sink {}", target.display());
    let mut cluster = Cluster::start(2, &[&role, &role]);
    let outcomes = cluster.outcomes(&[0, 1]);
    assert!(outcomes[0].0.starts_with("answer"), "{outcomes:?}");
    assert_eq!(outcomes[0].0, outcomes[1].0);
    let alone = Context::builder().workers(2).build().unwrap();
    let rows = alone.read_parquet(&target).unwrap().sort(["n"], Default::default()).collect().unwrap();
    assert_eq!(rows, numbers(&alone, 200_000).sort(["n"], Default::default()).collect().unwrap());
    assert_eq!(folder.path().read_dir().unwrap().count(), 1, "something hidden was left");
    // Refused in both, as the target exists.
    let mut cluster = Cluster::start(1, &[&role, &role]);
    for (outcome, _) in cluster.outcomes(&[0, 1]) {
        assert!(outcome.starts_with("error") && outcome.contains("exists already"), "{outcome}");
    }
}

#[test]
fn a_process_that_is_killed_in_mid_write_leaves_what_was_there() {
    let alone = Context::builder().workers(2).build().unwrap();
    for victim in [0, 1] {
        let folder = Folder::new();
        let target = folder.path().join("rows");
        numbers(&alone, 10).sink_parquet(&target).unwrap();
        let role = format!("endless-sink {}", target.display());
        let mut cluster = Cluster::start(1, &[&role, &role]);
        // Both have written a part of a file.
        let written = || {
            let entries = folder.path().read_dir().unwrap().map(|entry| entry.unwrap().path());
            let hidden = entries.filter(|path| *path != target).filter(|path| {
                let files = path.read_dir().into_iter().flatten().flatten();
                files.map(|file| file.metadata().map_or(0, |file| file.len())).sum::<u64>() > 0
            });
            hidden.count()
        };
        let start = Instant::now();
        while written() < 2 && start.elapsed() < DEADLINE {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(written(), 2);
        cluster.signal(victim, "-KILL");
        let outcomes = cluster.outcomes(&[1 - victim]);
        assert!(outcomes[0].0.contains(&format!("lost process {victim}")), "{outcomes:?}");
        drop(cluster);
        let read = || alone.read_parquet(&target).unwrap().sort(["n"], Default::default()).collect().unwrap();
        assert_eq!(read(), numbers(&alone, 10).sort(["n"], Default::default()).collect().unwrap());
        // The next write removes what the killed one has left.
        let options = ParquetWriteOptions::default().with_mode(WriteMode::Overwrite);
        numbers(&alone, 5).sink_parquet_with(&target, options).unwrap();
        assert_eq!((read().height(), folder.path().read_dir().unwrap().count()), (5, 1));
    }
}

#[test]
fn rows_larger_than_a_message_cross() {
    let mut cluster = Cluster::start(1, &["giant", "giant"]);
    let outcomes = cluster.outcomes(&[0, 1]);
    assert!(outcomes[0].0.starts_with("answer (3, 2)"), "{outcomes:?}");
    assert_eq!(outcomes[0].0, outcomes[1].0);
}

#[test]
fn an_operator_error_reaches_every_process() {
    for role in ["fails", "shared-failure"] {
        let mut cluster = Cluster::start(2, &[role, role]);
        for (outcome, _) in cluster.outcomes(&[0, 1]) {
            assert!(outcome.starts_with("error") && outcome.contains("row number"), "{role}: {outcome}");
        }
    }
}

#[test]
fn different_programs_are_told_apart() {
    let mut cluster = Cluster::start(1, &["varied", "other"]);
    for (outcome, _) in cluster.outcomes(&[0, 1]) {
        assert!(outcome.contains("runs another query than process 0"), "{outcome}");
    }
}

#[test]
fn a_program_that_ends_early_is_named() {
    let mut cluster = Cluster::start(1, &["varied", "leaves"]);
    let outcomes = cluster.outcomes(&[0, 1]);
    assert!(outcomes[0].0.starts_with("error") && outcomes[0].0.contains("process 1"), "{outcomes:?}");
    assert!(outcomes[1].0.starts_with("answer"), "{outcomes:?}");
}

#[test]
fn a_killed_and_a_frozen_process_end_the_query_on_the_others() {
    for signal in ["-KILL", "-STOP"] {
        let mut cluster = Cluster::start(1, &["endless"; 3]);
        std::thread::sleep(Duration::from_secs(2));
        cluster.signal(1, signal);
        for (outcome, took) in cluster.outcomes(&[0, 2]) {
            assert!(outcome.contains("lost process 1"), "{signal}: {outcome}");
            assert!(outcome.contains(&cluster.addresses[1]), "{signal}: {outcome}");
            assert!(took < Duration::from_secs(10), "{signal}: {took:?}");
        }
    }
}

#[test]
fn every_process_sees_how_far_all_have_come() {
    for (workers, processes) in [(2, 2), (1, 3)] {
        let mut cluster = Cluster::start(workers, &vec!["followed"; processes]);
        for (outcome, _) in cluster.outcomes(&(0..processes).collect::<Vec<_>>()) {
            assert!(outcome.starts_with(&format!("answer ({}, 1)", 20 * processes)), "{outcome}");
        }
    }
}

#[test]
fn every_process_gets_the_profile_of_all() {
    for (workers, processes) in [(2, 2), (1, 3)] {
        let mut cluster = Cluster::start(workers, &vec!["profiled"; processes]);
        let outcomes = cluster.outcomes(&(0..processes).collect::<Vec<_>>());
        for (outcome, _) in &outcomes {
            assert!(outcome.starts_with("answer") && *outcome == outcomes[0].0, "{outcomes:?}");
        }
    }
}

#[test]
fn progress_ends_with_a_process_that_is_lost() {
    let mut cluster = Cluster::start(1, &["followed-for-ever"; 2]);
    for process in &mut cluster.processes {
        assert!(std::iter::from_fn(|| process.line()).any(|line| line == "all are seen\n"));
    }
    cluster.signal(1, "-KILL");
    let (outcome, _) = cluster.outcomes(&[0]).remove(0);
    assert!(outcome.starts_with("error") && outcome.contains("lost process 1"), "{outcome}");
}

#[test]
fn a_dataset_is_lost_with_a_process_that_holds_a_part_of_it() {
    let mut cluster = Cluster::start(1, &["endless-dataset"; 2]);
    std::thread::sleep(Duration::from_secs(2));
    cluster.signal(1, "-KILL");
    let (outcome, _) = cluster.outcomes(&[0]).remove(0);
    assert!(outcome.starts_with("error") && outcome.contains("lost process 1"), "{outcome}");
}

#[test]
fn strangers_do_not_disturb_the_mesh() {
    let mut cluster = Cluster::start(1, &["varied", "varied"]);
    for round in 0..50 {
        for address in &cluster.addresses {
            if let Ok(mut stream) = TcpStream::connect(address) {
                // The other side may close first.
                drop(stream.write_all([b"GET / HTTP/1.1\r\n\r\n".as_slice(), &[0xff; 100]][round % 2]));
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    for (outcome, _) in cluster.outcomes(&[0, 1]) {
        assert!(outcome.starts_with("answer"), "{outcome}");
    }
}
