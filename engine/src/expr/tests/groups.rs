use super::{col, lazy, mixed};
use crate::expr::GroupProjection;
use crate::expr::prelude::*;

fn aggregates() -> Vec<Expr> {
    vec![
        col("i").sum(),
        col("f").median(),
        col("s").n_unique().alias("n"),
        (col("i").sum() / col("i").count()).alias("ratio"),
        col("i").filter(col("b")).max().alias("filtered"),
        col("s").sort_by([col("f")], Default::default()).first().alias("earliest"),
        col("f").sort(Default::default()).alias("list"),
        (col("i") * lit(2)).alias("doubled"),
        len(),
        lit(3).alias("three"),
        when(col("i").sum().gt(lit(0))).then(lit("up")).otherwise(lit("down")).alias("trend"),
        (col("f") - col("f").mean()).abs().max().alias("spread"),
    ]
}

#[test]
fn groups_give_what_polars_gives() {
    for rows in [0, 1, 7, 100] {
        let frame = mixed(rows);
        let projection = GroupProjection::compile(&aggregates(), frame.schema()).unwrap();
        let groups = frame.group_by_stable(["k", "small"]).unwrap().into_groups();
        let actual = projection.evaluate(&frame, &groups).unwrap();
        let expected = lazy(&frame).group_by_stable([col("k"), col("small")]).agg(aggregates()).collect().unwrap();
        let expected = expected.drop_many(["k", "small"]);
        assert!(actual.equals_missing(&expected), "{actual}\n{expected}");
        assert_eq!(projection.schema(), expected.schema());
    }
}

#[test]
fn frames_of_several_chunks_are_grouped() {
    let mut frame = mixed(20);
    frame.vstack_mut(&mixed(30)).unwrap();
    let groups = frame.group_by_stable(["k"]).unwrap().into_groups();
    let projection = GroupProjection::compile(&aggregates(), frame.schema()).unwrap();
    let expected = lazy(&frame).group_by_stable([col("k")]).agg(aggregates()).collect().unwrap().drop("k").unwrap();
    let actual = projection.evaluate(&frame, &groups).unwrap();
    assert!(actual.equals_missing(&expected), "{actual}\n{expected}");
}
