//! Snapshots.

use quokka_engine::operator::testing::{Restore, drive, single_worker};

use super::*;

fn frames() -> (DataFrame, DataFrame) {
    let left = df!("a" => [Some(1i64), Some(2), None, Some(3), Some(3)], "b" => ["p", "q", "r", "s", "t"]).unwrap();
    let right = df!("a" => [Some(3i64), None, Some(1), Some(9)], "c" => ["u", "v", "w", "x"]).unwrap();
    (left, right)
}

#[test]
fn build_sides_are_restored_after_every_batch() {
    let (left, right) = frames();
    for how in [JoinType::Inner, JoinType::Left, JoinType::Right, JoinType::Full, JoinType::Semi, JoinType::Anti] {
        for (build, build_rows, probe_rows) in [(Side::Left, &left, &right), (Side::Right, &right, &left)] {
            for rows in [1, 7, 4096] {
                let options = JoinOptions::new(how).with_build(build);
                let join = plan(&left, &right, (&["a"], &["a"]), &options);
                let worker = single_worker(rows);
                let nothing =
                    drive(&*join.build, &worker, vec![batches(build_rows, rows)], Restore::EveryBatch).unwrap();
                assert!(nothing.is_empty());
                let mut result = DataFrame::empty_with_schema(&join.schema);
                for batch in drive(&*join.probe, &worker, vec![batches(probe_rows, rows)], Restore::EveryBatch).unwrap()
                {
                    result.vstack_mut(&batch).unwrap();
                }
                let expected = oracle(&left, &right, (&["a"], &["a"]), &options);
                assert_same_rows(&result, &expected, &format!("{how} {build} {rows}"));
            }
        }
    }
}

#[test]
fn a_join_goes_on_from_a_snapshot_of_its_probe_phase() {
    let (left, right) = frames();
    for (how, build) in [(JoinType::Full, Side::Right), (JoinType::Left, Side::Left), (JoinType::Anti, Side::Left)] {
        let options = JoinOptions::new(how).with_build(build);
        let (build_rows, probe_rows) = match build {
            Side::Left => (&left, &right),
            Side::Right => (&right, &left),
        };
        let worker = single_worker(2);
        let mut output = Output::default();
        let mut pushed = Vec::new();

        let first = plan(&left, &right, (&["a"], &["a"]), &options);
        let mut build = first.build_channel(&worker);
        let _ = build.on_batch(0, Batch::new(build_rows.clone(), 0), &mut output).unwrap();
        let progress = build.on_input_end(0, &mut output).unwrap();
        drain(build.as_mut(), progress, &mut output, &mut pushed);
        let mut probe = first.probe_channel(&worker);
        let progress = probe.on_batch(0, Batch::new(probe_rows.slice(0, 3), 0), &mut output).unwrap();
        drain(probe.as_mut(), progress, &mut output, &mut pushed);
        let states = (build.snapshot().unwrap().unwrap(), probe.snapshot().unwrap().unwrap());

        let second = plan(&left, &right, (&["a"], &["a"]), &options);
        let mut build = second.build_channel(&worker);
        let mut probe = second.probe_channel(&worker);
        build.restore(states.0).unwrap();
        probe.restore(states.1).unwrap();
        assert!(build.state_bytes() > 0);
        let progress = build.on_input_end(0, &mut output).unwrap();
        drain(build.as_mut(), progress, &mut output, &mut pushed);
        let progress = probe.on_batch(0, Batch::new(probe_rows.slice(3, 9), 0), &mut output).unwrap();
        drain(probe.as_mut(), progress, &mut output, &mut pushed);
        let progress = probe.on_input_end(0, &mut output).unwrap();
        drain(probe.as_mut(), progress, &mut output, &mut pushed);

        let mut result = DataFrame::empty_with_schema(&second.schema);
        pushed.iter().for_each(|batch| _ = result.vstack_mut(batch).unwrap());
        assert_same_rows(&result, &oracle(&left, &right, (&["a"], &["a"]), &options), &format!("{how}"));
    }
}

#[test]
fn a_broadcast_build_side_is_saved_once() {
    let (left, right) = frames();
    let options = JoinOptions::new(JoinType::Inner).with_distribution(Distribution::Broadcast);
    let join = plan(&left, &right, (&["a"], &["a"]), &options);
    let cluster = Cluster { workers: 2, batch_rows: 1 };
    let mut channels: Vec<_> = (0..2).map(|worker| join.build_channel(&cluster.context(worker))).collect();
    let mut output = Output::default();
    for (worker, channel) in channels.iter_mut().enumerate() {
        let _ = channel.on_batch(0, Batch::new(right.slice(worker as i64 * 2, 2), 0), &mut output).unwrap();
    }
    for channel in &mut channels {
        let progress = channel.on_input_end(0, &mut output).unwrap();
        drain(channel.as_mut(), progress, &mut output, &mut Vec::new());
    }
    assert!(join.gate.is_open());
    let saved: usize = channels
        .iter_mut()
        .flat_map(|channel| channel.snapshot().unwrap().unwrap())
        .map(|(_, rows)| rows.height())
        .sum();
    assert_eq!(saved, right.height());
}

#[test]
fn state_is_measured() {
    let frame = df!("a" => (0..1000i64).collect::<Vec<_>>()).unwrap();
    let join = plan(&frame, &frame, (&["a"], &["a"]), &JoinOptions::new(JoinType::Full));
    let worker = single_worker(1000);
    let mut build = join.build_channel(&worker);
    assert_eq!(build.state_bytes(), 0);
    let mut output = Output::default();
    let _ = build.on_batch(0, Batch::new(frame.clone(), 0), &mut output).unwrap();
    assert_eq!(build.state_bytes(), 8000);
    let progress = build.on_input_end(0, &mut output).unwrap();
    drain(build.as_mut(), progress, &mut output, &mut Vec::new());
    assert!(build.state_bytes() >= 8000 + 16 * 1000);
    assert_eq!(join.probe_channel(&worker).state_bytes(), 16 * 8);
}
