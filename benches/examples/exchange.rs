//! What an exchange costs: batches from one worker to another, in one process by pointer and between two processes over
//! loopback; and how much memory 4 GB take on their way to a slow consumer.
//!
//! ```text
//! cargo run --release -p quokka-benches --example exchange
//! ```

use std::error::Error;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use polars_core::prelude::*;
use quokka_engine::batch::Batch;
use quokka_engine::cluster::ClusterConfig;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::{Description, WorkerContext};
use quokka_engine::partitioning::Partitioning;
use quokka_engine::plan::{Channels, Head, Input, Node, PhysicalPlan};
use quokka_engine::pool::WorkerPool;
use quokka_engine::sink::{Sink, SinkFactory};
use quokka_engine::source::{Source, Split, SplitReader};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The same batch again and again, from the second split only, so that all of it goes to another worker.
struct Repeat {
    batch: DataFrame,
    batches: usize,
    fresh: bool,
}

struct RepeatReader {
    batch: DataFrame,
    left: usize,
    fresh: bool,
}

impl Source for Repeat {
    fn describe(&self) -> Description {
        Description::streams("repeat").with("batches", self.batches)
    }

    fn schema(&self) -> SchemaRef {
        self.batch.schema().clone()
    }

    fn splits(&self) -> std::result::Result<Vec<Split>, OperatorError> {
        Ok(["nothing", "batches"].map(|name| Split { name: name.into(), rows: None }).to_vec())
    }

    fn open(&self, split: usize, _: &WorkerContext) -> std::result::Result<Box<dyn SplitReader>, OperatorError> {
        let left = if split == 1 { self.batches } else { 0 };
        Ok(Box::new(RepeatReader { batch: self.batch.clone(), left, fresh: self.fresh }))
    }
}

impl SplitReader for RepeatReader {
    fn next(&mut self) -> std::result::Result<Option<DataFrame>, OperatorError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        if !self.fresh {
            return Ok(Some(self.batch.clone()));
        }
        // Memory of its own for every batch, so that what is in flight shows.
        let columns = self.batch.columns().iter().map(|column| Ok((column.i64()? + 1).into_column()));
        let columns = columns.collect::<PolarsResult<Vec<Column>>>()?;
        Ok(Some(DataFrame::new(self.batch.height(), columns)?))
    }
}

#[derive(Clone, Default)]
struct Count {
    rows: Arc<AtomicU64>,
    pause: Duration,
}

impl SinkFactory for Count {
    fn describe(&self) -> Description {
        Description::streams("count")
    }

    fn create(&self, _: &WorkerContext) -> std::result::Result<Box<dyn Sink>, OperatorError> {
        Ok(Box::new(self.clone()))
    }
}

impl Sink for Count {
    fn on_batch(&mut self, batch: Batch) -> std::result::Result<(), OperatorError> {
        self.rows.fetch_add(batch.height() as u64, Ordering::Relaxed);
        std::thread::sleep(self.pause);
        Ok(())
    }

    fn finish(&mut self) -> std::result::Result<(), OperatorError> {
        Ok(())
    }
}

fn numbers(rows: usize) -> PolarsResult<DataFrame> {
    let column = |name: &str, k: i64| {
        Int64Chunked::from_vec(name.into(), (0..rows as i64).map(|i| i * k).collect()).into_column()
    };
    DataFrame::new(rows, vec![column("a", 1), column("b", 3), column("c", 7), column("d", 11)])
}

fn strings(rows: usize) -> PolarsResult<DataFrame> {
    df!("id" => (0..rows as i64).collect::<Vec<_>>(), "name" => (0..rows).map(|i| format!("customer number {i:012}")).collect::<Vec<_>>())
}

struct Reading {
    seconds: f64,
    cpu: f64,
    rows: u64,
}

fn run(pool: &WorkerPool, source: Repeat, pause: Duration) -> Result<Reading> {
    let schema = source.schema();
    let count = Count { pause, ..Count::default() };
    let mut plan = PhysicalPlan::default();
    let node = |head, inputs| Node {
        head,
        fused: vec![],
        inputs,
        schema: schema.clone(),
        gates: vec![],
        channels: Channels::All,
    };
    let from = plan.add(node(Head::Source(Arc::new(source)), vec![]));
    plan.add(node(Head::Sink(Arc::new(count.clone())), vec![Input { from, partitioning: Partitioning::Gather }]));
    let (start, cpu) = (Instant::now(), cpu_seconds());
    pool.run(plan)?.wait()?;
    Ok(Reading {
        seconds: start.elapsed().as_secs_f64(),
        cpu: cpu_seconds() - cpu,
        rows: count.rows.load(Ordering::Relaxed),
    })
}

fn cpu_seconds() -> f64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: `usage` is a valid place for a `rusage`, and zeroes are a valid one should the call fail.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 * 1e-6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

fn peak_memory_mb() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? / 1024)
}

/// One of two processes; prints its seconds and CPU seconds for each kind of batch.
fn child(arguments: &[String]) -> Result<()> {
    let config = ClusterConfig::from_args(std::iter::once(String::new()).chain(arguments.iter().cloned()))?;
    let pool = WorkerPool::start(config)?;
    for frame in [numbers(64 * 1024)?, strings(64 * 1024)?] {
        let bytes = frame_bytes(&frame)?;
        run(&pool, Repeat { batch: frame.clone(), batches: 50, fresh: false }, Duration::ZERO)?;
        let batches = (4usize << 30) / bytes;
        let reading = run(&pool, Repeat { batch: frame, batches, fresh: false }, Duration::ZERO)?;
        println!("{} {} {} {}", bytes * batches, reading.seconds, reading.cpu, peak_memory_mb()?);
    }
    Ok(())
}

fn frame_bytes(frame: &DataFrame) -> Result<usize> {
    Ok(quokka_engine::frame::FrameEncoder::new(frame)?.len())
}

fn two_processes() -> Result<()> {
    let ports: Vec<u16> =
        (0..2).map(|_| Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())).collect::<Result<_>>()?;
    let hosts = std::env::temp_dir().join(format!("quokka-exchange-{}", std::process::id()));
    std::fs::write(&hosts, ports.iter().map(|port| format!("127.0.0.1:{port}\n")).collect::<String>())?;
    let children = (0..2).map(|process| {
        Command::new(std::env::current_exe()?)
            .args(["child", "-w", "1", "-n", "2", "-p", &process.to_string(), "-h"])
            .arg(&hosts)
            .stdout(Stdio::piped())
            .spawn()
    });
    let children = children.collect::<std::io::Result<Vec<_>>>()?;
    let outputs = children.into_iter().map(|child| child.wait_with_output()).collect::<std::io::Result<Vec<_>>>()?;
    std::fs::remove_file(&hosts)?;
    let texts: Vec<String> =
        outputs.into_iter().map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).collect();
    let mut lines: Vec<_> = texts.iter().map(|text| text.lines()).collect();
    for kind in ["numbers", "i64 + strings"] {
        let readings: Vec<Vec<f64>> = lines
            .iter_mut()
            .map(|lines| lines.next().unwrap_or("").split(' ').filter_map(|word| word.parse().ok()).collect())
            .collect();
        let [first, second] = readings.as_slice() else { return Err("two readings expected".into()) };
        let ([bytes, seconds, cpu, peak], [_, _, other_cpu, other_peak]) = (first.as_slice(), second.as_slice()) else {
            return Err(format!("a process failed: {texts:?}").into());
        };
        let gigabytes = bytes / 1e9;
        println!(
            "two processes, {kind:14} {:6.2} GB/s  {:5.2} CPU-s/GB  peak memory {peak} and {other_peak} MB",
            gigabytes / seconds,
            (cpu + other_cpu) / gigabytes
        );
    }
    Ok(())
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((first, rest)) = arguments.split_first()
        && first == "child"
    {
        return child(rest);
    }
    let pool = WorkerPool::start(ClusterConfig::single(2))?;
    // 4 GB in fresh batches to a consumer of at most 2 GB/s: first, since the peak of memory never falls.
    let batch = numbers(64 * 1024)?;
    let slow = Repeat { batch: batch.clone(), batches: 2048, fresh: true };
    let reading = run(&pool, slow, Duration::from_millis(1))?;
    println!(
        "slow consumer: {:.1} GB in {:.2} s, peak memory {} MB",
        reading.rows as f64 * 32.0 / 1e9,
        reading.seconds,
        peak_memory_mb()?
    );
    let batches = 200_000;
    let reading = run(&pool, Repeat { batch, batches, fresh: false }, Duration::ZERO)?;
    println!(
        "one process, by pointer: {:.2} µs and {:.2} CPU-µs a batch",
        reading.seconds * 1e6 / batches as f64,
        reading.cpu * 1e6 / batches as f64
    );
    drop(pool);
    two_processes()
}
