//! Where an operator channel runs.

/// The place of one channel: which worker of which process, and how large a batch should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerContext {
    /// Global index of the worker, `process * workers_per_process + thread`.
    pub worker: usize,
    /// Workers in the whole cluster.
    pub workers: usize,
    /// Index of the process.
    pub process: usize,
    /// Processes in the cluster.
    pub processes: usize,
    /// Rows that a batch should have at most; operators that build batches aim at it.
    pub batch_rows: usize,
}

impl WorkerContext {
    /// Workers of each process; all processes have the same number.
    pub fn workers_per_process(&self) -> usize {
        self.workers / self.processes
    }

    /// Index of the worker inside its process.
    pub fn local_worker(&self) -> usize {
        self.worker % self.workers_per_process()
    }

    /// Index of the process, if there are several.
    pub(crate) fn process_of_several(&self) -> Option<usize> {
        (self.processes > 1).then_some(self.process)
    }

    /// The process in which the worker with a global index runs.
    pub fn process_of(&self, worker: usize) -> usize {
        worker / self.workers_per_process()
    }
}
