//! Names, types and refusals.

use super::*;

fn errors(left: &DataFrame, right: &DataFrame, on: (&[&str], &[&str]), options: &JoinOptions) -> String {
    try_plan(left, right, on, options).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn names_follow_polars() {
    let left = df!("a" => [1i64, 2, 3], "b" => [1i64, 1, 2], "c" => ["x", "y", "z"]).unwrap();
    let rights = [
        df!("a" => [1i64, 3, 3], "b" => [1i64, 2, 2], "d" => ["u", "v", "w"]).unwrap(),
        df!("d" => [1i64, 3, 4], "a" => [2i64, 2, 2], "c" => ["u", "v", "w"]).unwrap(),
        df!("e" => [1i64, 3, 4], "d" => [2i64, 2, 1]).unwrap(),
    ];
    let keys: [&[(&[&str], &[&str])]; 3] = [
        &[(&["a"], &["a"]), (&["a"], &["b"]), (&["a", "b"], &["a", "b"]), (&["a", "b"], &["b", "a"])],
        &[(&["a"], &["d"]), (&["a"], &["a"]), (&["b"], &["a"]), (&["a", "b"], &["d", "a"])],
        &[(&["a"], &["e"]), (&["b", "a"], &["d", "e"]), (&["a", "b"], &["e", "e"])],
    ];
    for (right, keys) in rights.iter().zip(keys) {
        for on in keys {
            for how in ALL.into_iter().filter(|how| *how != JoinType::Cross) {
                if how == JoinType::Full && on.1 == ["e", "e"] {
                    // Polars drops two columns for a right key that is used twice.
                    continue;
                }
                for coalesce in [JoinCoalesce::JoinSpecific, JoinCoalesce::CoalesceColumns, JoinCoalesce::KeepColumns] {
                    for build in [Side::Left, Side::Right] {
                        let options = JoinOptions::new(how).with_coalesce(coalesce).with_build(build).with_suffix("_2");
                        let expected = oracle(&left, right, *on, &options);
                        let result = run(&left, right, *on, &options, CLUSTERS[1]);
                        assert_same_rows(&result, &expected, &format!("{how} {on:?} {coalesce:?} {build}"));
                        let (left_on, right_on) = (names(on.0), names(on.1));
                        let schema =
                            output_schema(left.schema(), right.schema(), &left_on, &right_on, &options).unwrap();
                        assert_eq!(&schema, &**expected.schema());
                    }
                }
            }
        }
    }
}

#[test]
fn only_wanted_columns_leave() {
    let left = df!("a" => [1i64, 2, 3, 3], "b" => ["p", "q", "r", "s"]).unwrap();
    let right = df!("a" => [3i64, 1, 5], "c" => ["u", "v", "w"]).unwrap();
    for how in [JoinType::Inner, JoinType::Left, JoinType::Right, JoinType::Full] {
        for build in [Side::Left, Side::Right] {
            for wanted in [&["c", "b"][..], &["a"], &["c"], &[]] {
                let options = JoinOptions::new(how).with_coalesce(JoinCoalesce::CoalesceColumns).with_build(build);
                let whole = oracle(&left, &right, (&["a"], &["a"]), &options);
                let options = options.with_projection(names(wanted));
                let result = run(&left, &right, (&["a"], &["a"]), &options, CLUSTERS[1]);
                if wanted.is_empty() {
                    assert_eq!(result.height(), whole.height());
                } else {
                    assert_same_rows(
                        &result,
                        &whole.select(wanted.iter().copied()).unwrap(),
                        &format!("{how} {build}"),
                    );
                }
            }
        }
    }
}

#[test]
fn keys_that_are_kept_on_both_sides() {
    let left = df!("a" => [1i64, 2, 3, 3], "f" => [0.0, -0.0, f64::NAN, 1.0], "b" => ["p", "q", "r", "s"]).unwrap();
    let right = df!("a" => [3i64, 1, 5], "g" => [0.0, f64::NAN, 5.0], "c" => ["u", "v", "w"]).unwrap();
    for on in [(&["a"][..], &["a"][..]), (&["f"], &["g"])] {
        for how in [JoinType::Inner, JoinType::Left, JoinType::Right, JoinType::Full] {
            for build in [Side::Left, Side::Right] {
                let options = JoinOptions::new(how).with_coalesce(JoinCoalesce::KeepColumns).with_build(build);
                let expected = oracle(&left, &right, on, &options);
                let result = run(&left, &right, on, &options, CLUSTERS[1]);
                assert_same_rows(&result, &expected, &format!("{how} {on:?} {build}"));
                // A float key keeps the sign of its own side.
                let signs = |frame: &DataFrame| {
                    let floats = frame.column("f").unwrap().f64().unwrap();
                    floats.iter().flatten().filter(|float| float.is_sign_negative() && *float == 0.0).count()
                };
                assert_eq!(signs(&result), signs(&expected), "{how} {on:?} {build}");
            }
        }
    }
}

#[test]
fn wrong_joins_are_refused() {
    let left = df!("a" => [1i64], "b" => [1i64], "b_right" => [1i64]).unwrap();
    let right = df!("a" => [1i64], "b" => ["x"]).unwrap();
    let inner = JoinOptions::new(JoinType::Inner);
    assert_eq!(errors(&left, &right, (&["z"], &["a"]), &inner), "join key `z` is not a column of the left input");
    assert_eq!(errors(&left, &right, (&["a"], &["z"]), &inner), "join key `z` is not a column of the right input");
    assert_eq!(
        errors(&left, &right, (&["a", "b"], &["a"]), &inner),
        "a join needs as many keys on the left as on the right, but got 2 and 1"
    );
    assert_eq!(
        errors(&left, &right, (&["b"], &["b"]), &inner),
        "join key `b` is `i64` but `b` is `str`: cast one of them"
    );
    assert_eq!(
        errors(&left, &right, (&["a"], &["a"]), &inner),
        "column `b_right` would appear twice in the join: rename it before, or use another suffix than `_right`"
    );
    assert_eq!(
        errors(&left, &right, (&[], &[]), &inner),
        "a inner join needs keys or a condition: use a cross join for all pairs"
    );
    let inner = inner.with_suffix("_2");
    assert_eq!(errors(&left, &right, (&["a"], &["a"]), &inner), "");
    let projected = inner.clone().with_projection(names(&["c"]));
    assert!(errors(&left, &right, (&["a"], &["a"]), &projected).starts_with("column `c` is not in the join; it has"));
    let twice = inner.with_projection(names(&["a", "a"]));
    assert!(errors(&left, &right, (&["a"], &["a"]), &twice).starts_with("column `a` would appear twice"));
    assert_eq!(
        errors(&left, &right, (&["a"], &["a"]), &JoinOptions::new(JoinType::Cross)),
        "a cross join takes no keys: use an inner join"
    );
    let full = JoinOptions::new(JoinType::Full).with_suffix("_2").with_coalesce(JoinCoalesce::CoalesceColumns);
    let numbers = df!("x" => [1i64], "y" => [1i64]).unwrap();
    assert!(errors(&left, &numbers, (&["a", "a"], &["x", "y"]), &full).starts_with("left key `a` appears twice"));
    for (how, build) in [
        (JoinType::Full, Side::Left),
        (JoinType::Full, Side::Right),
        (JoinType::Right, Side::Right),
        (JoinType::Left, Side::Left),
        (JoinType::Semi, Side::Left),
        (JoinType::Anti, Side::Left),
    ] {
        let options =
            JoinOptions::new(how).with_suffix("_2").with_build(build).with_distribution(Distribution::Broadcast);
        let message = errors(&left, &right, (&["a"], &["a"]), &options);
        assert!(message.ends_with("cannot broadcast it: partition it, or build the other side"), "{message}");
    }
}

#[test]
fn a_probe_batch_before_the_gate_opens_is_refused() {
    let frame = df!("a" => [1i64]).unwrap();
    let join = plan(&frame, &frame, (&["a"], &["a"]), &JoinOptions::new(JoinType::Inner));
    let mut channel = join.probe_channel(&CLUSTERS[0].context(0));
    assert!(!channel.is_ready(0));
    let error = channel.on_batch(0, Batch::new(frame, 0), &mut Output::default()).unwrap_err();
    assert!(error.to_string().contains("before the build side was complete"), "{error}");
}

#[test]
fn a_probe_row_of_another_process_is_refused() {
    let frame = df!("a" => (0..100i64).collect::<Vec<_>>()).unwrap();
    let options = JoinOptions::new(JoinType::Inner);
    let join = plan(&frame, &frame, (&["a"], &["a"]), &options);
    let context = WorkerContext { worker: 1, workers: 2, process: 1, processes: 2, batch_rows: 10 };
    let mut build = join.build_channel(&context);
    let progress = build.on_input_end(0, &mut Output::default()).unwrap();
    drain(build.as_mut(), progress, &mut Output::default(), &mut Vec::new());
    let mut probe = join.probe_channel(&context);
    let error = probe.on_batch(0, Batch::new(frame, 0), &mut Output::default()).unwrap_err();
    assert!(error.to_string().starts_with("a probe row belongs to worker 0"), "{error}");
}

#[test]
fn a_key_of_another_type_than_planned_is_refused() {
    let planned = df!("a" => [1i64]).unwrap();
    let arrived = df!("a" => [1i32]).unwrap();
    let options = JoinOptions::new(JoinType::Inner);
    let join = plan(&planned, &planned, (&["a"], &["a"]), &options);
    run_build(&join, &planned, &options, CLUSTERS[2]);
    let mut probe = join.probe_channel(&CLUSTERS[2].context(0));
    let error = probe.on_batch(0, Batch::new(arrived, 0), &mut Output::default()).unwrap_err();
    assert_eq!(error.to_string(), "join key `a` arrived as `i32`, but the plan says `i64`");
}

#[test]
fn too_many_build_rows_are_refused() {
    let frame = df!("a" => [1i64]).unwrap();
    let options = JoinOptions::new(JoinType::Cross).with_projection(names(&["a"])).with_build(Side::Right);
    let join = plan(&frame, &df!("b" => [1i64]).unwrap(), (&[], &[]), &options);
    let mut build = join.build_channel(&CLUSTERS[2].context(0));
    for _ in 0..2 {
        let rows = DataFrame::new(1 << 31, vec![Column::new_scalar("b".into(), Scalar::from(1i64), 1 << 31)]).unwrap();
        let _ = build.on_batch(0, Batch::new(rows, 0), &mut Output::default()).unwrap();
    }
    let error = build.on_input_end(0, &mut Output::default()).unwrap_err();
    assert!(error.to_string().starts_with("4294967296 rows on the build side of one worker are too many"), "{error}");
}

#[test]
fn an_empty_build_side_ends_the_probe_side() {
    let frame = df!("a" => [1i64]).unwrap();
    for (how, build, satisfied) in [
        (JoinType::Inner, Side::Right, true),
        (JoinType::Semi, Side::Right, true),
        (JoinType::Anti, Side::Right, false),
        (JoinType::Anti, Side::Left, true),
        (JoinType::Left, Side::Right, false),
        (JoinType::Left, Side::Left, true),
        (JoinType::Full, Side::Right, false),
    ] {
        let options = JoinOptions::new(how).with_build(build);
        for (rows, satisfied) in [(frame.clear(), satisfied), (frame.clone(), false)] {
            let join = plan(&frame, &frame, (&["a"], &["a"]), &options);
            let probe = join.probe_channel(&CLUSTERS[1].context(0));
            assert!(!probe.is_satisfied(), "{how} {build}: not before the build side is complete");
            run_build(&join, &rows, &options, CLUSTERS[1]);
            assert_eq!(probe.is_satisfied(), satisfied, "{how} {build}");
        }
    }
}

#[test]
fn rows_without_a_match_are_known_when_all_of_the_probe_side_was_seen() {
    let frame = df!("a" => [1i64]).unwrap();
    for (how, build, needed) in [
        (JoinType::Full, Side::Right, true),
        (JoinType::Full, Side::Left, true),
        (JoinType::Left, Side::Left, true),
        (JoinType::Left, Side::Right, false),
        (JoinType::Inner, Side::Left, false),
        (JoinType::Semi, Side::Left, true),
        (JoinType::Anti, Side::Right, false),
    ] {
        let join = plan(&frame, &frame, (&["a"], &["a"]), &JoinOptions::new(how).with_build(build));
        assert_eq!(join.probe_channel(&CLUSTERS[1].context(0)).needs_all_input(), needed, "{how} {build}");
        // A single worker gives them out itself, behind whatever it found before.
        assert!(!join.probe_channel(&CLUSTERS[2].context(0)).needs_all_input(), "{how} {build}");
    }
}

#[test]
fn descriptions_name_all_parameters() {
    use quokka_engine::operator::OperatorFactory;
    let left = df!("a" => [1i64], "b" => [1i64]).unwrap();
    let right = df!("k" => [1i64], "c" => ["x"]).unwrap();
    let join = plan(&left, &right, (&["a"], &["k"]), &JoinOptions::new(JoinType::Left).with_nulls_equal(true));
    assert_eq!(
        join.build.describe().to_string(),
        "hash-join-build side=[right] on=[k] keep=[k, c] distribution=[partitioned]"
    );
    assert_eq!(
        join.probe.describe().to_string(),
        "hash-join how=[left] probe=[a] build=[right k] distribution=[partitioned] nulls=[equal] columns=[a, b, c]"
    );
}
