use polars_plan::dsl::Expr;
use quokka_engine::expr::Predicate;
use quokka_engine::expr::prelude::{col, lit};

use super::*;

fn expected(all: &DataFrame, columns: Option<&[&str]>, predicate: &Expr) -> DataFrame {
    let rows = Predicate::compile(predicate, all.schema()).unwrap().filter(all).unwrap();
    columns.map_or(rows.clone(), |columns| rows.select(columns.iter().copied()).unwrap())
}

#[test]
fn rows_that_pass() {
    let folder = Folder::new();
    let line = |i: i64| {
        let list = (0..i % 4).map(|i| i.to_string()).collect::<Vec<_>>().join(",");
        format!("{{\"i\":{i},\"t\":\"text {}\",\"d\":{}.25,\"l\":[{list}],\"x\":{}}}\n", i % 7, i % 100, i * i % 31)
    };
    write(&folder.path().join("k=5/f.json"), (0..3000).map(line).collect::<String>());
    let given = options().with_schema_overrides(schema([("d", DataType::Decimal(10, 2))]));
    let whole = JsonScan::open([folder.path()], given.clone()).unwrap();
    let all = read_scan(&whole, &ScanRequest::default(), 65_536).unwrap();
    assert_eq!((all.height(), all.width()), (3000, 6));
    let predicates = [
        col("i").gt(lit(2990)),
        col("i").lt(lit(0)),
        col("k").eq(lit(5)).and(col("x").eq(lit(4))),
        col("k").eq(lit(6)),
        col("t").eq(lit("text 3")).and(col("i").lt(lit(1000))).and(col("x").gt(lit(10))),
        col("t").neq(lit("text 3")).or(col("d").gt(lit(50))),
        lit(false),
        lit(true),
    ];
    for predicate in predicates {
        for columns in [None, Some(&["i"][..]), Some(&["l", "k"]), Some(&[])] {
            let projection = columns.map(|names| names.iter().map(|name| (*name).into()).collect());
            let request = ScanRequest { projection, predicate: Some(predicate.clone()), ..ScanRequest::default() };
            for (range, batch_rows) in [(None, 65_536), (Some(1000), 100), (Some(77), 7)] {
                let scan = JsonScan::open_in_ranges([folder.path()], given.clone(), range).unwrap();
                let found = read_scan(&scan, &request, batch_rows).unwrap();
                match columns {
                    Some([]) => assert_eq!(found.height(), expected(&all, None, &predicate).height()),
                    _ => assert_same(&found, &expected(&all, columns, &predicate)),
                }
            }
        }
    }
    // A row that does not pass is not parsed any further.
    let file = json("{\"a\":1,\"b\":2}\n{\"a\":\"x\",\"b\":3}\n");
    let given = options().with_schema(schema([("a", DataType::Int64), ("b", DataType::Int64)]));
    let scan = JsonScan::open([&file.path], given).unwrap();
    let request = ScanRequest { predicate: Some(col("b").lt(lit(3))), ..ScanRequest::default() };
    assert_same(&read_scan(&scan, &request, 10).unwrap(), &df!("a" => [1i64], "b" => [2i64]).unwrap());
}
