//! Exchanges numbers between the workers of a cluster until one of its processes is lost.
//!
//! ```text
//! cargo run --release -p quokka-engine --example mesh -- -w 2 -n 3 -p 0 &
//! cargo run --release -p quokka-engine --example mesh -- -w 2 -n 3 -p 1 &
//! cargo run --release -p quokka-engine --example mesh -- -w 2 -n 3 -p 2 &
//! kill -KILL %2        # or: kill -STOP %2; sleep 10; kill -CONT %2
//! ```
//!
//! Every process that is left names the lost one.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use quokka_engine::cluster::{ClusterConfig, Mesh};
use quokka_engine::error::{Error, Result};
use timely::WorkerConfig;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Operator;
use timely::dataflow::operators::generic::operator::source;

fn main() -> ExitCode {
    let started = Instant::now();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("after {:?}: {}", started.elapsed(), error.report());
            ExitCode::FAILURE
        },
    }
}

fn run() -> Result<()> {
    let config = ClusterConfig::from_args(std::env::args())?;
    let mesh = Mesh::connect(&config)?;
    let monitor = mesh.monitor();
    println!("process {} of {} is connected", config.process, config.processes());

    let query = monitor.begin_query();
    let (builders, guard) = mesh.into_allocators()?;
    let workers = timely::execute::execute_from(builders, guard, WorkerConfig::default(), |worker| {
        worker.dataflow::<u64, _, _>(|scope| {
            source(scope, "Numbers", |mut capability, info| {
                let activator = scope.activator_for(info.address);
                move |output| {
                    let time = *capability.time();
                    output.session(&capability).give(time);
                    capability.downgrade(&(time + 1));
                    activator.activate_after(Duration::from_millis(1));
                }
            })
            .container::<Vec<u64>>()
            .sink(Exchange::new(|number: &u64| *number), "Drop", |(input, _)| input.for_each(|_, _| {}));
        });
    });
    workers.map_err(Error::Internal)?.join();
    drop(query);
    monitor.failure().map_or(Ok(()), Err)
}
