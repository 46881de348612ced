//! Joins: which columns are delivered, under which names, and in which type keys are compared.

use std::sync::Arc;

use polars_core::prelude::{DataType, Field, PlIndexSet, PlSmallStr, Schema};
use polars_core::utils::get_numeric_upcast_supertype_lossless;
use polars_ops::prelude::{JoinCoalesce, JoinType};
use polars_plan::dsl::Expr;
use quokka_engine::expr::conjunction;

use crate::error::PlanError;
use crate::plan::expression::{NamedExpr, Properties, columns, expand};
use crate::plan::join::{Join, JoinColumn, JoinCondition, JoinKey, JoinSource};
use crate::plan::logical::{LogicalPlan, Node};

const METHOD: &str = "join";

/// A join as the user asked for it.
#[derive(Clone, Debug)]
pub(crate) struct JoinSpecification {
    pub(crate) how: JoinType,
    pub(crate) left_on: Vec<Expr>,
    pub(crate) right_on: Vec<Expr>,
    pub(crate) suffix: PlSmallStr,
    pub(crate) nulls_equal: bool,
    pub(crate) coalesce: JoinCoalesce,
    pub(crate) condition: Option<Expr>,
}

impl Default for JoinSpecification {
    fn default() -> Self {
        Self {
            how: JoinType::Inner,
            left_on: Vec::new(),
            right_on: Vec::new(),
            suffix: PlSmallStr::from_static("_right"),
            nulls_equal: false,
            coalesce: JoinCoalesce::JoinSpecific,
            condition: None,
        }
    }
}

impl LogicalPlan {
    /// The rows of `self` combined with those of `right`.
    pub(crate) fn join(self, right: Self, specification: &JoinSpecification) -> Result<Self, PlanError> {
        let how = match specification.how {
            // Without keys, a condition chooses among all pairs.
            JoinType::Inner if specification.left_on.is_empty() && specification.condition.is_some() => JoinType::Cross,
            ref how => how.clone(),
        };
        let keys = join_keys(&self, &right, specification, &how)?;
        let pairs = pair_columns(self.schema(), right.schema(), &specification.suffix);
        let condition = match &specification.condition {
            Some(condition) => Some(join_condition(condition, &pairs)?),
            None => None,
        };
        let mut columns = Vec::new();
        let mut schema = Schema::default();
        for (column, dtype) in output_columns(&self, &right, &keys, specification, &how) {
            if schema.contains(&column.name) {
                let reason = format!("two columns of the result are named `{}`: choose another suffix", column.name);
                return Err(PlanError::argument(METHOD, reason));
            }
            schema.insert(column.name.clone(), dtype);
            columns.push(column);
        }
        let join = Join { how, keys, nulls_equal: specification.nulls_equal, condition, columns };
        Ok(Self::new(Node::Join { left: self, right, join: Arc::new(join) }, Arc::new(schema)))
    }
}

fn join_keys(
    left: &LogicalPlan,
    right: &LogicalPlan,
    specification: &JoinSpecification,
    how: &JoinType,
) -> Result<Vec<JoinKey>, PlanError> {
    let side = |on: &[Expr], plan: &LogicalPlan| -> Result<Vec<(NamedExpr, DataType)>, PlanError> {
        let keys = expand(on, plan.schema(), METHOD)?;
        for (named, _) in &keys {
            if !Properties::of(&named.expr, plan.schema()).elementwise {
                let reason =
                    format!("key `{}` depends on other rows: compute it with `with_columns` first", named.expr);
                return Err(PlanError::argument(METHOD, reason));
            }
        }
        Ok(keys.into_iter().map(|(named, field)| (named, field.dtype)).collect())
    };
    let left_on = side(&specification.left_on, left)?;
    let right_on = side(&specification.right_on, right)?;
    if left_on.len() != right_on.len() {
        let reason = format!("there are {} left but {} right keys", left_on.len(), right_on.len());
        return Err(PlanError::argument(METHOD, reason));
    }
    match (how, left_on.is_empty()) {
        (JoinType::Cross, false) => return Err(PlanError::argument(METHOD, "a cross join takes no keys")),
        (JoinType::Cross, true) => {},
        (_, true) => {
            return Err(PlanError::argument(METHOD, "there are no keys: name them with `on`, or use `cross_join`"));
        },
        (_, false) => {},
    }
    left_on
        .into_iter()
        .zip(right_on)
        .map(|((left, left_dtype), (right, right_dtype))| {
            let Some(dtype) = common_dtype(&left_dtype, &right_dtype) else {
                return Err(PlanError::Type {
                    expression: right.expr.to_string(),
                    method: METHOD,
                    expected: format!("{left_dtype} as its left key `{}`", left.expr),
                    found: right_dtype.to_string(),
                });
            };
            Ok(JoinKey { left: left.expr, right: right.expr, dtype })
        })
        .collect()
}

/// The type in which values of two types compare without loss.
pub(crate) fn common_dtype(left: &DataType, right: &DataType) -> Option<DataType> {
    match (left, right) {
        (left, right) if left == right => Some(left.clone()),
        (DataType::Decimal(left_precision, left_scale), DataType::Decimal(right_precision, right_scale)) => {
            let scale = *left_scale.max(right_scale);
            let whole = (left_precision - left_scale).max(right_precision - right_scale);
            (whole + scale <= 38).then_some(DataType::Decimal(whole + scale, scale))
        },
        (left, right) => get_numeric_upcast_supertype_lossless(left, right),
    }
}

/// The columns of a pair of rows: those of the left input, and those of the right input, with the suffix where needed.
fn pair_columns(left: &Schema, right: &Schema, suffix: &PlSmallStr) -> Vec<(JoinColumn, DataType)> {
    let left_columns = left.iter().map(|(name, dtype)| {
        (JoinColumn { name: name.clone(), source: JoinSource::Left(name.clone()) }, dtype.clone())
    });
    let right_columns = right.iter().map(|(name, dtype)| {
        let output = if left.contains(name) { suffixed(name, suffix) } else { name.clone() };
        (JoinColumn { name: output, source: JoinSource::Right(name.clone()) }, dtype.clone())
    });
    left_columns.chain(right_columns).collect()
}

fn join_condition(condition: &Expr, pairs: &[(JoinColumn, DataType)]) -> Result<JoinCondition, PlanError> {
    const METHOD: &str = "join condition";
    let schema: Schema = pairs.iter().map(|(column, dtype)| Field::new(column.name.clone(), dtype.clone())).collect();
    let parts = expand(std::slice::from_ref(condition), &schema, METHOD)?;
    for (part, field) in &parts {
        if field.dtype != DataType::Boolean {
            return Err(PlanError::Type {
                expression: part.expr.to_string(),
                method: METHOD,
                expected: "a boolean".into(),
                found: field.dtype.to_string(),
            });
        }
        if !Properties::of(&part.expr, &schema).elementwise {
            let reason = format!("`{}` depends on other pairs of rows", part.expr);
            return Err(PlanError::argument(METHOD, reason));
        }
    }
    let Some(predicate) = conjunction(parts.into_iter().map(|(part, _)| part.expr).collect()) else {
        return Err(PlanError::argument(METHOD, "the condition selects no column"));
    };
    let used: PlIndexSet<PlSmallStr> = columns(&predicate).cloned().collect();
    let columns = pairs.iter().filter(|(column, _)| used.contains(&column.name)).map(|(column, _)| column.clone());
    Ok(JoinCondition { columns: columns.collect(), predicate })
}

/// Names, order and types as Polars has them.
fn output_columns(
    left: &LogicalPlan,
    right: &LogicalPlan,
    keys: &[JoinKey],
    specification: &JoinSpecification,
    how: &JoinType,
) -> Vec<(JoinColumn, DataType)> {
    let are_columns = |key: &JoinKey| matches!((&key.left, &key.right), (Expr::Column(_), Expr::Column(_)));
    let coalesce = specification.coalesce.coalesce(how) && keys.iter().all(are_columns);
    let left_key = |name: &PlSmallStr| coalesce && keys.iter().any(|key| key.left == Expr::Column(name.clone()));
    let right_key = |name: &PlSmallStr| coalesce && keys.iter().any(|key| key.right == Expr::Column(name.clone()));
    let mut columns = Vec::new();
    for (name, dtype) in left.schema().iter() {
        let key = match how {
            // The keys of a coalescing right join come from the right.
            JoinType::Right if left_key(name) => continue,
            JoinType::Full if coalesce => keys.iter().position(|key| key.left == Expr::Column(name.clone())),
            _ => None,
        };
        let column = match key.and_then(|index| keys.get(index).map(|key| (index, key))) {
            Some((index, key)) => {
                (JoinColumn { name: name.clone(), source: JoinSource::Key(index) }, key.dtype.clone())
            },
            None => (JoinColumn { name: name.clone(), source: JoinSource::Left(name.clone()) }, dtype.clone()),
        };
        columns.push(column);
    }
    if matches!(how, JoinType::Semi | JoinType::Anti) {
        return columns;
    }
    for (name, dtype) in right.schema().iter() {
        let is_right_join = matches!(how, JoinType::Right);
        if !is_right_join && right_key(name) {
            continue;
        }
        let taken = left.schema().contains(name) && !(is_right_join && left_key(name));
        let output = if taken { suffixed(name, &specification.suffix) } else { name.clone() };
        columns.push((JoinColumn { name: output, source: JoinSource::Right(name.clone()) }, dtype.clone()));
    }
    columns
}

fn suffixed(name: &PlSmallStr, suffix: &PlSmallStr) -> PlSmallStr {
    format!("{name}{suffix}").into()
}
