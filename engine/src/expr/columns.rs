use std::sync::Arc;

use polars_plan::dsl::Expr;
use polars_plan::plans::visitor::TreeWalker;
use polars_utils::pl_str::PlSmallStr;

use super::stack::with_stack;
use crate::error::OperatorError;

/// The columns that `expr`, which is [expanded](super::expand), reads, each once, in order of appearance.
pub fn columns_of(expr: &Expr) -> Vec<PlSmallStr> {
    let mut columns: Vec<PlSmallStr> = Vec::new();
    for node in expr {
        if let Expr::Column(name) = node
            && !columns.contains(name)
        {
            columns.push(name.clone());
        }
    }
    columns
}

/// `expr` with every column for which `replace` gives an expression replaced by it. Output names of parents that take
/// theirs from a column change with it; wrap the result in `alias` to keep one.
///
/// ```
/// use quokka_engine::expr::prelude::*;
/// use quokka_engine::expr::rewrite_columns;
///
/// let doubled = rewrite_columns(&(col("a") + col("b")), &|name| (name == "a").then(|| col("x") * lit(2)));
/// assert_eq!(doubled, col("x") * lit(2) + col("b"));
/// ```
pub fn rewrite_columns(expr: &Expr, replace: &dyn Fn(&PlSmallStr) -> Option<Expr>) -> Expr {
    if let Expr::Column(name) = expr {
        return replace(name).unwrap_or_else(|| expr.clone());
    }
    let children = with_stack(|| map_children(expr.clone(), &mut |child| Ok(rewrite_columns(&child, replace))));
    // The closure never fails, and nothing else does.
    children.unwrap_or_else(|_| expr.clone())
}

/// `expr` with `map` applied to each of its inputs. Polars' own function leaves out the order of `over`.
pub(super) fn map_children(
    expr: Expr,
    map: &mut dyn FnMut(Expr) -> Result<Expr, OperatorError>,
) -> Result<Expr, OperatorError> {
    let mut expr = expr.map_children(&mut |child, _| map(child).map_err(Into::into), &mut ())?;
    if let Expr::Over { order_by: Some((order_by, _)), .. } = &mut expr {
        *order_by = Arc::new(map(order_by.as_ref().clone())?);
    }
    Ok(expr)
}
