//! What a query tells of its run.

use quokka::prelude::*;

use crate::support::numbers;

/// 100 rows in four chunks, with 14 keys.
fn grouped(context: &Context) -> DataStream {
    let rows = context.from_df(numbers()).filter(col("id").lt(lit(100)));
    rows.group_by([col("key")]).agg([len().alias("rows")]).sort(["key"], Default::default())
}

/// 22 of these rows find a name.
fn named(context: &Context) -> DataStream {
    let names = context.from_df(df!("key" => [1i64, 2, 3, 99], "name" => ["a", "b", "c", "d"]).unwrap());
    let rows = context.from_df(numbers()).filter(col("id").lt(lit(100)));
    rows.inner_join(names, col("key"), col("key")).group_by([col("name")]).agg([len().alias("rows")])
}

/// The figures before a line and the line itself, for the lines between a title with its heads and an empty line.
fn section(text: &str, title: &str) -> Vec<(Vec<String>, String)> {
    let lines = text.lines().skip_while(|line| *line != title).skip(2).take_while(|line| !line.is_empty());
    let columns: &[usize] = if title == "physical plan" { &[13, 27, 36, 46, 58, 68] } else { &[13, 27, 39, 49] };
    let cut = |line: &str| {
        let chars: Vec<char> = line.chars().collect();
        let mut start = 0;
        let mut figures = Vec::new();
        for end in columns {
            figures.push(chars[start..*end].iter().collect::<String>().trim().to_string());
            start = *end;
        }
        (figures, chars[start + 2..].iter().collect())
    };
    lines.map(cut).collect()
}

#[test]
fn the_optimized_plan_has_rows_beside_its_nodes() {
    let context = Context::builder().workers(1).build().unwrap();
    let text = grouped(&context).explain_analyze().unwrap();
    let lines: Vec<String> = section(&text, "optimized plan")
        .into_iter()
        .map(|(figures, line)| format!("{} {} {line}", figures[0], figures[1]))
        .collect();
    // Estimates are exact, as the table is its own sample.
    let starts = ["14 14 sort by", "14 14   aggregate by", "100 100     memory-scan"];
    assert_eq!(lines.len(), starts.len(), "{text}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "`{line}` is not `{start}…`\n{text}");
    }
}

#[test]
fn the_physical_plan_has_figures_beside_its_operators() {
    let context = Context::builder().workers(1).build().unwrap();
    let text = grouped(&context).explain_analyze().unwrap();
    let lines = section(&text, "physical plan").into_iter().map(|(figures, line)| {
        let name: Vec<&str> = line.split_whitespace().take(3).collect();
        format!("{} | {} | {} | {}", figures[0], figures[1], figures[2], name.join(" "))
    });
    let expected = [
        "0 | 100 | 4 | 0: memory-scan rows=[200]",
        "100 | 14 | 1 | → partial-aggregate keys=[key]",
        " |  |  | ⇒ pass-through to",
        "14 | 14 | 1 | 1: final-aggregate keys=[key]",
        " |  |  | ⇒ pass-through to",
        "14 | 14 | 1 | 2: sort by=[key]",
        " |  |  | ⇒ pass-through to",
        "14 | 0 | 1 | 3: collect ←",
    ];
    assert_eq!(lines.collect::<Vec<_>>(), expected, "{text}");
}

#[test]
fn workers_add_up() {
    let context = Context::builder().workers(4).batch_rows(7).build().unwrap();
    let (rows, profile) = named(&context).profile().unwrap();
    assert_eq!(rows.height(), 3);
    let nodes = &profile.report().nodes;
    let operator = |name| nodes.iter().flat_map(|node| &node.operators).find(move |operator| operator.name == name);
    let build = operator("hash-join-build").unwrap();
    assert_eq!((build.rows_in, build.rows_out), (4, 0));
    assert!(build.state_bytes > 0);
    assert_eq!(operator("hash-join").unwrap().rows_out, 22);
    let sink = nodes.last().unwrap();
    assert_eq!((sink.rows_in(), sink.rows_out()), (3, 0));
    for node in nodes {
        let parts = node.operators.iter().map(|operator| operator.busy).sum::<std::time::Duration>() + node.shipping;
        assert!(node.bytes_out > 0 || node.rows_out() == 0, "{node:?}");
        assert!(parts.as_nanos() > 0, "{node:?}");
    }
    // What is fused behind a source holds state, too.
    let partial = operator("partial-aggregate").unwrap();
    assert_eq!(partial.rows_in, 22);
    assert!(partial.state_bytes > 0);
}

#[test]
fn a_failed_query_has_no_profile() {
    let context = Context::builder().workers(2).build().unwrap();
    let bad = context.from_df(numbers()).select([col("text").strict_cast(DataType::Int64)]);
    assert!(bad.profile().unwrap_err().report().contains("text"));
    assert!(bad.explain_analyze().is_err());
}
