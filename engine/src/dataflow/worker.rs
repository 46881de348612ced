//! The main loop of a worker: reports in, commands out, dataflows stepped, sleep when there is nothing to do.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use timely::CommunicationConfig;
use timely::WorkerConfig;
use timely::execute::execute_from;
use timely::worker::Worker;

use super::build::{self, build};
use super::bus::Bus;
use crate::cluster::{ClusterConfig, Correspondent, Mesh, Monitor};
use crate::error::Error;
use crate::operator::WorkerContext;
use crate::plan::DEFAULT_BATCH_ROWS;
use crate::pool::{Command, Coordinator, PoolShared, QueryRun, Report};

/// The threads of the workers of this process.
pub(crate) struct Workers {
    supervisor: Option<std::thread::JoinHandle<()>>,
    monitor: Option<Arc<Monitor>>,
}

/// Connects the mesh and starts the workers.
pub(crate) fn spawn(config: &ClusterConfig, shared: Arc<PoolShared>) -> Result<Workers, Error> {
    let (allocators, guard, monitor) = if config.processes() == 1 {
        config.validate_tags()?;
        shared.set_tags(vec![config.tags.clone()]);
        let (allocators, guard) = CommunicationConfig::Process(config.workers)
            .try_build()
            .map_err(|reason| Error::Internal(format!("timely refused {} workers: {reason}", config.workers)))?;
        (allocators, guard, None)
    } else {
        let mesh = Mesh::connect(config)?;
        let monitor = mesh.monitor();
        shared.set_tags(mesh.tags().to_vec());
        let (allocators, guard) = mesh.into_allocators()?;
        (allocators, guard, Some(monitor))
    };
    if let Some(monitor) = &monitor {
        shared.set_monitor(monitor.clone());
        let correspondent: Arc<dyn Correspondent> = shared.clone();
        monitor.set_correspondent(Arc::downgrade(&correspondent));
        let shared = shared.clone();
        monitor.on_failure(move |error| shared.fail(error.clone()));
    }
    let cause = monitor.clone();
    let supervise = move || {
        let on_worker = shared.clone();
        let run = move || {
            execute_from(allocators, guard, WorkerConfig::default(), move |worker| run_worker(worker, &on_worker))
                .map(|guards| guards.join())
        };
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
        let clean = matches!(&ended, Ok(Ok(results)) if results.iter().all(|result| result.is_ok()));
        if clean {
            shared.fail(Error::Stopped);
        } else {
            let failure = cause.and_then(|monitor| monitor.failure());
            shared.fail(failure.unwrap_or_else(|| Error::Internal("a worker thread ended unexpectedly".into())));
        }
    };
    let supervisor = std::thread::Builder::new()
        .name("quokka-supervisor".into())
        .spawn(supervise)
        .map_err(|error| Error::Internal(format!("the operating system refused a thread: {error}")))?;
    Ok(Workers { supervisor: Some(supervisor), monitor })
}

impl Workers {
    /// Says goodbye to the other processes and waits until the workers have ended; they do after [`Command::Shutdown`] or
    /// a failure.
    pub(crate) fn join(&mut self) {
        if let Some(monitor) = self.monitor.take() {
            monitor.shutdown();
        }
        if let Some(supervisor) = self.supervisor.take() {
            // The supervisor catches the panics of workers; nothing is left to report here.
            drop(supervisor.join());
        }
    }
}

/// A query that this worker has built.
struct Live {
    dataflow: usize,
    run: Arc<QueryRun>,
}

fn run_worker(worker: &mut Worker, shared: &Arc<PoolShared>) {
    polars_async::executor::ALLOW_RAYON_THREADS.set(false);
    let context = WorkerContext {
        worker: worker.index(),
        workers: worker.peers(),
        process: shared.process,
        processes: shared.processes,
        batch_rows: DEFAULT_BATCH_ROWS,
    };
    let leads = context.local_worker() == 0;
    let mut bus = Bus::new(worker);
    let mut coordinator = (context.worker == 0).then(|| Coordinator::new(context.processes));
    let failures: Rc<RefCell<Vec<Report>>> = Rc::default();
    let mut live: HashMap<u64, Live> = HashMap::new();
    if leads {
        shared.set_lead(std::thread::current());
    }
    loop {
        let mut reports: Vec<Report> = failures.borrow_mut().drain(..).collect();
        if leads {
            shared.take_inbox(&mut reports);
        }
        let mut patience: Option<Duration> = None;
        match &mut coordinator {
            None => reports.into_iter().for_each(|report| bus.report(report)),
            Some(coordinator) => {
                while let Some(report) = bus.next_report() {
                    reports.push(report);
                }
                let commands = coordinator.handle(reports);
                commands.into_iter().for_each(|command| bus.command(command));
                patience = coordinator.patience();
            },
        }
        while let Some(command) = bus.next_command() {
            match command {
                Command::Run { query, tickets, is_followed } => {
                    let Some(run) = tickets.get(context.process).and_then(|ticket| shared.run_of(*ticket)) else {
                        continue;
                    };
                    if leads {
                        shared.follow(&run, query, is_followed);
                    }
                    let context = WorkerContext { batch_rows: run.plan.batch_rows, ..context };
                    let failures = failures.clone();
                    let failing = Arc::downgrade(&run);
                    let report: build::Report = Rc::new(move |error| {
                        if let Some(run) = failing.upgrade() {
                            run.fail(error.clone());
                        }
                        failures.borrow_mut().push(Report::Failed { query, error: error.into() });
                    });
                    let dataflow = build(worker, &run, context, &report);
                    live.insert(query, Live { dataflow, run });
                },
                Command::Stop { query, reason } => {
                    if let Some(Live { dataflow, run }) = live.remove(&query) {
                        worker.drop_dataflow(dataflow);
                        run.fail(reason.into());
                        shared.release(&run);
                    }
                },
                Command::Reject { process, ticket, reason } => {
                    if leads
                        && process == context.process
                        && let Some(run) = shared.run_of(ticket)
                    {
                        run.fail(reason.into());
                        shared.forget(&run);
                    }
                },
                Command::Shutdown => {
                    for (_, Live { dataflow, run }) in live.drain() {
                        worker.drop_dataflow(dataflow);
                        run.fail(Error::Stopped);
                    }
                    bus.close(worker);
                    return;
                },
            }
        }
        if failures.borrow().is_empty() {
            worker.step_or_park(patience);
        }
        if !live.is_empty() {
            let installed = worker.installed_dataflows();
            let ended: Vec<u64> =
                live.iter().filter(|(_, live)| !installed.contains(&live.dataflow)).map(|(query, _)| *query).collect();
            for query in ended {
                if let Some(Live { run, .. }) = live.remove(&query) {
                    shared.release(&run);
                }
                if let Some(coordinator) = &mut coordinator {
                    coordinator.ended(query);
                }
            }
        }
    }
}
