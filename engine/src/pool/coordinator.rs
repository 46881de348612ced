//! Decides, on worker 0, when a query runs: when every process has submitted the same plan.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::message::{Command, Report, WireError};

/// With threads that submit queries at the same time, processes may see them in different orders: a disagreement counts
/// only if no process says anything new for this long.
const GRACE: Duration = Duration::from_secs(2);

/// The state of all queries, kept by worker 0 alone.
pub(crate) struct Coordinator {
    processes: Vec<Process>,
    running: HashMap<u64, Vec<u64>>,
    next_query: u64,
    last_change: Instant,
    shut_down: bool,
}

#[derive(Default)]
struct Process {
    submitted: VecDeque<Submitted>,
    left: bool,
}

struct Submitted {
    ticket: u64,
    fingerprint: u64,
    text: String,
    is_followed: bool,
}

impl Coordinator {
    pub(crate) fn new(processes: usize) -> Self {
        Self {
            processes: (0..processes).map(|_| Process::default()).collect(),
            running: HashMap::new(),
            next_query: 0,
            last_change: Instant::now(),
            shut_down: false,
        }
    }

    /// Takes reports and answers with commands for all workers.
    pub(crate) fn handle(&mut self, reports: Vec<Report>) -> Vec<Command> {
        let mut commands = Vec::new();
        if !reports.is_empty() {
            self.last_change = Instant::now();
        }
        for report in reports {
            match report {
                Report::Submitted { process, ticket, fingerprint, text, is_followed } => {
                    if let Some(process) = self.processes.get_mut(process) {
                        process.submitted.push_back(Submitted { ticket, fingerprint, text, is_followed });
                    }
                    self.start_agreed(&mut commands);
                },
                Report::GaveUp { process, ticket, reason } => self.give_up(process, ticket, reason, &mut commands),
                Report::Failed { query, error } => {
                    self.running.remove(&query);
                    commands.push(Command::Stop { query, reason: error });
                },
                Report::Left { process } => {
                    if let Some(process) = self.processes.get_mut(process) {
                        process.left = true;
                    }
                },
            }
        }
        self.reject_orphans(&mut commands);
        self.reject_disagreement(&mut commands);
        if !self.shut_down && self.processes.iter().all(|process| process.left) {
            self.shut_down = true;
            commands.push(Command::Shutdown);
        }
        commands
    }

    /// How long worker 0 may sleep before [`handle`](Self::handle) must be called again even without reports.
    pub(crate) fn patience(&self) -> Option<Duration> {
        self.disagree().then(|| GRACE.saturating_sub(self.last_change.elapsed()) + Duration::from_millis(1))
    }

    /// The dataflow of a query has ended on worker 0.
    pub(crate) fn ended(&mut self, query: u64) {
        self.running.remove(&query);
    }

    fn start_agreed(&mut self, commands: &mut Vec<Command>) {
        let Some(first) = self.processes.first() else { return };
        let fingerprints: Vec<u64> = first.submitted.iter().map(|submitted| submitted.fingerprint).collect();
        for fingerprint in fingerprints {
            let position = |process: &Process| process.submitted.iter().position(|s| s.fingerprint == fingerprint);
            if !self.processes.iter().all(|process| position(process).is_some()) {
                continue;
            }
            let take = |process: &mut Process| position(process).and_then(|at| process.submitted.remove(at));
            let taken: Vec<Submitted> = self.processes.iter_mut().filter_map(take).collect();
            let is_followed = taken.iter().any(|submitted| submitted.is_followed);
            let tickets: Vec<u64> = taken.into_iter().map(|submitted| submitted.ticket).collect();
            let query = self.next_query;
            self.next_query += 1;
            self.running.insert(query, tickets.clone());
            commands.push(Command::Run { query, tickets, is_followed });
        }
    }

    fn give_up(&mut self, process: usize, ticket: u64, reason: WireError, commands: &mut Vec<Command>) {
        let running = self.running.iter().find(|(_, tickets)| tickets.get(process) == Some(&ticket));
        if let Some(query) = running.map(|(query, _)| *query) {
            self.running.remove(&query);
            commands.push(Command::Stop { query, reason });
        } else if let Some(waiting) = self.processes.get_mut(process) {
            waiting.submitted.retain(|submitted| submitted.ticket != ticket);
            commands.push(Command::Reject { process, ticket, reason });
        }
    }

    /// Queries that wait for a process which has left can never run.
    fn reject_orphans(&mut self, commands: &mut Vec<Command>) {
        let Some(gone) = self.processes.iter().position(|process| process.left && process.submitted.is_empty()) else {
            return;
        };
        let difference = format!("process {gone} ended its program without submitting this query");
        for (process, waiting) in self.processes.iter_mut().enumerate() {
            for submitted in waiting.submitted.drain(..) {
                let reason = WireError::PlanMismatch { process: gone, difference: difference.clone() };
                commands.push(Command::Reject { process, ticket: submitted.ticket, reason });
            }
        }
    }

    /// Every process waits, and for different queries.
    fn disagree(&self) -> bool {
        self.processes.len() > 1 && self.processes.iter().all(|process| !process.submitted.is_empty())
    }

    fn reject_disagreement(&mut self, commands: &mut Vec<Command>) {
        if !self.disagree() || self.last_change.elapsed() < GRACE {
            return;
        }
        let texts: Vec<String> =
            self.processes.iter().map(|p| p.submitted.front().map(|s| s.text.clone()).unwrap_or_default()).collect();
        let reference = texts.first().cloned().unwrap_or_default();
        let other = texts.iter().position(|text| *text != reference).unwrap_or(0);
        let reason =
            WireError::PlanMismatch { process: other, difference: first_difference(&reference, &texts[other], other) };
        for (process, waiting) in self.processes.iter_mut().enumerate() {
            if let Some(submitted) = waiting.submitted.pop_front() {
                commands.push(Command::Reject { process, ticket: submitted.ticket, reason: reason.clone() });
            }
        }
    }
}

/// The first line in which two plans differ.
fn first_difference(reference: &str, other: &str, process: usize) -> String {
    let mut left = reference.lines();
    let mut right = other.lines();
    loop {
        match (left.next(), right.next()) {
            (None, None) => return "the plans differ only in what their text does not show".into(),
            (a, b) if a == b => {},
            (a, b) => {
                let none = "(the plan ends here)";
                return format!("process 0: {}\nprocess {process}: {}", a.unwrap_or(none), b.unwrap_or(none));
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submitted(process: usize, ticket: u64, fingerprint: u64) -> Report {
        let text = format!("plan {fingerprint}");
        Report::Submitted { process, ticket, fingerprint, text, is_followed: ticket % 2 == 1 }
    }

    #[test]
    fn runs_what_all_processes_submitted_in_whatever_order() {
        let mut coordinator = Coordinator::new(2);
        assert!(coordinator.handle(vec![submitted(0, 10, 1), submitted(0, 11, 2)]).is_empty());
        let commands = coordinator.handle(vec![submitted(1, 20, 2), submitted(1, 21, 1)]);
        let runs: Vec<(Vec<u64>, bool)> = commands
            .into_iter()
            .map(|command| match command {
                Command::Run { tickets, is_followed, .. } => (tickets, is_followed),
                other => unreachable!("{other:?}"),
            })
            .collect();
        assert_eq!(runs, [(vec![11, 20], true), (vec![10, 21], true)]);
        let commands = coordinator.handle(vec![submitted(0, 12, 1), submitted(1, 22, 1)]);
        assert!(matches!(commands.as_slice(), [Command::Run { is_followed: false, .. }]));
    }

    #[test]
    fn a_process_that_leaves_fails_who_waits_for_it() {
        let mut coordinator = Coordinator::new(2);
        let commands = coordinator.handle(vec![submitted(0, 10, 1), Report::Left { process: 1 }]);
        assert!(matches!(
            commands.as_slice(),
            [Command::Reject { process: 0, ticket: 10, reason: WireError::PlanMismatch { process: 1, .. } }]
        ));
    }

    #[test]
    fn disagreement_is_told_after_the_grace_with_the_first_difference() {
        let mut coordinator = Coordinator::new(2);
        assert!(coordinator.handle(vec![submitted(0, 10, 1), submitted(1, 20, 2)]).is_empty());
        assert!(coordinator.patience().is_some_and(|patience| patience <= GRACE + Duration::from_millis(1)));
        coordinator.last_change = Instant::now() - GRACE;
        let commands = coordinator.handle(Vec::new());
        assert_eq!(commands.len(), 2);
        assert!(commands.iter().all(|command| matches!(
            command,
            Command::Reject { reason: WireError::PlanMismatch { difference, .. }, .. } if difference == "process 0: plan 1\nprocess 1: plan 2"
        )));
    }

    #[test]
    fn shuts_down_once_when_everybody_left() {
        let mut coordinator = Coordinator::new(2);
        assert!(coordinator.handle(vec![Report::Left { process: 0 }]).is_empty());
        assert!(matches!(coordinator.handle(vec![Report::Left { process: 1 }]).as_slice(), [Command::Shutdown]));
        assert!(coordinator.handle(Vec::new()).is_empty());
    }

    #[test]
    fn giving_up_stops_a_running_query_and_rejects_a_waiting_one() {
        let mut coordinator = Coordinator::new(1);
        let commands = coordinator.handle(vec![submitted(0, 5, 1)]);
        assert!(matches!(commands.as_slice(), [Command::Run { query: 0, .. }]));
        let reason = WireError::Cancelled;
        let commands = coordinator.handle(vec![Report::GaveUp { process: 0, ticket: 5, reason: reason.clone() }]);
        assert!(matches!(commands.as_slice(), [Command::Stop { query: 0, .. }]));
        let commands = coordinator.handle(vec![Report::GaveUp { process: 0, ticket: 5, reason }]);
        assert!(matches!(commands.as_slice(), [Command::Reject { ticket: 5, .. }]));
    }
}
