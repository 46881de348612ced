//! Code of users.

use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::prelude::{DataType, Field, PlSmallStr, Schema, SchemaExt, SchemaRef};
use polars_plan::dsl::Expr;
use quokka_engine::error::OperatorError;

use super::{common_dtype, schema_of};
use crate::error::PlanError;
use crate::plan::expression::{NamedExpr, expand};
use crate::plan::logical::{LogicalPlan, Node};
use crate::user::{BatchFunction, CoGroup, CoGroupSide, InputPartitioning, StatefulOperator, UserError, UserOperator};

impl LogicalPlan {
    /// What `function` makes of each batch of the columns `required`, or of all.
    pub(crate) fn map_batches(
        self,
        function: BatchFunction,
        required: Option<&[PlSmallStr]>,
    ) -> Result<Self, PlanError> {
        const METHOD: &str = "map_batches";
        let input = match required {
            None => self,
            Some(names) => {
                if let Some(name) = names.iter().find(|name| !self.schema().contains(name)) {
                    return Err(PlanError::unknown_column(name, METHOD, self.schema()));
                }
                let fields = names.iter().filter_map(|name| self.schema().get_field(name));
                schema_of(fields, METHOD)?;
                self.columns(names)
            },
        };
        let schema = function.schema().clone();
        Ok(Self::new(Node::MapBatches { input, function: Arc::new(function) }, schema))
    }

    /// What `operator` makes of `inputs`.
    pub(crate) fn stateful(inputs: Vec<Self>, operator: Arc<dyn StatefulOperator>) -> Result<Self, PlanError> {
        let schemas: Vec<SchemaRef> = inputs.iter().map(|input| input.schema().clone()).collect();
        let schema = operator.output_schema(&schemas).map_err(|error| PlanError::Operator {
            operator: operator.describe().name,
            source: OperatorError::from_user(error),
        })?;
        let operator = UserOperator::new(operator, inputs.len());
        check_keys(&operator, &schemas)?;
        Ok(Self::new(Node::Stateful { inputs, operator: Arc::new(operator) }, schema))
    }

    /// What `function` makes of the rows of both inputs with each key.
    pub(crate) fn cogroup<F, E>(
        self,
        right: Self,
        left_on: &[Expr],
        right_on: &[Expr],
        schema: SchemaRef,
        function: F,
    ) -> Result<Self, PlanError>
    where
        F: Fn(DataFrame, DataFrame, DataFrame) -> Result<DataFrame, E> + Send + Sync + 'static,
        E: Into<UserError>,
    {
        const METHOD: &str = "cogroup";
        let left_keys = expand(left_on, self.schema(), METHOD)?;
        let right_keys = expand(right_on, right.schema(), METHOD)?;
        if left_keys.is_empty() || left_keys.len() != right_keys.len() {
            let reason = format!(
                "there are {} left and {} right keys: give both sides the same number, at least one",
                left_keys.len(),
                right_keys.len()
            );
            return Err(PlanError::argument(METHOD, reason));
        }
        let mut keys = Vec::with_capacity(left_keys.len());
        for ((left, left_field), (right, right_field)) in left_keys.iter().zip(&right_keys) {
            let Some(dtype) = common_dtype(&left_field.dtype, &right_field.dtype) else {
                return Err(PlanError::Type {
                    expression: right.expr.to_string(),
                    method: METHOD,
                    expected: format!("{} as its left key `{}`", left_field.dtype, left.expr),
                    found: right_field.dtype.to_string(),
                });
            };
            keys.push(Field::new(left_field.name.clone(), dtype));
        }
        let dtypes: Vec<DataType> = keys.iter().map(|key| key.dtype.clone()).collect();
        let keys = schema_of(keys, METHOD)?;
        let (left, left_side) = self.keyed(left_keys, &dtypes);
        let (right, right_side) = right.keyed(right_keys, &dtypes);
        let operator = CoGroup::new(keys, [left_side, right_side], schema, function);
        Self::stateful(vec![left, right], Arc::new(operator))
    }

    /// The plan with its keys as columns of the types `dtypes`.
    fn keyed(self, keys: Vec<(NamedExpr, Field)>, dtypes: &[DataType]) -> (Self, CoGroupSide) {
        let rows = self.schema().clone();
        let mut schema = Schema::clone(&rows);
        let mut names = Vec::with_capacity(keys.len());
        let mut exprs = Vec::new();
        for ((key, field), dtype) in keys.into_iter().zip(dtypes) {
            if let Some(column) = key.source_column().filter(|_| field.dtype == *dtype) {
                names.push(column.clone());
                continue;
            }
            let mut name = PlSmallStr::from_string(format!("__key_{}", names.len()));
            while schema.contains(&name) {
                name = PlSmallStr::from_string(format!("_{name}"));
            }
            let expr = if field.dtype == *dtype { key.expr } else { key.expr.strict_cast(dtype.clone()) };
            schema.insert(name.clone(), dtype.clone());
            names.push(name.clone());
            exprs.push(NamedExpr { name, expr });
        }
        let plan = match exprs.is_empty() {
            true => self,
            false => Self::new(Node::WithColumns { input: self, exprs }, Arc::new(schema)),
        };
        (plan, CoGroupSide { keys: names, rows })
    }
}

/// Equal keys must meet: so many of the same types in each input that has some.
fn check_keys(operator: &UserOperator, schemas: &[SchemaRef]) -> Result<(), PlanError> {
    const METHOD: &str = "stateful";
    let name = || operator.operator().describe().name;
    let mut first: Option<(usize, Vec<DataType>)> = None;
    for (input, (partitioning, schema)) in operator.partitionings().iter().zip(schemas).enumerate() {
        let InputPartitioning::Keys(keys) = partitioning else { continue };
        if keys.is_empty() {
            let reason = format!("input {input} of `{}` is partitioned by no key: use `Single`", name());
            return Err(PlanError::argument(METHOD, reason));
        }
        let mut dtypes = Vec::with_capacity(keys.len());
        for key in keys {
            let dtype = schema.get(key).ok_or_else(|| PlanError::unknown_column(key, METHOD, schema))?;
            dtypes.push(dtype.clone());
        }
        match &first {
            None => first = Some((input, dtypes)),
            Some((_, expected)) if *expected == dtypes => {},
            Some((other, expected)) => {
                let list = |dtypes: &[DataType]| dtypes.iter().map(DataType::to_string).collect::<Vec<_>>().join(", ");
                let difference = format!(
                    "input {input} of `{}` is partitioned by keys of types {}, input {other} by {}: cast them",
                    name(),
                    list(&dtypes),
                    list(expected)
                );
                return Err(PlanError::Schemas { method: METHOD, difference });
            },
        }
    }
    Ok(())
}
