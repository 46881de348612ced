//! Groups are made below a join where that leaves it few rows, as in Yan and Larson, "Eager Aggregation and Lazy
//! Aggregation" (1995).
//!
//! If all values that are aggregated come from one side of a join, the rows of that side which have the same key meet the
//! same rows of the other side. So they are aggregated by that key first; the aggregate above the join, which may see
//! them several times, merges what came out. That pays if a key has many rows and the join does not drop most of them,
//! which is estimated.

use std::sync::Arc;

use polars_core::prelude::{PlSmallStr, Schema};
use polars_ops::prelude::JoinType;
use polars_plan::dsl::Expr;
use quokka_engine::expr::output_field;

use super::partial_results::PartialResults;
use crate::plan::cardinality::Estimates;
use crate::plan::expression::{NamedExpr, Properties, columns, reads_columns, substitute};
use crate::plan::join::{Join, JoinColumn, JoinKey, JoinSource};
use crate::plan::logical::{LogicalPlan, Node};

/// A group has to have so many rows on average.
const ROWS_PER_GROUP: f64 = 8.0;
/// The join may drop this share of the rows that are aggregated below it.
const DROPPED: f64 = 0.2;

/// Aggregates below the joins of `plan` where that pays.
pub(crate) fn apply(plan: &LogicalPlan, estimates: &Estimates) -> LogicalPlan {
    rewrite(plan, &|change| change.pays(estimates))
}

/// Aggregates below the joins of `plan` where `pays` says so.
fn rewrite(plan: &LogicalPlan, pays: &dyn Fn(&Change) -> bool) -> LogicalPlan {
    let plan = plan.map_inputs(|input| rewrite(input, pays));
    let Node::Aggregate { input, keys, aggs } = plan.node() else { return plan };
    let Node::Join { left, right, join } = input.node() else { return plan };
    let sides: &[Side] = match join.how {
        JoinType::Inner => &[Side::Right, Side::Left],
        JoinType::Left => &[Side::Right],
        JoinType::Right => &[Side::Left],
        _ => &[],
    };
    let early = sides.iter().find_map(|side| {
        let early = Early { side: *side, left, right, join, keys, aggs };
        let (groups, whole) = early.rewrite(plan.schema())?;
        pays(&Change { rows: early.rows(), groups: &groups, joined: input }).then_some(whole)
    });
    early.unwrap_or(plan)
}

/// What an early aggregate changes.
struct Change<'a> {
    /// What is aggregated.
    rows: &'a LogicalPlan,
    /// What that leaves.
    groups: &'a LogicalPlan,
    /// What would be aggregated without it.
    joined: &'a LogicalPlan,
}

impl Change<'_> {
    fn pays(&self, estimates: &Estimates) -> bool {
        match (estimates.rows(self.rows), estimates.rows(self.groups), estimates.rows(self.joined)) {
            (Some(rows), Some(groups), Some(joined)) => {
                groups * ROWS_PER_GROUP <= rows && rows * (1.0 - DROPPED) <= joined
            },
            _ => false,
        }
    }
}

/// A side of a join.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// An aggregate above a join, to be computed early on one side of it.
struct Early<'a> {
    side: Side,
    left: &'a LogicalPlan,
    right: &'a LogicalPlan,
    join: &'a Join,
    keys: &'a [NamedExpr],
    aggs: &'a [NamedExpr],
}

impl Early<'_> {
    /// The side that is aggregated.
    fn rows(&self) -> &LogicalPlan {
        match self.side {
            Side::Left => self.left,
            Side::Right => self.right,
        }
    }

    /// The aggregate below the join, and the whole; `None` if the results would not be the same.
    fn rewrite(&self, schema: &Schema) -> Option<(LogicalPlan, LogicalPlan)> {
        if self.join.keys.is_empty() || self.join.condition.is_some() {
            return None;
        }
        let mut groups: Vec<PlSmallStr> = Vec::new();
        let join_keys = self.join.keys.iter().map(|key| self.own_key(key));
        let key_columns = self.keys.iter().flat_map(|key| columns(&key.expr)).filter_map(|name| self.own(name));
        for name in join_keys.collect::<Option<Vec<_>>>()?.into_iter().chain(key_columns) {
            if !groups.contains(&name) {
                groups.push(name);
            }
        }
        let (inputs, name) = (|expr: &Expr| self.input(expr), |index| self.partial_name(index));
        let mut partials = PartialResults {
            input: &inputs,
            name: &name,
            distinct: None,
            adds_nulls: self.adds_nulls(),
            exprs: Vec::new(),
        };
        let aggs: Option<Vec<NamedExpr>> = self
            .aggs
            .iter()
            .map(|agg| Some(NamedExpr { name: agg.name.clone(), expr: partials.merged(&agg.expr)? }))
            .collect();
        let aggs = aggs?;
        if partials.exprs.is_empty() {
            return None;
        }
        let by: Vec<Expr> = groups.into_iter().map(Expr::Column).collect();
        let aggregated = self.rows().clone().aggregate(&by, &partials.named(), "early aggregation").ok()?;
        let joined = self.joined(&aggregated, partials.exprs.len())?;
        let same_types = self.aggs.iter().zip(&aggs).all(|(before, after)| {
            let dtype = output_field(&after.expr, joined.schema()).map(|field| field.dtype);
            dtype.is_ok_and(|dtype| schema.get(&before.name) == Some(&dtype))
        });
        let node = Node::Aggregate { input: joined, keys: self.keys.to_vec(), aggs };
        same_types.then(|| (aggregated, LogicalPlan::new(node, Arc::new(schema.clone()))))
    }

    /// The join with the aggregated side: what the keys above it read, and the partial results.
    fn joined(&self, aggregated: &LogicalPlan, partials: usize) -> Option<LogicalPlan> {
        let (left, right) = match self.side {
            Side::Left => (aggregated, self.right),
            Side::Right => (self.left, aggregated),
        };
        let is_read =
            |column: &&JoinColumn| self.keys.iter().any(|key| columns(&key.expr).any(|name| *name == column.name));
        let mut joined: Vec<JoinColumn> = self.join.columns.iter().filter(is_read).cloned().collect();
        joined.extend((0..partials).map(|index| {
            let name = self.partial_name(index);
            let source = match self.side {
                Side::Left => JoinSource::Left(name.clone()),
                Side::Right => JoinSource::Right(name.clone()),
            };
            JoinColumn { name, source }
        }));
        let mut schema = Schema::with_capacity(joined.len());
        for column in &joined {
            let dtype = match &column.source {
                JoinSource::Left(name) => left.schema().get(name),
                JoinSource::Right(name) => right.schema().get(name),
                JoinSource::Key(_) => None,
            };
            schema.insert(column.name.clone(), dtype?.clone());
        }
        let join = Arc::new(Join { columns: joined, ..self.join.clone() });
        let node = Node::Join { left: left.clone(), right: right.clone(), join };
        Some(LogicalPlan::new(node, Arc::new(schema)))
    }

    /// The column that is compared on the aggregated side.
    fn own_key(&self, key: &JoinKey) -> Option<PlSmallStr> {
        let key = match self.side {
            Side::Left => &key.left,
            Side::Right => &key.right,
        };
        match key {
            Expr::Column(name) => Some(name.clone()),
            _ => None,
        }
    }

    /// The column of the aggregated side that the join delivers as `name`.
    fn own(&self, name: &PlSmallStr) -> Option<PlSmallStr> {
        let column = self.join.columns.iter().find(|column| column.name == *name)?;
        match (&column.source, self.side) {
            (JoinSource::Left(name), Side::Left) | (JoinSource::Right(name), Side::Right) => Some(name.clone()),
            _ => None,
        }
    }

    /// A name for a partial result that nothing else has.
    fn partial_name(&self, index: usize) -> PlSmallStr {
        let mut name = format!("partial({index})");
        while self.left.schema().contains(&name)
            || self.right.schema().contains(&name)
            || self.join.columns.iter().any(|column| column.name == name)
        {
            name.insert(0, '_');
        }
        name.into()
    }

    /// What is aggregated, over columns of the aggregated side. It must not fail for rows that the join drops, and be
    /// null where the join puts nulls.
    fn input(&self, expr: &Expr) -> Option<Expr> {
        let own = match expr {
            Expr::Column(name) => Expr::Column(self.own(name)?),
            expr => substitute(expr, |name| self.own(name).map(Expr::Column))?,
        };
        let follows = if self.adds_nulls() { passes_nulls_on(&own) } else { reads_columns(&own) };
        (follows && Properties::of(&own, self.rows().schema()).is_movable()).then_some(own)
    }

    /// Whether the join delivers rows in which the columns of the aggregated side are null.
    fn adds_nulls(&self) -> bool {
        self.join.how != JoinType::Inner
    }
}

/// Whether `expr` is null if all its columns are.
fn passes_nulls_on(expr: &Expr) -> bool {
    match expr {
        Expr::Column(_) => true,
        Expr::Alias(inner, _) | Expr::Cast { expr: inner, .. } => passes_nulls_on(inner),
        Expr::BinaryExpr { left, op, right } if op.is_arithmetic() => passes_nulls_on(left) || passes_nulls_on(right),
        _ => false,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use quokka_engine::expr::prelude::{col, len, lit};

    use super::*;
    use crate::plan::JoinSpecification;
    use crate::plan::testing::{assert_text, table};

    fn joined(how: JoinType, keys: &[Expr], aggs: &[Expr]) -> LogicalPlan {
        let specification = JoinSpecification {
            how,
            left_on: vec![col("c")],
            right_on: vec![col("o")],
            ..JoinSpecification::default()
        };
        let joined = table("customers", "c name v").join(table("orders", "o v w"), &specification).unwrap();
        joined.aggregate(keys, aggs, "agg").unwrap()
    }

    #[track_caller]
    fn check(plan: &LogicalPlan, expected: &str) {
        let rewritten = rewrite(plan, &|_| true);
        assert_eq!(rewritten.schema(), plan.schema());
        assert_text(&rewritten, expected);
    }

    #[track_caller]
    fn assert_stays(plan: &LogicalPlan) {
        check(plan, &plan.to_string());
    }

    #[test]
    fn partial_results_are_merged_above_the_join() {
        let aggs = [
            col("w").sum().alias("sum"),
            (col("w").max() - col("w").min()).alias("spread"),
            (col("w") * col("v_right")).sum().alias("product"),
            col("w").count().alias("count"),
            len(),
        ];
        check(
            &joined(JoinType::Inner, &[col("name")], &aggs),
            r#"
            aggregate by [name] [col("partial(0)").sum() as sum, [(col("partial(1)").max()) - (col("partial(2)").min())] as spread, col("partial(3)").sum() as product, col("partial(4)").sum() as count, col("partial(5)").sum() as len]
              inner-join on col("c") = col("o") columns=[name, partial(0), partial(1), partial(2), partial(3), partial(4), partial(5)]
                customers
                aggregate by [o] [col("w").sum() as partial(0), col("w").max() as partial(1), col("w").min() as partial(2), [(col("w")) * (col("v").alias("v_right"))].sum() as partial(3), col("w").count() as partial(4), len() as partial(5)]
                  orders
            "#,
        );
    }

    #[test]
    fn rows_without_a_match_count_once() {
        check(
            &joined(JoinType::Left, &[col("c")], &[len(), col("w").count()]),
            r#"
            aggregate by [c] [col("partial(0)").fill_null([1]).sum() as len, col("partial(1)").sum() as w]
              left-join on col("c") = col("o") columns=[c, partial(0), partial(1)]
                customers
                aggregate by [o] [len() as partial(0), col("w").count() as partial(1)]
                  orders
            "#,
        );
        check(
            &joined(JoinType::Right, &[col("w")], &[col("name").min()]),
            r#"
            aggregate by [w] [col("partial(0)").min() as name]
              right-join on col("c") = col("o") columns=[w, partial(0)]
                aggregate by [c] [col("name").min() as partial(0)]
                  customers
                orders
            "#,
        );
    }

    #[test]
    fn keys_of_the_aggregated_side_group_it_too() {
        check(
            &joined(JoinType::Inner, &[col("name"), col("v_right") % lit(2)], &[col("w").sum()]),
            r#"
            aggregate by [name, [(col("v_right")) % (dyn int: 2)] as v_right] [col("partial(0)").sum() as w]
              inner-join on col("c") = col("o") columns=[name, right.v as v_right, partial(0)]
                customers
                aggregate by [o, v] [col("w").sum() as partial(0)]
                  orders
            "#,
        );
    }

    #[test]
    fn the_side_whose_values_are_aggregated() {
        check(
            &joined(JoinType::Inner, &[col("w")], &[col("v").sum()]),
            r#"
            aggregate by [w] [col("partial(0)").sum() as v]
              inner-join on col("c") = col("o") columns=[w, partial(0)]
                aggregate by [c] [col("v").sum() as partial(0)]
                  customers
                orders
            "#,
        );
    }

    #[test]
    fn what_stays() {
        for plan in [
            // Values of both sides, or of the side whose rows all stay.
            joined(JoinType::Inner, &[col("name")], &[(col("v") + col("w")).sum()]),
            joined(JoinType::Inner, &[col("name")], &[col("v").sum(), col("w").sum()]),
            joined(JoinType::Left, &[col("name")], &[col("v").sum()]),
            // Nulls of rows without a match would be counted.
            joined(JoinType::Left, &[col("name")], &[col("w").fill_null(lit(5)).sum()]),
            joined(JoinType::Left, &[col("name")], &[col("w").is_null().sum()]),
            // What does not merge, or may fail.
            joined(JoinType::Inner, &[col("name")], &[col("w").median()]),
            joined(JoinType::Inner, &[col("name")], &[col("w").n_unique()]),
            joined(JoinType::Inner, &[col("name")], &[col("w").first()]),
            joined(
                JoinType::Inner,
                &[col("name")],
                &[col("w").strict_cast(polars_core::prelude::DataType::Int8).sum()],
            ),
            joined(JoinType::Inner, &[col("name")], &[]),
            joined(JoinType::Full, &[col("name")], &[col("w").sum()]),
            joined(JoinType::Semi, &[col("name")], &[col("v").sum()]),
        ] {
            assert_stays(&plan);
        }
    }
}
