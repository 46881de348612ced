use std::sync::Arc;

use polars_core::prelude::PlIndexSet;
use polars_core::schema::Schema;
use polars_plan::dsl::{Expr, Selector};
use polars_plan::frame::OptFlags;
use polars_plan::plans::{ExprToIRContext, expand_expression, to_expr_ir};
use polars_utils::arena::Arena;
use polars_utils::pl_str::PlSmallStr;

use super::error::{ExprError, invalid};
use crate::error::{ErrorKind, OperatorError};

/// Replaces wildcards and selectors by the columns of `schema`, and the renaming of whole outputs (`name().suffix(..)`,
/// `name().keep()`, ...) by `alias`: one expression per output column.
///
/// # Errors
/// [`ExprError::ColumnNotFound`] for the first unknown column.
///
/// ```
/// # use polars_core::prelude::*;
/// use quokka_engine::expr::expand;
/// use quokka_engine::expr::prelude::*;
///
/// let schema = Schema::from_iter([Field::new("a".into(), DataType::Int64), Field::new("b".into(), DataType::Int64)]);
/// let sums = expand(&[all().as_expr().sum().name().suffix("_sum")], &schema)?;
/// assert_eq!(sums, [col("a").sum().alias("a_sum"), col("b").sum().alias("b_sum")]);
/// # Ok::<(), quokka_engine::error::OperatorError>(())
/// ```
pub fn expand(exprs: &[Expr], schema: &Schema) -> Result<Vec<Expr>, OperatorError> {
    expand_except(exprs, &[], schema)
}

/// Like [`expand`], but wildcards and selectors do not stand for the columns `except`, as in a `group_by` for its keys.
///
/// # Errors
/// As [`expand`].
///
/// ```
/// # use polars_core::prelude::*;
/// use quokka_engine::expr::expand_except;
/// use quokka_engine::expr::prelude::*;
///
/// let schema = Schema::from_iter([Field::new("a".into(), DataType::Int64), Field::new("b".into(), DataType::Int64)]);
/// let others = expand_except(&[all().as_expr() * col("a")], &["a".into()], &schema)?;
/// assert_eq!(others, [col("b") * col("a")]);
/// # Ok::<(), quokka_engine::error::OperatorError>(())
/// ```
pub fn expand_except(exprs: &[Expr], except: &[PlSmallStr], schema: &Schema) -> Result<Vec<Expr>, OperatorError> {
    let except: PlIndexSet<PlSmallStr> = except.iter().cloned().collect();
    let mut expanded = Vec::with_capacity(exprs.len());
    for expr in exprs {
        check(expr, schema)?;
        let from = expanded.len();
        expand_expression(expr, &except, schema, &mut expanded, &mut OptFlags::default())
            .map_err(|error| invalid(expr, error))?;
        for output in expanded.iter_mut().skip(from) {
            resolve_name(output, schema)?;
        }
    }
    Ok(expanded)
}

/// Names the first column that does not exist, and refuses what Polars would panic on.
fn check(expr: &Expr, schema: &Schema) -> Result<(), OperatorError> {
    for node in expr {
        match node {
            // The empty name is the element of `list().eval(..)`.
            Expr::Column(name) if !name.is_empty() => check_column(name, schema)?,
            Expr::Selector(selector) => check_selector(selector, schema)?,
            Expr::SubPlan(..) | Expr::Display { .. } => {
                return Err(OperatorError::message(
                    ErrorKind::InvalidQuery,
                    format!("`{node}` cannot be evaluated: build the expression with functions of the prelude"),
                ));
            },
            _ => {},
        }
    }
    Ok(())
}

fn check_selector(selector: &Selector, schema: &Schema) -> Result<(), OperatorError> {
    match selector {
        Selector::Union(left, right)
        | Selector::Difference(left, right)
        | Selector::ExclusiveOr(left, right)
        | Selector::Intersect(left, right) => {
            check_selector(left, schema)?;
            check_selector(right, schema)
        },
        Selector::ByName { names, strict: true } => names.iter().try_for_each(|name| check_column(name, schema)),
        _ => Ok(()),
    }
}

fn check_column(name: &PlSmallStr, schema: &Schema) -> Result<(), OperatorError> {
    if schema.contains(name) {
        return Ok(());
    }
    Err(ExprError::ColumnNotFound { name: name.clone(), available: schema.iter_names_cloned().collect() }.into())
}

/// Turns the renaming at the root of `expr` into one `alias`.
fn resolve_name(expr: &mut Expr, schema: &Schema) -> Result<(), OperatorError> {
    if !matches!(expr, Expr::KeepName(_) | Expr::RenameAlias { .. }) {
        return Ok(());
    }
    let name = output_name(expr, schema)?;
    let mut inner = std::mem::take(expr);
    loop {
        inner = match inner {
            Expr::KeepName(below) | Expr::RenameAlias { expr: below, .. } | Expr::Alias(below, _) => {
                Arc::unwrap_or_clone(below)
            },
            other => {
                *expr = other.alias(name);
                return Ok(());
            },
        };
    }
}

/// The name of the column that `expr`, which is expanded, yields.
fn output_name(expr: &Expr, schema: &Schema) -> Result<PlSmallStr, OperatorError> {
    let mut arena = Arena::with_capacity(8);
    let mut context = ExprToIRContext::new(&mut arena, schema);
    context.allow_unknown = true;
    let output = to_expr_ir(expr.clone(), &mut context).map_err(|error| invalid(expr, error))?;
    Ok(output.output_name().clone())
}
