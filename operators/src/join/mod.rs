//! Hash joins: inner, left, right, full, semi, anti and cross, with a further condition if wanted.
//!
//! A join is two operators. [`HashJoinBuild`] holds one input; when it has ended, each worker makes a hash table of the rows
//! whose key hash it owns and publishes it to its process, and a [`Gate`] opens. [`HashJoinProbe`] then looks the batches of
//! the other input up in the tables of its process. Within a process the tables are shared and read-only, so probe rows stay
//! on the worker where they are; between processes a probe row travels once, to the process that owns its key.
//!
//! | file | what it holds |
//! |---|---|
//! | `options`, `schema`, `error` | what a join is told, what comes out, what can be wrong |
//! | `layout` | which columns are kept of each side, and what they become |
//! | `keys`, `compare` | keys as machine words, keys that are not |
//! | `table`, `lookup` | the hash table, and how a batch is looked up in it |
//! | `matches`, `gather` | matches as windows of row pairs, pairs as frames |
//! | `build`, `finish` | the build operator |
//! | `filters`, `collect_filters` | dynamic filters: filled by the build operator, put together from several processes |
//! | `probe`, `lone` | the probe operator, and build rows that leave on their own |
//! | `side`, `shared` | what the channels of a process share |

mod build;
mod collect_filters;
mod compare;
mod condition;
mod error;
mod filters;
mod finish;
mod gather;
mod keys;
mod layout;
mod lone;
mod lookup;
mod matches;
mod options;
mod probe;
mod schema;
mod shared;
mod side;
mod table;

#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use polars_core::prelude::{DataType, PlSmallStr};
use polars_core::schema::{Schema, SchemaRef};
pub use polars_ops::frame::JoinCoalesce;
use quokka_engine::error::OperatorError;
use quokka_engine::gate::Gate;
use quokka_engine::physical::{physical_dtype, physical_schema};

pub use self::build::HashJoinBuild;
pub use self::collect_filters::CollectFilters;
use self::condition::Condition;
pub use self::error::JoinError;
use self::keys::KeyFormat;
use self::layout::Layout;
pub use self::options::{Distribution, JoinOptions, JoinType, Side};
pub use self::probe::HashJoinProbe;
pub use self::schema::{condition_schema, output_schema};
use self::shared::Shared;

/// One input of a join: its columns, and which of them are the keys.
#[derive(Clone, Debug)]
pub struct JoinInput {
    /// Its columns. Batches may hold more.
    pub schema: SchemaRef,
    /// Its key columns, in the order in which they are compared with those of the other input.
    pub on: Vec<PlSmallStr>,
}

/// The two operators of one hash join, for one run of a query in one process.
///
/// How a plan uses them:
///
/// * A node with head `build` reads from the input that is built. Its edge is `Hash(build keys)`, or
///   `BroadcastToProcesses` for [`Distribution::Broadcast`]. It emits nothing, and nothing reads from it, but see
///   [`HashJoin::collect_filters`].
/// * `probe` takes the other input, as its input 0. With [`Distribution::Partitioned`] the edge is
///   `HashToProcess(probe keys)`; in a cluster of one process, and with [`Distribution::Broadcast`], rows stay where they
///   are, so `probe` can be fused behind what sends them. Its node lists `gate`.
/// * The source that feeds the probe side lists `gate` too, so that it starts when the build side is complete.
///
/// Keys are columns, and both sides have the same types (see [`JoinError::KeyTypes`]). Keys match as in Polars: NaN equals
/// NaN, -0.0 equals 0.0, and null equals null only with [`JoinOptions::nulls_equal`].
///
/// ```
/// use polars_core::df;
/// use quokka_engine::operator::testing::{Restore, drive, single_worker};
/// use quokka_operators::join::{HashJoin, JoinInput, JoinOptions, JoinType};
///
/// let people = df!("id" => [1i64, 2, 3], "name" => ["Ada", "Bob", "Cem"]).unwrap();
/// let pets = df!("owner" => [3i64, 1, 3], "pet" => ["cat", "dog", "fish"]).unwrap();
/// let join = HashJoin::new(
///     JoinInput { schema: pets.schema().clone(), on: vec!["owner".into()] },
///     JoinInput { schema: people.schema().clone(), on: vec!["id".into()] },
///     JoinOptions::new(JoinType::Inner),
/// )
/// .unwrap();
/// let worker = single_worker(1024);
/// drive(&*join.build, &worker, vec![vec![people]], Restore::Never).unwrap();
/// assert!(join.gate.is_open());
/// let joined = drive(&*join.probe, &worker, vec![vec![pets]], Restore::Never).unwrap();
/// assert_eq!(
///     joined,
///     [df!("owner" => [3i64, 1, 3], "pet" => ["cat", "dog", "fish"], "name" => ["Cem", "Ada", "Cem"]).unwrap()]
/// );
/// ```
pub struct HashJoin {
    /// Holds the build side; blocks and emits nothing.
    pub build: Arc<HashJoinBuild>,
    /// Looks the probe side up; streams.
    pub probe: Arc<HashJoinProbe>,
    /// Opens when the build side is complete in this process, and with it the filters, unless they need
    /// [`collect_filters`](Self::collect_filters).
    pub gate: Arc<Gate>,
    /// Columns of the result.
    pub schema: SchemaRef,
}

impl HashJoin {
    /// Plans a join of two inputs.
    ///
    /// # Errors
    /// Keys that do not exist or do not fit each other, two columns of one name, a projected name that does not exist, a
    /// condition that does not compile, and a broadcast build side whose rows would have to be emitted without a match.
    pub fn new(left: JoinInput, right: JoinInput, options: JoinOptions) -> Result<Self, OperatorError> {
        let columns = schema::output_columns(&left.schema, &right.schema, &left.on, &right.on, &options)?;
        if options.distribution == Distribution::Broadcast && options.emits_build_rows() {
            return Err(JoinError::BroadcastUnmatched { how: options.how, build: options.build }.into());
        }
        let (build, probe) = match options.build {
            Side::Left => (&left, &right),
            Side::Right => (&right, &left),
        };
        let layout = Layout::new(&left, &right, &columns, &options)?;
        let condition = options.condition.as_ref();
        let condition = condition.map(|condition| Condition::new(condition, &layout.condition_schema)).transpose()?;
        let key_types: Vec<DataType> =
            build.on.iter().filter_map(|key| build.schema.get(key)).map(physical_dtype).collect();
        let gate = Arc::new(Gate::new());
        let shared = Arc::new(Shared {
            format: KeyFormat::choose(&key_types, options.nulls_equal),
            key_types,
            build_schema: layout::kept_schema(&physical_schema(&build.schema), &layout.build),
            build_keys: build.on.clone(),
            probe_keys: probe.on.clone(),
            layout,
            condition,
            gate: gate.clone(),
            local: OnceLock::new(),
            options,
        });
        Ok(Self {
            build: Arc::new(HashJoinBuild { shared: shared.clone() }),
            probe: Arc::new(HashJoinProbe { shared }),
            gate,
            schema: Arc::new(columns.into_iter().map(|column| (column.name, column.dtype)).collect::<Schema>()),
        })
    }

    /// What completes the filters of a join whose build side is partitioned over several processes: an operator that takes
    /// the rows of the node of `build` (of [`filter_schema`](Self::filter_schema)) by `BroadcastToProcesses`, and the gate
    /// that it opens.
    pub fn collect_filters(&self) -> (Arc<CollectFilters>, Arc<Gate>) {
        let gate = Arc::new(Gate::new());
        (Arc::new(CollectFilters::new(&self.build.shared.options.filters, gate.clone())), gate)
    }

    /// Columns of the rows that `build` emits for [`collect_filters`](Self::collect_filters).
    pub fn filter_schema() -> SchemaRef {
        filters::parts_schema()
    }
}
