//! Keys that are expressions become columns, which exchanges and operators name.

use std::sync::Arc;

use polars_core::prelude::{DataType, PlSmallStr, Schema, SchemaRef};
use polars_plan::dsl::Expr;
use quokka_engine::error::OperatorError;
use quokka_engine::expr::{Projection, output_field};
use quokka_operators::project::Project;
use quokka_operators::select::Select;

use super::project::list;
use super::{Lowering, Stream};
use crate::plan::expression::NamedExpr;

/// The names of key columns, and how to compute those that are no columns of the stream.
pub(super) struct KeyColumns {
    names: Vec<PlSmallStr>,
    computed: Vec<NamedExpr>,
}

impl KeyColumns {
    /// Columns for `keys` over columns of `schema`, each cast to a type if one is given; computed ones are named after
    /// `kind`.
    pub(super) fn new(
        keys: impl IntoIterator<Item = (Expr, Option<DataType>)>,
        kind: &str,
        schema: &Schema,
    ) -> Result<Self, OperatorError> {
        let mut columns = Self { names: Vec::new(), computed: Vec::new() };
        for (index, (key, dtype)) in keys.into_iter().enumerate() {
            let key = match dtype {
                Some(dtype) if output_field(&key, schema)?.dtype != dtype => key.strict_cast(dtype),
                _ => key,
            };
            if let Expr::Column(name) = key {
                columns.names.push(name);
                continue;
            }
            let mut name = format!("{kind}({index})");
            while schema.contains(&name) {
                name.insert(0, '_');
            }
            columns.names.push(name.as_str().into());
            columns.computed.push(NamedExpr { name: name.into(), expr: key });
        }
        Ok(columns)
    }

    /// The key columns, in the order of the keys.
    pub(super) fn names(&self) -> &[PlSmallStr] {
        &self.names
    }

    /// Whether all keys are columns of the stream already.
    pub(super) fn is_empty(&self) -> bool {
        self.computed.is_empty()
    }
}

impl Lowering<'_> {
    /// Adds the columns of `keys` to `stream`.
    pub(super) fn with_key_columns(&mut self, stream: Stream, keys: &KeyColumns) -> Result<Stream, OperatorError> {
        if keys.is_empty() {
            return Ok(stream);
        }
        let columns = stream.schema.iter_names().cloned().map(NamedExpr::column);
        let exprs: Vec<Expr> = columns.chain(keys.computed.iter().cloned()).map(|named| named.to_expr()).collect();
        let projection = Projection::compile(&exprs, &stream.schema)?;
        let schema = projection.schema().clone();
        let project = Project::new(Arc::new(projection), format_args!("*, {}", list(&keys.computed)));
        Ok(self.fuse(stream, Arc::new(project), schema))
    }

    /// Takes the columns that are not in `schema`, such as keys, off `stream`, and puts the others in that order.
    pub(super) fn without_other_columns(
        &mut self,
        stream: Stream,
        schema: &SchemaRef,
    ) -> Result<Stream, OperatorError> {
        if stream.schema.iter_names().eq(schema.iter_names()) {
            return Ok(stream);
        }
        let names = schema.iter_names().map(|name| (name.clone(), name.clone()));
        let select = Select::new(&stream.schema, names)?;
        Ok(self.fuse(stream, Arc::new(select), schema.clone()))
    }
}
