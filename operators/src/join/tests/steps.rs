//! Long outputs leave in bounded steps.

use super::*;

/// Joins in one process with two workers; gives the sizes of the output batches.
fn sizes(
    left: &DataFrame,
    right: &DataFrame,
    on: (&[&str], &[&str]),
    options: &JoinOptions,
    rows: usize,
) -> Vec<usize> {
    let join = plan(left, right, on, options);
    let cluster = Cluster { workers: 2, batch_rows: rows };
    let (build, probe) = match options.build {
        Side::Left => (left, right),
        Side::Right => (right, left),
    };
    run_build(&join, build, options, cluster);
    run_probe(&join, probe, cluster).iter().map(DataFrame::height).collect()
}

#[test]
fn many_matches_leave_in_batches() {
    let left = df!("a" => vec![7i64; 90], "b" => (0..90i32).collect::<Vec<_>>()).unwrap();
    let right = df!("a" => vec![7i64; 1000], "c" => (0..1000i32).collect::<Vec<_>>()).unwrap();
    for how in [JoinType::Inner, JoinType::Left, JoinType::Right, JoinType::Full] {
        for build in [Side::Left, Side::Right] {
            let sizes = sizes(&left, &right, (&["a"], &["a"]), &JoinOptions::new(how).with_build(build), 100);
            assert_eq!(sizes.iter().sum::<usize>(), 90_000, "{how} {build}");
            assert!(sizes.iter().all(|size| *size <= 100), "{how} {build}");
        }
    }
}

#[test]
fn cross_joins_leave_in_batches() {
    let left = df!("a" => (0..300i64).collect::<Vec<_>>()).unwrap();
    let right = df!("b" => (0..500i64).collect::<Vec<_>>()).unwrap();
    let sizes = sizes(&left, &right, (&[], &[]), &JoinOptions::new(JoinType::Cross), 100);
    assert_eq!(sizes.iter().sum::<usize>(), 150_000);
    assert!(sizes.iter().all(|size| *size <= 100));
}

#[test]
fn repeated_keys_do_not_multiply_the_work_of_semi_joins() {
    // 4 * 10^10 pairs: only ends if rows of one key are not looked at one by one.
    let frame = df!("a" => vec![7i64; 200_000]).unwrap();
    let strings = df!("a" => vec!["a string that is too long to be inlined"; 200_000]).unwrap();
    for frame in [frame, strings] {
        for build in [Side::Left, Side::Right] {
            for (how, rows) in [(JoinType::Semi, 200_000), (JoinType::Anti, 0)] {
                let options = JoinOptions::new(how).with_build(build);
                let sizes = sizes(&frame, &frame, (&["a"], &["a"]), &options, 20_000);
                assert_eq!(sizes.iter().sum::<usize>(), rows, "{how} {build}");
            }
        }
    }
}

#[test]
fn unmatched_build_rows_leave_in_batches() {
    let left = df!("a" => (0..1000i64).collect::<Vec<_>>()).unwrap();
    let right = df!("a" => [5i64]).unwrap();
    let sizes = sizes(&left, &right, (&["a"], &["a"]), &JoinOptions::new(JoinType::Left).with_build(Side::Left), 64);
    assert_eq!(sizes.iter().sum::<usize>(), 1000);
    assert!(sizes.iter().all(|size| *size <= 64));
}

#[test]
fn workers_share_marks_across_threads() {
    use quokka_engine::operator::OperatorFactory;
    let keys = |rows: i64, step: i64| (0..rows).map(|i| i * step % 5003).collect::<Vec<_>>();
    let left = df!("a" => keys(20_000, 7), "b" => (0..20_000i32).collect::<Vec<_>>()).unwrap();
    let right = df!("a" => keys(3_000, 2), "c" => (0..3_000i32).collect::<Vec<_>>()).unwrap();
    let options = JoinOptions::new(JoinType::Full);
    let join = plan(&left, &right, (&["a"], &["a"]), &options);
    let cluster = Cluster { workers: 4, batch_rows: 500 };
    let parts = distribute(&right, &["a".into()], 4, &JoinOptions::new(JoinType::Inner));
    let work = &|worker: usize| {
        let (mut output, mut pushed) = (Output::default(), Vec::new());
        let mut build = join.build.create(&cluster.context(worker)).unwrap();
        let _ = build.on_batch(0, Batch::new(parts[worker].clone(), worker), &mut output).unwrap();
        let progress = build.on_input_end(0, &mut output).unwrap();
        drain(build.as_mut(), progress, &mut output, &mut pushed);
        while !join.gate.is_open() {
            std::thread::yield_now();
        }
        let mut probe = join.probe.create(&cluster.context(worker)).unwrap();
        for batch in batches(&left.slice(worker as i64 * 5_000, 5_000), 500) {
            let progress = probe.on_batch(0, Batch::new(batch, worker), &mut output).unwrap();
            drain(probe.as_mut(), progress, &mut output, &mut pushed);
        }
        let progress = probe.on_input_end(0, &mut output).unwrap();
        drain(probe.as_mut(), progress, &mut output, &mut pushed);
        pushed
    };
    let pushed: Vec<DataFrame> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|worker| scope.spawn(move || work(worker))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut result = DataFrame::empty_with_schema(&join.schema);
    pushed.iter().for_each(|batch| _ = result.vstack_mut(batch).unwrap());
    assert_same_rows(&result, &oracle(&left, &right, (&["a"], &["a"]), &options), "four threads");
}

#[test]
fn probe_order_is_kept() {
    let left = df!("a" => (0..1000i64).map(|i| i % 37).collect::<Vec<_>>(), "row" => (0..1000u32).collect::<Vec<_>>())
        .unwrap();
    let right =
        df!("a" => (0..60i64).map(|i| i % 30).collect::<Vec<_>>(), "c" => (0..60u32).collect::<Vec<_>>()).unwrap();
    for how in [JoinType::Inner, JoinType::Left, JoinType::Semi, JoinType::Anti] {
        let options = JoinOptions::new(how);
        let join = plan(&left, &right, (&["a"], &["a"]), &options);
        let cluster = Cluster { workers: 3, batch_rows: 100 };
        run_build(&join, &right, &options, cluster);
        let mut channel = join.probe_channel(&cluster.context(1));
        let mut output = Output::default();
        let mut pushed = Vec::new();
        let progress = channel.on_batch(0, Batch::new(left.clone(), 1), &mut output).unwrap();
        drain(channel.as_mut(), progress, &mut output, &mut pushed);
        let rows: Vec<u32> = pushed
            .iter()
            .flat_map(|batch| batch.column("row").unwrap().u32().unwrap().into_no_null_iter().collect::<Vec<_>>())
            .collect();
        assert!(rows.is_sorted(), "{how}");
        assert!(!rows.is_empty(), "{how}");
    }
}
