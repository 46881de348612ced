//! The permanent dataflow that carries commands from worker 0 to all workers, and reports from all workers to worker 0.
//!
//! Only worker 0 sends commands, so every worker sees them in one order and builds the same dataflows.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use timely::dataflow::InputHandleVec;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::vec::Broadcast;
use timely::dataflow::operators::{Input, Operator};
use timely::worker::Worker;

use crate::pool::{Command, Report};

type Queue<T> = Rc<RefCell<VecDeque<T>>>;

/// This worker's end of the bus.
pub(super) struct Bus {
    index: usize,
    commands_out: Option<InputHandleVec<u64, Command>>,
    commands_in: Queue<Command>,
    reports_out: InputHandleVec<u64, Report>,
    reports_in: Queue<Report>,
    sent: u64,
    reported: u64,
}

impl Bus {
    /// Every worker builds its bus before any query.
    pub(super) fn new(worker: &mut Worker) -> Self {
        let index = worker.next_dataflow_index();
        let commands_in: Queue<Command> = Queue::default();
        let reports_in: Queue<Report> = Queue::default();
        let (commands, reports) = (commands_in.clone(), reports_in.clone());
        let (commands_out, reports_out) = worker.dataflow_named::<u64, _, _>("bus", |scope| {
            let (commands_out, stream) = scope.new_input::<Vec<Command>>();
            stream.broadcast().sink(Pipeline, "commands", move |(input, _)| {
                input.for_each(|_, batch| commands.borrow_mut().extend(batch.drain(..)));
            });
            let (reports_out, stream) = scope.new_input::<Vec<Report>>();
            stream.sink(Exchange::new(|_: &Report| 0), "reports", move |(input, _)| {
                input.for_each(|_, batch| reports.borrow_mut().extend(batch.drain(..)));
            });
            (commands_out, reports_out)
        });
        let commands_out = (worker.index() == 0).then_some(commands_out);
        Self { index, commands_out, commands_in, reports_out, reports_in, sent: 0, reported: 0 }
    }

    /// Sends a command to all workers, this one included. Without effect on other workers than worker 0.
    pub(super) fn command(&mut self, command: Command) {
        if let Some(out) = &mut self.commands_out {
            out.send(command);
            self.sent += 1;
            out.advance_to(self.sent);
        }
    }

    /// Sends a report to worker 0.
    pub(super) fn report(&mut self, report: Report) {
        self.reports_out.send(report);
        // Only a new time makes the exchange let go of what it has buffered.
        self.reported += 1;
        self.reports_out.advance_to(self.reported);
    }

    pub(super) fn next_command(&mut self) -> Option<Command> {
        self.commands_in.borrow_mut().pop_front()
    }

    pub(super) fn next_report(&mut self) -> Option<Report> {
        self.reports_in.borrow_mut().pop_front()
    }

    /// Takes the bus down on this worker; all workers do, by the same command.
    pub(super) fn close(self, worker: &mut Worker) {
        let index = self.index;
        drop(self);
        worker.drop_dataflow(index);
    }
}
