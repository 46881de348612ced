//! Methods that take nested values apart.

use polars_core::prelude::{DataType, PlSmallStr};
use quokka_engine::expr::prelude::{ExplodeOptions, Expr, Selector};

use super::DataStream;
use crate::error::PlanError;
use crate::plan::expression::select_columns;
use crate::plan::logical::LogicalPlan;

impl DataStream {
    /// Makes a row for each element of the lists or arrays in `columns`; the values of other columns are repeated. Lists of
    /// one row must have the same number of elements. An empty list or a null makes one row with null, or none, as
    /// `options` say.
    ///
    /// Streams and holds a batch. Filters on other columns move below it.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let lists = [Series::new("".into(), [1, 2]), Series::new("".into(), [0i32; 0])];
    /// let stream = context.from_df(df!("id" => ["a", "b"], "list" => lists).unwrap());
    /// let all = ExplodeOptions { empty_as_null: true, keep_nulls: true };
    /// let elements = stream.clone().explode(cols(["list"]), all).collect()?;
    /// assert_eq!(elements, df!("id" => ["a", "a", "b"], "list" => [Some(1), Some(2), None]).unwrap());
    /// let some = ExplodeOptions { empty_as_null: false, keep_nulls: false };
    /// assert_eq!(stream.explode(cols(["list"]), some).collect()?.height(), 2);
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// A column of another type. The query fails if lists of one row have different lengths.
    pub fn explode(self, columns: Selector, options: ExplodeOptions) -> Self {
        self.then(|plan| {
            let columns = select_columns(&columns, plan.schema(), "explode")?;
            plan.explode(columns, options)
        })
    }

    /// Puts the fields of structs in the place of the structs, one column each. With a separator their names are those of
    /// the column and the field with it in between, otherwise that of the field alone.
    ///
    /// Streams and holds nothing. Fields that nothing needs are left out.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("x" => [1, 2], "y" => [3, 4], "z" => ["a", "b"]).unwrap());
    /// let points = stream.select([as_struct(vec![col("x"), col("y")]).alias("point"), col("z")]);
    /// let flat = points.clone().unnest(cols(["point"]), None).collect()?;
    /// assert_eq!(flat, df!("x" => [1, 2], "y" => [3, 4], "z" => ["a", "b"]).unwrap());
    /// let named = points.unnest(cols(["point"]), Some(".".into())).schema()?;
    /// assert!(named.contains("point.x"));
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// A column that holds no structs, and two columns of one name.
    pub fn unnest(self, columns: Selector, separator: Option<PlSmallStr>) -> Self {
        self.then(|plan| unnest(plan, &columns, separator.as_deref()))
    }
}

fn unnest(plan: LogicalPlan, columns: &Selector, separator: Option<&str>) -> Result<LogicalPlan, PlanError> {
    const METHOD: &str = "unnest";
    let structs = select_columns(columns, plan.schema(), METHOD)?;
    let mut exprs = Vec::new();
    for (name, dtype) in plan.schema().iter() {
        let column = Expr::Column(name.clone());
        if !structs.contains(name) {
            exprs.push(column);
            continue;
        }
        let DataType::Struct(fields) = dtype else {
            let (expression, expected) = (name.to_string(), "a struct".into());
            return Err(PlanError::Type { expression, method: METHOD, expected, found: dtype.to_string() });
        };
        for field in fields {
            let value = column.clone().struct_().field_by_name(field.name());
            exprs.push(match separator {
                Some(separator) => value.alias(format!("{name}{separator}{}", field.name())),
                None => value.alias(field.name().clone()),
            });
        }
    }
    plan.select(&exprs, METHOD)
}
