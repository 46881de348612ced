//! What the plan needs to know of Polars expressions, on top of [`quokka_engine::expr`].

use std::fmt;

use polars_core::prelude::{Field, PlIndexSet, PlSmallStr, Schema};
use polars_plan::dsl::{Expr, Operator, Selector};
use polars_plan::plans::{ExprPushdownGroup, ExprToIRContext, is_inherently_nondeterministic, to_expr_ir};
use polars_plan::prelude::Arena;
use quokka_engine::expr::{self, ExprError};

use crate::error::PlanError;

/// An expression that makes one column, and the name of that column.
#[derive(Clone, PartialEq)]
pub(crate) struct NamedExpr {
    pub(crate) name: PlSmallStr,
    /// Without the alias around it.
    pub(crate) expr: Expr,
}

impl NamedExpr {
    /// The column `name`, as it is.
    pub(crate) fn column(name: PlSmallStr) -> Self {
        Self { expr: Expr::Column(name.clone()), name }
    }

    /// The column that is passed on, if the expression does no more than that.
    pub(crate) fn source_column(&self) -> Option<&PlSmallStr> {
        match &self.expr {
            Expr::Column(column) => Some(column),
            _ => None,
        }
    }

    /// Whether a column is passed on under its own name.
    pub(crate) fn is_plain(&self) -> bool {
        self.source_column() == Some(&self.name)
    }

    /// The expression with its name, for Polars.
    pub(crate) fn to_expr(&self) -> Expr {
        if self.is_plain() { self.expr.clone() } else { self.expr.clone().alias(self.name.clone()) }
    }
}

impl fmt::Debug for NamedExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_expr(), f)
    }
}

/// `expressions` for Polars.
pub(crate) fn to_exprs(expressions: &[NamedExpr]) -> Vec<Expr> {
    expressions.iter().map(NamedExpr::to_expr).collect()
}

/// Replaces selectors such as `col("*")` by the columns of `schema` they stand for, and finds the name and type of what
/// each expression makes.
pub(crate) fn expand(
    expressions: &[Expr],
    schema: &Schema,
    method: &'static str,
) -> Result<Vec<(NamedExpr, Field)>, PlanError> {
    let mut made = Vec::with_capacity(expressions.len());
    for expression in expressions {
        if let Expr::Column(name) = expression {
            let Some(dtype) = schema.get(name) else {
                return Err(PlanError::unknown_column(name, method, schema));
            };
            made.push((NamedExpr::column(name.clone()), Field::new(name.clone(), dtype.clone())));
            continue;
        }
        let invalid = |error| PlanError::invalid(expression, method, schema, error);
        for expr in expr::expand(std::slice::from_ref(expression), schema).map_err(invalid)? {
            let field = expr::output_field(&expr, schema).map_err(invalid)?;
            let expr = match expr {
                Expr::Alias(inner, _) => std::sync::Arc::unwrap_or_clone(inner),
                expr => expr,
            };
            made.push((NamedExpr { name: field.name.clone(), expr }, field));
        }
    }
    Ok(made)
}

/// The aggregates `expressions` over rows of `schema`, which are grouped by `keys`: selectors leave the keys out, and
/// what is not one value becomes a list.
pub(crate) fn expand_aggregates(
    expressions: &[Expr],
    keys: &PlIndexSet<PlSmallStr>,
    schema: &Schema,
    method: &'static str,
) -> Result<Vec<(NamedExpr, Field)>, PlanError> {
    let without_keys: Vec<Expr> = expressions
        .iter()
        .map(|expression| {
            expression.clone().map_expr(|part| match part {
                Expr::Selector(selector) if !names_columns(&selector) => {
                    let keys = Selector::ByName { names: keys.iter().cloned().collect(), strict: false };
                    Expr::Selector(selector - keys)
                },
                part => part,
            })
        })
        .collect();
    let mut made = expand(&without_keys, schema, method)?;
    for (named, field) in &mut made {
        if !Properties::of(&named.expr, schema).scalar {
            field.dtype = field.dtype.clone().implode();
        }
    }
    Ok(made)
}

/// Whether a selector names columns, so that it means them even if they are keys.
fn names_columns(selector: &Selector) -> bool {
    match selector {
        Selector::Union(left, right)
        | Selector::Difference(left, right)
        | Selector::ExclusiveOr(left, right)
        | Selector::Intersect(left, right) => names_columns(left) || names_columns(right),
        Selector::ByName { .. } | Selector::ByIndex { .. } => true,
        _ => false,
    }
}

/// The columns that `selector` chooses; every column that it insists on must be in `schema`.
pub(crate) fn select_columns(
    selector: &Selector,
    schema: &Schema,
    method: &'static str,
) -> Result<Vec<PlSmallStr>, PlanError> {
    let chosen = expand(&[Expr::Selector(selector.clone())], schema, method)?;
    Ok(chosen.into_iter().map(|(named, _)| named.name).collect())
}

/// The columns that `expression` reads.
pub(crate) fn columns(expression: &Expr) -> impl Iterator<Item = &PlSmallStr> {
    expression.into_iter().filter_map(|part| match part {
        Expr::Column(name) => Some(name),
        _ => None,
    })
}

/// Whether `expression` reads any column.
pub(crate) fn reads_columns(expression: &Expr) -> bool {
    columns(expression).next().is_some()
}

/// `expression` with its columns replaced by what `definition` says of them; `None` if one of them has none.
///
/// A name inside an expression can matter (it may become the name of a structure's field), so what is put in keeps it.
pub(crate) fn substitute(expression: &Expr, definition: impl Fn(&PlSmallStr) -> Option<Expr>) -> Option<Expr> {
    if expression.into_iter().any(|part| matches!(part, Expr::KeepName(_))) {
        return None;
    }
    if !columns(expression).all(|name| definition(name).is_some()) {
        return None;
    }
    Some(expr::rewrite_columns(expression, &|name| match definition(name)? {
        Expr::Column(same) if same == *name => None,
        replacement => Some(replacement.alias(name.clone())),
    }))
}

/// What a rule may do with an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Properties {
    /// The value for a row depends on that row alone.
    pub(crate) elementwise: bool,
    /// It can fail for some values, so it must not see rows that something else would have removed before.
    pub(crate) fallible: bool,
    /// It gives the same value for the same row every time.
    pub(crate) deterministic: bool,
    /// It makes one value, whatever the number of rows.
    pub(crate) scalar: bool,
}

impl Properties {
    const COLUMN: Self = Self { elementwise: true, fallible: false, deterministic: true, scalar: false };
    const UNKNOWN: Self = Self { elementwise: false, fallible: true, deterministic: false, scalar: false };

    /// The properties of `expression` over `schema`.
    pub(crate) fn of(expression: &Expr, schema: &Schema) -> Self {
        if let Expr::Column(_) = expression {
            return Self::COLUMN;
        }
        let mut arena = Arena::with_capacity(8);
        let Ok(ir) = to_expr_ir(expression.clone(), &mut ExprToIRContext::new(&mut arena, schema)) else {
            return Self::UNKNOWN;
        };
        let mut group = ExprPushdownGroup::Pushable;
        group.update_with_expr_rec(arena.get(ir.node()), &arena, None);
        Self {
            elementwise: !matches!(group, ExprPushdownGroup::Barrier),
            fallible: !matches!(group, ExprPushdownGroup::Pushable) || divides_decimals(expression, schema),
            deterministic: !is_inherently_nondeterministic(ir.node(), &arena),
            scalar: ir.is_scalar(&arena),
        }
    }

    /// Whether it may be evaluated at another place of the plan, on more or fewer rows.
    pub(crate) fn is_movable(self) -> bool {
        self.elementwise && !self.fallible && self.deterministic
    }
}

/// Whether a decimal may be divided by zero, which is an error.
fn divides_decimals(expression: &Expr, schema: &Schema) -> bool {
    use Operator::{FloorDivide, Modulus, RustDivide, TrueDivide};
    let divides =
        |part: &Expr| matches!(part, Expr::BinaryExpr { op: RustDivide | TrueDivide | FloorDivide | Modulus, .. });
    expression.into_iter().any(divides)
        && columns(expression).any(|name| schema.get(name).is_some_and(|dtype| dtype.is_decimal()))
}

impl PlanError {
    /// The engine refuses `expression` over columns of `schema`.
    fn invalid(
        expression: &Expr,
        method: &'static str,
        schema: &Schema,
        error: quokka_engine::error::OperatorError,
    ) -> Self {
        match error.get_ref().downcast_ref::<ExprError>() {
            Some(ExprError::ColumnNotFound { name, .. }) => Self::unknown_column(name, method, schema),
            Some(ExprError::Invalid { expression, source }) => {
                Self::Expression { expression: expression.clone(), method, source: source.clone().into() }
            },
            _ => Self::Expression { expression: expression.to_string(), method, source: error },
        }
    }
}
