//! What all alternatives of a filter demand is demanded once: `(a and b) or (a and c)` becomes `a and (b or c)`.
//!
//! Each condition then goes on its own way: to the side of a join that it is about, into a scan, or it becomes a join
//! key. The law holds for nulls too.

use std::sync::Arc;

use polars_plan::dsl::Expr;
use quokka_engine::expr::{conjunction, split_conjunction, split_disjunction};
use quokka_engine::source::ScanRequest;

use crate::plan::join::{Join, JoinCondition};
use crate::plan::logical::{LogicalPlan, Node};

/// Factors the predicates of filters, scans and joins.
pub(crate) fn apply(plan: &LogicalPlan) -> LogicalPlan {
    let plan = plan.map_inputs(apply);
    let node = match plan.node() {
        Node::Scan { scan, request: request @ ScanRequest { predicate: Some(predicate), .. } } => factored(predicate)
            .map(|predicate| Node::Scan {
                scan: scan.clone(),
                request: ScanRequest { predicate: Some(predicate), ..request.clone() },
            }),
        Node::Filter { input, predicate } => {
            factored(predicate).map(|predicate| Node::Filter { input: input.clone(), predicate })
        },
        Node::Join { left, right, join } => join.condition.as_ref().and_then(|condition| {
            let predicate = factored(&condition.predicate)?;
            let condition = Some(JoinCondition { predicate, columns: condition.columns.clone() });
            let join = Arc::new(Join { condition, ..Join::clone(join) });
            Some(Node::Join { left: left.clone(), right: right.clone(), join })
        }),
        _ => None,
    };
    match node {
        Some(node) => LogicalPlan::new(node, plan.schema().clone()),
        None => plan,
    }
}

/// `predicate` with the common parts of alternatives taken out, if there are some.
fn factored(predicate: &Expr) -> Option<Expr> {
    let parts = split_conjunction(predicate);
    let factored: Vec<Option<Vec<Expr>>> = parts.iter().map(factor).collect();
    if factored.iter().all(Option::is_none) {
        return None;
    }
    let parts = parts.into_iter().zip(factored).flat_map(|(part, factored)| factored.unwrap_or_else(|| vec![part]));
    conjunction(parts.collect())
}

/// The conjunction that `part`, alternatives with something in common, comes down to.
fn factor(part: &Expr) -> Option<Vec<Expr>> {
    let alternatives = split_disjunction(part);
    if alternatives.len() < 2 {
        return None;
    }
    let mut alternatives: Vec<Vec<Expr>> = alternatives.iter().map(split_conjunction).collect();
    let (first, others) = alternatives.split_first()?;
    let mut common: Vec<Expr> = Vec::new();
    for candidate in first {
        let is_common = others.iter().all(|parts| parts.iter().any(|part| is_same(part, candidate)));
        if is_common && !common.contains(candidate) {
            common.push(candidate.clone());
        }
    }
    if common.is_empty() {
        return None;
    }
    for parts in &mut alternatives {
        parts.retain(|part| !common.iter().any(|common| is_same(part, common)));
    }
    // An alternative that asks for nothing else lets the others add nothing.
    if let Some(rest) = alternatives.into_iter().map(conjunction).collect::<Option<Vec<Expr>>>() {
        common.extend(rest.into_iter().reduce(Expr::or));
    }
    Some(common)
}

/// Whether two conditions say the same; equalities do whatever their sides.
fn is_same(left: &Expr, right: &Expr) -> bool {
    use polars_plan::dsl::Operator::Eq;
    match (left, right) {
        (Expr::BinaryExpr { left: a, op: Eq, right: b }, Expr::BinaryExpr { left: c, op: Eq, right: d }) => {
            a == c && b == d || a == d && b == c
        },
        (left, right) => left == right,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use quokka_engine::expr::prelude::{col, lit};

    use super::*;
    use crate::plan::JoinSpecification;
    use crate::plan::testing::{assert_text, table};

    fn check(predicate: Expr, expected: &str) {
        let plan = table("t", "a b c d").filter(&predicate, "filter").unwrap();
        let expected = if expected.is_empty() { plan.to_string() } else { format!("filter {expected}\n  t") };
        assert_text(&apply(&plan), &expected);
    }

    fn is(column: &str, value: i32) -> Expr {
        col(column).eq(lit(value))
    }

    #[test]
    fn what_all_alternatives_demand_comes_out() {
        check(
            is("a", 1).and(is("b", 2)).or(is("c", 3).and(is("a", 1))),
            r#"[([(col("a")) == (dyn int: 1)]) & ([([(col("b")) == (dyn int: 2)]) | ([(col("c")) == (dyn int: 3)])])]"#,
        );
        // The sides of an equality do not matter.
        let (ab, ba) = (col("a").eq(col("b")), col("b").eq(col("a")));
        check(
            is("d", 0).and(ab.and(is("c", 1)).or(ba.clone().and(is("c", 2))).or(ba.and(is("c", 3)))),
            r#"[([([(col("d")) == (dyn int: 0)]) & ([(col("a")) == (col("b"))])]) & ([([([(col("c")) == (dyn int: 1)]) | ([(col("c")) == (dyn int: 2)])]) | ([(col("c")) == (dyn int: 3)])])]"#,
        );
    }

    #[test]
    fn an_alternative_that_demands_nothing_else_decides() {
        check(is("a", 1).and(is("b", 2)).or(is("a", 1)), r#"[(col("a")) == (dyn int: 1)]"#);
        check(is("a", 1).or(is("a", 1)), r#"[(col("a")) == (dyn int: 1)]"#);
    }

    #[test]
    fn nothing_in_common() {
        check(is("a", 1).and(is("b", 2)).or(is("c", 3)), "");
        check(is("a", 1).and(is("b", 2)), "");
    }

    #[test]
    fn join_conditions_too() {
        let condition = is("a", 1).and(is("b", 2)).or(is("a", 1).and(is("b", 3)));
        let specification = JoinSpecification {
            left_on: vec![col("k")],
            right_on: vec![col("j")],
            condition: Some(condition),
            ..JoinSpecification::default()
        };
        let plan = table("left", "k a").join(table("right", "j b"), &specification).unwrap();
        assert_text(
            &apply(&plan),
            r#"
            inner-join on col("k") = col("j") where [([(col("a")) == (dyn int: 1)]) & ([([(col("b")) == (dyn int: 2)]) | ([(col("b")) == (dyn int: 3)])])] columns=[k, a, b]
              left
              right
            "#,
        );
    }
}
