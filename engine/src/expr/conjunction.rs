use std::sync::Arc;

use polars_plan::dsl::{BooleanFunction, Expr, FunctionExpr, Operator};

/// The parts of `expr` that must all be true for it to be true: operands of `and` and of `all_horizontal`, at any
/// depth. An expression without `and` is its own only part.
///
/// A filter may apply the parts one by one: a row for which a part is null or false never passes.
///
/// ```
/// use quokka_engine::expr::prelude::*;
/// use quokka_engine::expr::split_conjunction;
///
/// let parts = split_conjunction(&col("a").gt(lit(1)).and(col("b").or(col("c"))).and(col("d")));
/// assert_eq!(parts, [col("a").gt(lit(1)), col("b").or(col("c")), col("d")]);
/// ```
pub fn split_conjunction(expr: &Expr) -> Vec<Expr> {
    let mut parts = Vec::new();
    let mut stack = vec![expr];
    while let Some(expr) = stack.pop() {
        match expr {
            Expr::BinaryExpr { left, op: Operator::And | Operator::LogicalAnd, right } => {
                stack.push(right);
                stack.push(left);
            },
            Expr::Function { input, function: FunctionExpr::Boolean(BooleanFunction::AllHorizontal) }
                if !input.is_empty() =>
            {
                stack.extend(input.iter().rev());
            },
            Expr::Alias(inner, _) => stack.push(inner),
            part => parts.push(part.clone()),
        }
    }
    parts
}

/// The parts of `expr` of which one must be true for it to be true: operands of `or` at any depth. An expression without
/// `or` is its own only part.
///
/// ```
/// use quokka_engine::expr::prelude::*;
/// use quokka_engine::expr::split_disjunction;
///
/// let parts = split_disjunction(&col("a").or(col("b").and(col("c"))).or(col("d")));
/// assert_eq!(parts, [col("a"), col("b").and(col("c")), col("d")]);
/// ```
pub fn split_disjunction(expr: &Expr) -> Vec<Expr> {
    let mut parts = Vec::new();
    let mut stack = vec![expr];
    while let Some(expr) = stack.pop() {
        match expr {
            Expr::BinaryExpr { left, op: Operator::Or | Operator::LogicalOr, right } => {
                stack.push(right);
                stack.push(left);
            },
            Expr::Alias(inner, _) => stack.push(inner),
            part => parts.push(part.clone()),
        }
    }
    parts
}

/// All of `parts` joined by `and`; nothing if there are none.
pub fn conjunction(parts: Vec<Expr>) -> Option<Expr> {
    parts.into_iter().reduce(|left, right| Expr::BinaryExpr {
        left: Arc::new(left),
        op: Operator::And,
        right: Arc::new(right),
    })
}
