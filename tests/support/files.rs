use quokka::prelude::*;

use super::{Rows, assert_same, setting, settings};

/// 2,500 rows of some 2 MB: `id` from 0, `key` of 11 values, `text` with newlines and quotes, `half` with nulls.
pub fn long_rows() -> DataFrame {
    let rows = 0..2500i64;
    let text: Vec<String> =
        rows.clone().map(|i| format!("{}\n\"{i}\",\n", "lorem, ipsum\n".repeat(80 + i as usize % 7))).collect();
    let key: Vec<i64> = rows.clone().map(|i| i * i % 11).collect();
    let half: Vec<Option<f64>> = rows.clone().map(|i| (i % 5 != 0).then_some(i as f64 / 2.0)).collect();
    df!("id" => rows.collect::<Vec<_>>(), "key" => key, "text" => text, "half" => half).unwrap()
}

/// Checks queries over a file with the rows of `frame`, at least 2,500 with columns as those of [`long_rows`].
#[track_caller]
pub fn check_queries(frame: &DataFrame, read: impl Fn(&Context) -> DataStream) {
    let query = |stream: DataStream| {
        let stream = stream.filter(col("id").gt_eq(lit(100)).and(col("half").is_not_null()));
        stream.group_by([col("key")]).agg([col("half").sum(), col("text").str().len_bytes().max(), len()])
    };
    for index in 0..settings() {
        let (name, context) = setting(index);
        let rows = context.from_df(frame.clone());
        let found = query(read(context)).collect().unwrap();
        assert_same(&found, &query(rows.clone()).collect().unwrap(), Rows::AnyOrder, &|| name.to_owned());
        let ordered = read(context).slice(1700, 20).collect().unwrap();
        assert_same(&ordered, &frame.slice(1700, 20), Rows::Ordered, &|| name.to_owned());
        // A join tells the scan what it can use.
        let few = context.from_df(df!("id" => [5i64, 2400, 9999], "note" => ["a", "b", "c"]).unwrap());
        let join = |stream: DataStream| stream.inner_join(few.clone(), col("id"), col("id")).collect().unwrap();
        let joined = join(read(context));
        assert_same(&joined, &join(rows), Rows::AnyOrder, &|| name.to_owned());
        assert_eq!(joined.height(), 2);
    }
}

/// Checks that `scan` reads only what is used of a file with the rows 1, "x" and 2, "y" of `a` and `b`, and more columns.
#[track_caller]
pub fn check_pushdown(stream: DataStream, scan: &str) {
    let stream = stream.filter(col("a").gt(lit(1))).select([col("b")]);
    let text = stream.explain().unwrap();
    assert!(text.contains(scan) && text.contains("columns=[b] predicate=[[(col(\"a\")) > (dyn int: 1)]]"), "{text}");
    assert_eq!(stream.collect().unwrap(), df!("b" => ["y"]).unwrap());
}

/// The rows of [`long_rows`] as text, a line each, by a function of `id`, `key`, `text` and `half`.
pub fn lines(frame: &DataFrame, line: impl Fn(i64, i64, &str, Option<f64>) -> String) -> String {
    let integers = |name| frame.column(name).unwrap().i64().unwrap().iter().flatten();
    let text = frame.column("text").unwrap().str().unwrap().iter().flatten();
    let half = frame.column("half").unwrap().f64().unwrap().iter();
    let rows = integers("id").zip(integers("key")).zip(text.zip(half));
    rows.map(|((id, key), (text, half))| line(id, key, text, half)).collect()
}
