//! Joins.

use polars_core::prelude::PlSmallStr;
use polars_ops::prelude::{JoinArgs, JoinCoalesce, JoinType, JoinValidation, MaintainOrderJoin};
use polars_plan::dsl::Expr;

use super::DataStream;
use crate::error::PlanError;
use crate::plan::JoinSpecification;

impl DataStream {
    /// Combines each row with the rows of `other` whose keys are equal. Null keys equal nothing unless the arguments say
    /// so. Columns of `other` whose name is taken get a suffix, `_right` by default; equal keys appear once.
    ///
    /// Holds one side (the right one, unless an inner join has a smaller left one), spread over the workers by key, and
    /// streams the other. Rows come in no particular order.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let orders = context.from_df(df!("customer" => [1, 2, 1], "price" => [10, 20, 30]).unwrap());
    /// let customers = context.from_df(df!("id" => [1, 3], "name" => ["ann", "bob"]).unwrap());
    /// let joined = orders.join(customers, [col("customer")], [col("id")], JoinArgs::new(JoinType::Inner));
    /// let joined = joined.sort(["price"], Default::default()).collect()?;
    /// assert_eq!(joined, df!("customer" => [1, 1], "price" => [10, 30], "name" => ["ann", "ann"]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn join<E: AsRef<[Expr]>>(self, other: DataStream, left_on: E, right_on: E, args: JoinArgs) -> DataStream {
        if let Some(reason) = unsupported(&args) {
            return self.then(|_| Err(PlanError::argument("join", reason)));
        }
        let specification = JoinSpecification {
            how: args.how.clone(),
            left_on: left_on.as_ref().to_vec(),
            right_on: right_on.as_ref().to_vec(),
            suffix: args.suffix().clone(),
            nulls_equal: args.nulls_equal,
            coalesce: args.coalesce,
            condition: None,
        };
        JoinBuilder { left: self, right: Some(other), specification }.finish()
    }

    /// A join whose options are set one by one.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stays = context.from_df(df!("room" => [1, 1], "from" => [10, 50], "to" => [20, 60]).unwrap());
    /// let events = context.from_df(df!("room" => [1, 1, 2], "at" => [15, 30, 15]).unwrap());
    /// let during = col("at").gt_eq(col("from")).and(col("at").lt(col("to")));
    /// let joined = events.join_builder().with(stays).on([col("room")]).condition(during).finish();
    /// assert_eq!(joined.select([col("at"), col("to")]).collect()?, df!("at" => [15], "to" => [20]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn join_builder(self) -> JoinBuilder {
        JoinBuilder { left: self, right: None, specification: JoinSpecification::default() }
    }

    /// Pairs of rows with equal keys. See [`join`](Self::join).
    pub fn inner_join<E: Into<Expr>>(self, other: DataStream, left_on: E, right_on: E) -> DataStream {
        self.join_on(other, left_on, right_on, JoinType::Inner)
    }

    /// All rows of this stream, with those of `other` that have equal keys, or nulls. See [`join`](Self::join).
    pub fn left_join<E: Into<Expr>>(self, other: DataStream, left_on: E, right_on: E) -> DataStream {
        self.join_on(other, left_on, right_on, JoinType::Left)
    }

    /// All rows of both streams, combined where keys are equal. See [`join`](Self::join).
    pub fn full_join<E: Into<Expr>>(self, other: DataStream, left_on: E, right_on: E) -> DataStream {
        self.join_on(other, left_on, right_on, JoinType::Full)
    }

    /// The rows of this stream whose key is in `other`. See [`join`](Self::join).
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let orders = context.from_df(df!("customer" => [1, 2]).unwrap());
    /// let good = context.from_df(df!("id" => [2, 2, 3]).unwrap());
    /// assert_eq!(orders.semi_join(good, col("customer"), col("id")).collect()?, df!("customer" => [2]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn semi_join<E: Into<Expr>>(self, other: DataStream, left_on: E, right_on: E) -> DataStream {
        self.join_on(other, left_on, right_on, JoinType::Semi)
    }

    /// The rows of this stream whose key is not in `other`. See [`join`](Self::join).
    pub fn anti_join<E: Into<Expr>>(self, other: DataStream, left_on: E, right_on: E) -> DataStream {
        self.join_on(other, left_on, right_on, JoinType::Anti)
    }

    /// Every row of this stream with every row of `other`.
    ///
    /// Each process holds `other`.
    pub fn cross_join(self, other: DataStream, suffix: Option<PlSmallStr>) -> DataStream {
        let mut builder = self.join_builder().with(other).how(JoinType::Cross);
        if let Some(suffix) = suffix {
            builder = builder.suffix(suffix);
        }
        builder.finish()
    }

    fn join_on<E: Into<Expr>>(self, other: DataStream, left_on: E, right_on: E, how: JoinType) -> DataStream {
        self.join_builder().with(other).how(how).left_on([left_on.into()]).right_on([right_on.into()]).finish()
    }
}

/// Options of `JoinArgs` that promise what a distributed join does not keep.
fn unsupported(args: &JoinArgs) -> Option<&'static str> {
    if args.validation != JoinValidation::ManyToMany {
        Some("`validation` is not supported: check the keys with `group_by` and `having`")
    } else if args.maintain_order != MaintainOrderJoin::None {
        Some("`maintain_order` is not supported: sort the result")
    } else if args.slice.is_some() {
        Some("`slice` is not supported: use `slice` on the result")
    } else {
        None
    }
}

/// A join with its options, made by [`DataStream::join_builder`].
#[derive(Clone, Debug)]
#[must_use = "call `finish`"]
pub struct JoinBuilder {
    left: DataStream,
    right: Option<DataStream>,
    specification: JoinSpecification,
}

impl JoinBuilder {
    /// The right side.
    pub fn with(mut self, other: DataStream) -> Self {
        self.right = Some(other);
        self
    }

    /// The kind of join; inner by default.
    pub fn how(mut self, how: JoinType) -> Self {
        self.specification.how = how;
        self
    }

    /// Keys that have the same name on both sides.
    pub fn on<E: AsRef<[Expr]>>(self, on: E) -> Self {
        self.left_on(on.as_ref()).right_on(on)
    }

    /// Keys of the left side.
    pub fn left_on<E: AsRef<[Expr]>>(mut self, on: E) -> Self {
        self.specification.left_on = on.as_ref().to_vec();
        self
    }

    /// Keys of the right side, as many as of the left one.
    pub fn right_on<E: AsRef<[Expr]>>(mut self, on: E) -> Self {
        self.specification.right_on = on.as_ref().to_vec();
        self
    }

    /// What else must hold for a pair of rows to match. Columns have the names that they would have in an inner join
    /// that keeps both sides' keys: those of the right side with the suffix if the left side has them too. Without keys,
    /// an inner join compares every pair of rows.
    pub fn condition(mut self, predicate: Expr) -> Self {
        self.specification.condition = Some(match self.specification.condition.take() {
            Some(condition) => condition.and(predicate),
            None => predicate,
        });
        self
    }

    /// Whether null keys equal each other; they do not by default.
    pub fn join_nulls(mut self, nulls_equal: bool) -> Self {
        self.specification.nulls_equal = nulls_equal;
        self
    }

    /// What is added to the name of a right column that the left side has too; `_right` by default.
    pub fn suffix<S: Into<PlSmallStr>>(mut self, suffix: S) -> Self {
        self.specification.suffix = suffix.into();
        self
    }

    /// Whether equal keys appear once; by default they do, except in a full join.
    pub fn coalesce(mut self, coalesce: JoinCoalesce) -> Self {
        self.specification.coalesce = coalesce;
        self
    }

    /// The joined stream.
    pub fn finish(self) -> DataStream {
        let Self { left, right, specification } = self;
        left.then(|left| match right {
            Some(right) => left.join(right.plan?, &specification),
            None => Err(PlanError::argument("join", "there is no right side: name it with `with`")),
        })
    }
}
