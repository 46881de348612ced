//! Turns pairs of row numbers into a frame.

use polars_arrow::array::PrimitiveArray;
use polars_arrow::bitmap::Bitmap;
use polars_core::prelude::*;
use polars_core::series::IsSorted;
use polars_ops::chunked_array::TakeChunked;
use quokka_engine::error::OperatorError;

use super::layout::{Gathered, Lone, Source};
use super::matches::{NO_ROW, Pairs};
use super::side::{BuildSide, Partition};

/// The columns `columns` of `pairs`. String columns share the buffers of their side.
pub(super) fn gather_pairs(
    columns: &[Gathered],
    probe: &DataFrame,
    build: &BuildSide,
    pairs: &Pairs,
) -> Result<DataFrame, OperatorError> {
    let probe_rows = ProbeRows::new(&pairs.probe, probe.height());
    let build_rows = if columns.iter().any(|column| matches!(column.source, Source::Build(_))) {
        Some(BuildRows::new(build, pairs))
    } else {
        None
    };
    let mut gathered = Vec::with_capacity(columns.len());
    for Gathered { name, source } in columns {
        let column = match (source, &build_rows) {
            (Source::Probe(index), _) => probe_rows.take(&probe.columns()[*index]),
            (Source::Build(index), Some(rows)) => rows.take(&build.stacked().columns()[*index]),
            (Source::Build(index), None) => build.stacked().columns()[*index].clear(),
        };
        gathered.push(column.with_name(name.clone()));
    }
    Ok(DataFrame::new(pairs.len(), gathered)?)
}

/// The rows `rows` (in order, each once) of `probe`.
pub(super) fn gather_probe(columns: &[Gathered], probe: &DataFrame, rows: &[u32]) -> Result<DataFrame, OperatorError> {
    let probe_rows = ProbeRows::new(rows, probe.height());
    let mut gathered = Vec::with_capacity(columns.len());
    for Gathered { name, source } in columns {
        if let Source::Probe(index) = source {
            gathered.push(probe_rows.take(&probe.columns()[*index]).with_name(name.clone()));
        }
    }
    Ok(DataFrame::new(rows.len(), gathered)?)
}

/// The rows `rows` of a partition, without probe rows.
pub(super) fn gather_lone(columns: &[Lone], partition: &Partition, rows: &[u32]) -> Result<DataFrame, OperatorError> {
    let mut gathered = Vec::with_capacity(columns.len());
    for Lone { name, dtype, build } in columns {
        let column = match build {
            Some(index) => {
                let column = &partition.rows().columns()[*index];
                // SAFETY: `rows` are row numbers of the partition.
                unsafe { column.take_slice_unchecked(rows) }.with_name(name.clone())
            },
            None => Column::full_null(name.clone(), rows.len(), dtype),
        };
        gathered.push(column);
    }
    Ok(DataFrame::new(rows.len(), gathered)?)
}

/// Rows of a probe batch. When each row is taken exactly once, as when every foreign key finds its primary key, the
/// columns are passed on as they are.
enum ProbeRows<'a> {
    All,
    Some(&'a [u32]),
}

impl<'a> ProbeRows<'a> {
    /// `rows` must be smaller than `height`.
    fn new(rows: &'a [u32], height: usize) -> Self {
        if rows.len() == height && rows.iter().zip(0..).all(|(row, place)| *row == place) {
            ProbeRows::All
        } else {
            ProbeRows::Some(rows)
        }
    }

    fn take(&self, column: &Column) -> Column {
        match self {
            ProbeRows::All => column.clone(),
            // SAFETY: the rows are row numbers of the batch.
            ProbeRows::Some(rows) => unsafe { column.take_slice_unchecked(rows) },
        }
    }
}

/// Rows of the build side, in the form that the gather kernels want.
enum BuildRows<'a> {
    Single(&'a [u32]),
    SingleOrNull(IdxCa),
    Chunked(Vec<ChunkId>),
    ChunkedOrNull(Vec<ChunkId>),
}

impl<'a> BuildRows<'a> {
    fn new(build: &BuildSide, pairs: &'a Pairs) -> Self {
        let several = build.partitions().len() > 1;
        match (several, pairs.unmatched) {
            (false, false) => BuildRows::Single(&pairs.build),
            (false, true) => {
                let valid: Bitmap = pairs.build.iter().map(|row| *row != NO_ROW).collect();
                let rows = PrimitiveArray::from_slice(&pairs.build).with_validity(Some(valid));
                BuildRows::SingleOrNull(IdxCa::with_chunk(PlSmallStr::EMPTY, rows))
            },
            (true, unmatched) => {
                let parts = pairs.parts.iter().copied().chain(std::iter::repeat(0));
                let id = |(row, part): (&u32, u32)| match *row {
                    NO_ROW => ChunkId::null(),
                    row => ChunkId::store(build.chunk(part), row),
                };
                let ids = pairs.build.iter().zip(parts).map(id).collect();
                if unmatched { BuildRows::ChunkedOrNull(ids) } else { BuildRows::Chunked(ids) }
            },
        }
    }

    fn take(&self, column: &Column) -> Column {
        // SAFETY: the pairs hold row numbers of the partitions, and the stacked column has one chunk for each partition
        // that has rows.
        unsafe {
            match self {
                BuildRows::Single(rows) => column.take_slice_unchecked(rows),
                BuildRows::SingleOrNull(rows) => column.take_unchecked(rows),
                BuildRows::Chunked(ids) => column.take_chunked_unchecked(ids, IsSorted::Not, false),
                BuildRows::ChunkedOrNull(ids) => column.take_opt_chunked_unchecked(ids, false),
            }
        }
    }
}
