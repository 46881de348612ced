//! Random frames.

use proptest::prelude::*;

use super::*;

fn frame(rows: usize) -> impl Strategy<Value = DataFrame> {
    let row = (prop::option::weighted(0.9, 0..8i64), prop::option::weighted(0.9, 0..3u8), any::<u16>());
    prop::collection::vec(row, 0..rows).prop_map(|rows| {
        let numbers: Vec<Option<i64>> = rows.iter().map(|(number, _, _)| *number).collect();
        let strings: Vec<Option<String>> =
            rows.iter().map(|(_, text, _)| text.map(|text| "long string ".repeat(text as usize))).collect();
        let payload: Vec<u32> = rows.iter().map(|(_, _, payload)| *payload as u32).collect();
        df!("number" => numbers, "text" => strings, "payload" => payload).unwrap()
    })
}

fn options() -> impl Strategy<Value = JoinOptions> {
    let how = prop::sample::select(ALL[..6].to_vec());
    let build = prop::sample::select(vec![Side::Left, Side::Right]);
    let coalesce = prop::sample::select(vec![
        JoinCoalesce::JoinSpecific,
        JoinCoalesce::CoalesceColumns,
        JoinCoalesce::KeepColumns,
    ]);
    (how, build, coalesce, any::<bool>()).prop_map(|(how, build, coalesce, nulls_equal)| {
        JoinOptions::new(how).with_build(build).with_coalesce(coalesce).with_nulls_equal(nulls_equal)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn joins_equal_those_of_polars(
        left in frame(40),
        right in frame(40),
        options in options(),
        keys in prop::sample::select(vec![vec!["number"], vec!["text"], vec!["number", "text"]]),
        workers in 1..5usize,
        batch_rows in prop::sample::select(vec![1, 3, 16, 100]),
    ) {
        let expected = oracle(&left, &right, (&keys, &keys), &options);
        let result = run(&left, &right, (&keys, &keys), &options, Cluster { workers, batch_rows });
        assert_same_rows(&result, &expected, &format!("{options:?}"));
    }
}
