//! How fast a batch becomes bytes and bytes become a batch: the wire frame beside Arrow IPC, bincode and abomonation.
//!
//! ```text
//! cargo run --release -p quokka-benches --example codec
//! ```
//!
//! Each figure is the best of many runs on one thread, encoding into a buffer that is used again; GB/s counts the bytes
//! that the codec wrote. The columns of bincode and abomonation are vectors: turning a DataFrame into vectors and back,
//! which an engine would have to pay as well, is not counted. abomonation decodes by rewriting pointers inside of the bytes
//! and checks nothing (RUSTSEC-2021-0120): it is here to be compared with, and a dependency of nothing else.

use std::hint::black_box;
use std::io::Cursor;
use std::time::{Duration, Instant};

use abomonation::Abomonation;
use polars_arrow::io::ipc::read::{StreamReader, read_stream_metadata};
use polars_arrow::io::ipc::write::{StreamWriter, WriteOptions};
use polars_buffer::Buffer;
use polars_core::prelude::*;
use quokka_engine::frame::{FrameEncoder, decode, decode_unchecked};
use serde::Serialize;
use serde::de::DeserializeOwned;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROWS: u64 = 65_536;
const RUNS: usize = 200;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let integers: Vec<Vec<i64>> = (0..4).map(|column| numbers(column).map(|n| n as i64).collect()).collect();
    let floats: Vec<Vec<f64>> = (0..4).map(|column| numbers(column).map(|n| n as f64 / 7.0).collect()).collect();
    let comments: Vec<String> = numbers(4).map(comment).collect();
    let codes: Vec<String> = numbers(5).map(|n| format!("code{}", n % 10_000)).collect();

    println!("65,536 rows, best of {RUNS}");
    println!("{:<26} {:<20} {:>8} {:>21} {:>21}", "columns", "codec", "bytes", "encode", "decode");

    let frame = frame_of(integers.iter().map(|column| Series::new(PlSmallStr::EMPTY, column)))?;
    let case = Case { name: "4 i64", frame };
    case.polars_codecs()?;
    case.vector_codecs(&integers)?;

    let frame = frame_of(floats.iter().map(|column| Series::new(PlSmallStr::EMPTY, column)))?;
    let case = Case { name: "4 f64", frame };
    case.polars_codecs()?;
    case.vector_codecs(&floats)?;

    let texts = vec![comments.clone(), codes];
    let frame = frame_of(texts.iter().map(|column| Series::new(PlSmallStr::EMPTY, column)))?;
    let case = Case { name: "2 string (27, 8 bytes)", frame };
    case.polars_codecs()?;
    case.vector_codecs(&texts)?;
    let rows = IdxCa::from_vec(PlSmallStr::EMPTY, numbers(6).map(|n| (n % ROWS) as IdxSize).collect());
    Case { name: "2 string, gathered", frame: case.frame.take(&rows)? }.polars_codecs()?;

    let [first, second, ..] = integers.as_slice() else { return Ok(()) };
    let mixed = (vec![first.clone(), second.clone()], floats.into_iter().take(1).collect::<Vec<_>>(), vec![comments]);
    let columns = mixed.0.iter().map(|column| Series::new(PlSmallStr::EMPTY, column));
    let columns = columns.chain(mixed.1.iter().map(|column| Series::new(PlSmallStr::EMPTY, column)));
    let columns = columns.chain(mixed.2.iter().map(|column| Series::new(PlSmallStr::EMPTY, column)));
    let case = Case { name: "2 i64, f64, string", frame: frame_of(columns)? };
    case.polars_codecs()?;
    case.vector_codecs(&mixed)?;

    let optional: Int64Chunked = first.iter().map(|n| (n % 10 > 0).then_some(*n)).collect();
    let flags: BooleanChunked = first.iter().map(|n| n % 2 > 0).collect();
    let days: Int32Chunked = first.iter().map(|n| Some((n % 20_000) as i32)).collect();
    let prices: Vec<i128> = second.iter().map(|n| i128::from(n % 10_000_000)).collect();
    let prices = Int128Chunked::from_vec(PlSmallStr::EMPTY, prices).into_decimal_unchecked(15, 2);
    let columns = [optional.into_series(), flags.into_series(), days.into_date().into_series(), prices.into_series()];
    Case { name: "i64?, bool, date, decimal", frame: frame_of(columns)? }.polars_codecs()
}

/// Numbers without a pattern, the same in each run.
fn numbers(seed: u64) -> impl Iterator<Item = u64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..ROWS).map(move |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 12
    })
}

/// 10 to 43 bytes, like the comments of TPC-H.
fn comment(n: u64) -> String {
    "carefully regular deposits nag blithely above the slyly even ideas"
        .chars()
        .skip((n % 20) as usize)
        .take(10 + (n / 20 % 34) as usize)
        .collect()
}

fn frame_of(columns: impl IntoIterator<Item = Series>) -> Outcome<DataFrame> {
    let columns = columns.into_iter().enumerate();
    let columns = columns.map(|(at, series)| series.with_name(format!("c{at}").into()).into_column());
    Ok(DataFrame::new(ROWS as usize, columns.collect())?)
}

/// The shortest time of `run`.
fn best(mut run: impl FnMut() -> Outcome<()>) -> Outcome<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        let start = Instant::now();
        run()?;
        best = best.min(start.elapsed());
    }
    Ok(best)
}

struct Case {
    name: &'static str,
    frame: DataFrame,
}

impl Case {
    fn polars_codecs(&self) -> Outcome<()> {
        let mut bytes = Vec::new();
        let encoding = best(|| {
            bytes.clear();
            Ok(FrameEncoder::new(black_box(&self.frame))?.write_to(&mut bytes)?)
        })?;
        let shared = Buffer::from(bytes.clone());
        let schema = self.frame.schema();
        if decode(shared.clone(), schema)? != self.frame {
            return Err("the frame came back changed".into());
        }
        let decoding = best(|| {
            black_box(decode(black_box(shared.clone()), schema)?);
            Ok(())
        })?;
        self.report("frame", bytes.len(), encoding, decoding);
        let believing = best(|| {
            // SAFETY: the encoder wrote these bytes for a batch of this schema.
            black_box(unsafe { decode_unchecked(black_box(shared.clone()), schema) }?);
            Ok(())
        })?;
        self.report("frame, unchecked", bytes.len(), encoding, believing);

        let encoding = best(|| {
            bytes.clear();
            let mut writer = StreamWriter::new(&mut bytes, WriteOptions { compression: None });
            for batch in black_box(&self.frame).iter_chunks(CompatLevel::newest(), false) {
                writer.start(batch.schema(), None)?;
                writer.write(&batch, None)?;
            }
            Ok(writer.finish()?)
        })?;
        let decoding = best(|| {
            let mut input = Cursor::new(black_box(&bytes));
            let metadata = read_stream_metadata(&mut input)?;
            for batch in StreamReader::new(input, metadata, None) {
                black_box(batch?);
            }
            Ok(())
        })?;
        self.report("Arrow IPC stream", bytes.len(), encoding, decoding);
        Ok(())
    }

    fn vector_codecs<T: Serialize + DeserializeOwned + Abomonation>(&self, columns: &T) -> Outcome<()> {
        let mut bytes = Vec::new();
        let encoding = best(|| {
            bytes.clear();
            Ok(bincode::serialize_into(&mut bytes, black_box(columns))?)
        })?;
        let decoding = best(|| {
            black_box(bincode::deserialize::<T>(black_box(&bytes))?);
            Ok(())
        })?;
        self.report("bincode 1.3", bytes.len(), encoding, decoding);

        let encoding = best(|| {
            bytes.clear();
            // SAFETY: there is none to be had; the types hold no padding, which is the best that can be said.
            Ok(unsafe { abomonation::encode(black_box(columns), &mut bytes) }?)
        })?;
        let length = bytes.len();
        let decoding = best(|| {
            // SAFETY: the bytes are those of `encode`; their alignment is that of the allocator.
            let decoded = unsafe { abomonation::decode::<T>(black_box(&mut bytes)) };
            black_box(decoded).map(|_| ()).ok_or_else(|| "abomonation found too few bytes".into())
        })?;
        self.report("abomonation 0.7", length, encoding, decoding);
        Ok(())
    }

    fn report(&self, codec: &str, bytes: usize, encoding: Duration, decoding: Duration) {
        let time = |duration: Duration| {
            let speed = bytes as f64 / duration.as_nanos().max(1) as f64;
            let micros = duration.as_nanos() as f64 / 1e3;
            if speed < 1000.0 {
                format!("{micros:>7.1} µs {speed:>5.1} GB/s")
            } else {
                format!("{micros:>7.1} µs {:>10}", "—")
            }
        };
        println!("{:<26} {codec:<20} {bytes:>8} {:>21} {:>21}", self.name, time(encoding), time(decoding));
    }
}
