//! What a join is asked to do.

use std::fmt;
use std::sync::Arc;

use polars_ops::frame::JoinCoalesce;
use polars_plan::dsl::Expr;
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::dynamic_filter::DynamicFilter;
use quokka_engine::plan::Channels;

/// Which rows a join returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JoinType {
    /// Every pair of matching rows.
    Inner,
    /// Every pair, and the left rows without a match with nulls on the right.
    Left,
    /// Every pair, and the right rows without a match with nulls on the left.
    Right,
    /// Every pair, and the rows of both sides without a match.
    Full,
    /// The left rows that have a match, each once.
    Semi,
    /// The left rows that have no match.
    Anti,
    /// Every left row with every right row; takes no keys.
    Cross,
}

impl JoinType {
    /// Whether rows of `side` that have no match are part of the result, next to the pairs.
    pub fn preserves(self, side: Side) -> bool {
        match self {
            JoinType::Left => side == Side::Left,
            JoinType::Right => side == Side::Right,
            JoinType::Full => true,
            JoinType::Inner | JoinType::Semi | JoinType::Anti | JoinType::Cross => false,
        }
    }

    /// Whether the result consists of left rows alone.
    pub fn filters(self) -> bool {
        matches!(self, JoinType::Semi | JoinType::Anti)
    }

    /// Whether each key of the result is one column, made of the keys of both sides.
    pub fn coalesces(self, coalesce: JoinCoalesce) -> bool {
        match self {
            JoinType::Inner | JoinType::Left | JoinType::Right => coalesce != JoinCoalesce::KeepColumns,
            JoinType::Full => coalesce == JoinCoalesce::CoalesceColumns,
            JoinType::Semi | JoinType::Anti | JoinType::Cross => false,
        }
    }
}

impl fmt::Display for JoinType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            JoinType::Inner => "inner",
            JoinType::Left => "left",
            JoinType::Right => "right",
            JoinType::Full => "full",
            JoinType::Semi => "semi",
            JoinType::Anti => "anti",
            JoinType::Cross => "cross",
        })
    }
}

/// One of the two inputs of a join.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The frame on which `join` is called.
    Left,
    /// Its argument.
    Right,
}

impl Side {
    /// The other one.
    pub fn opposite(self) -> Self {
        match self {
            Side::Left => Side::Right,
            Side::Right => Side::Left,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Left => "left",
            Side::Right => "right",
        })
    }
}

/// How the build side is spread over the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Distribution {
    /// Each worker holds the rows whose key hash it owns. Build edge: `Hash`; probe edge: `HashToProcess`.
    Partitioned,
    /// Each process holds all rows. Build edge: `BroadcastToProcesses`; probe edge: `PassThrough`.
    Broadcast,
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Distribution::Partitioned => "partitioned",
            Distribution::Broadcast => "broadcast",
        })
    }
}

/// Everything that a join is told besides its inputs. Names and defaults are those of Polars.
#[derive(Clone, Debug)]
pub struct JoinOptions {
    /// Which rows are returned.
    pub how: JoinType,
    /// The input that is held in memory; the other one streams. Any side works for any `how`.
    pub build: Side,
    /// Whether a null key matches a null key. By default a row with a null key matches nothing.
    pub nulls_equal: bool,
    /// Whether the keys of both sides become one column. By default they do in inner, left and right joins. Of two equal
    /// floats (zeros of both signs, NaNs) a coalesced key may show either.
    pub coalesce: JoinCoalesce,
    /// Appended to the name of a right column when the left input has a column of that name. By default `_right`.
    pub suffix: PlSmallStr,
    /// A further condition over the columns of [`condition_schema`](super::condition_schema). A pair matches only if it
    /// is true, in every kind of join.
    pub condition: Option<Expr>,
    /// How the build side is spread over the cluster.
    pub distribution: Distribution,
    /// The columns of the result that are wanted, in this order; `None` for all. Others are never gathered.
    pub projection: Option<Vec<PlSmallStr>>,
    /// Which workers hold rows of a partitioned build side. Processes without one must get no probe rows.
    pub build_channels: Channels,
    /// Filters over the build keys, to be filled for scans of the probe side. Only for joins in which a probe row without a
    /// match is not part of the result ([`drops_probe_rows`](Self::drops_probe_rows)).
    pub filters: Vec<Arc<DynamicFilter>>,
}

impl JoinOptions {
    /// A partitioned join with Polars' defaults. It builds the side whose rows may be dropped: the left one of a right
    /// join, else the right one.
    pub fn new(how: JoinType) -> Self {
        Self {
            how,
            build: if how == JoinType::Right { Side::Left } else { Side::Right },
            nulls_equal: false,
            coalesce: JoinCoalesce::default(),
            suffix: PlSmallStr::from_static("_right"),
            condition: None,
            distribution: if how == JoinType::Cross { Distribution::Broadcast } else { Distribution::Partitioned },
            projection: None,
            build_channels: Channels::All,
            filters: Vec::new(),
        }
    }

    /// Holds `side` in memory.
    pub fn with_build(mut self, side: Side) -> Self {
        self.build = side;
        self
    }

    /// Lets null keys match null keys.
    pub fn with_nulls_equal(mut self, nulls_equal: bool) -> Self {
        self.nulls_equal = nulls_equal;
        self
    }

    /// Decides whether the keys of both sides become one column.
    pub fn with_coalesce(mut self, coalesce: JoinCoalesce) -> Self {
        self.coalesce = coalesce;
        self
    }

    /// Replaces the suffix of clashing right columns.
    pub fn with_suffix(mut self, suffix: impl Into<PlSmallStr>) -> Self {
        self.suffix = suffix.into();
        self
    }

    /// Adds a condition that a pair must meet besides equal keys.
    pub fn with_condition(mut self, condition: Expr) -> Self {
        self.condition = Some(condition);
        self
    }

    /// Chooses how the build side is spread over the cluster.
    pub fn with_distribution(mut self, distribution: Distribution) -> Self {
        self.distribution = distribution;
        self
    }

    /// Returns only these columns, in this order.
    pub fn with_projection(mut self, columns: Vec<PlSmallStr>) -> Self {
        self.projection = Some(columns);
        self
    }

    /// Says which workers hold rows of a partitioned build side: those with a channel of the build operator.
    pub fn with_build_channels(mut self, channels: Channels) -> Self {
        self.build_channels = channels;
        self
    }

    /// Fills these filters with the build keys.
    pub fn with_filters(mut self, filters: Vec<Arc<DynamicFilter>>) -> Self {
        self.filters = filters;
        self
    }

    /// Whether probe rows without a match leave no trace in the result.
    pub fn drops_probe_rows(&self) -> bool {
        let returns_others = self.how == JoinType::Anti && self.probe() == Side::Left;
        !self.how.preserves(self.probe()) && !returns_others
    }

    /// The input that streams.
    pub fn probe(&self) -> Side {
        self.build.opposite()
    }

    /// Whether build rows leave on their own once the probe side has ended: those without a match of a preserved side, or
    /// the result of a semi or anti join whose left side is held.
    pub fn emits_build_rows(&self) -> bool {
        self.how.preserves(self.build) || (self.how.filters() && self.build == Side::Left)
    }
}
