//! What the processes of a cluster have done for a query, as they tell each other.

use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use crate::error::{Error, Result};
use crate::metrics::NodeMetrics;

/// The parts that the processes have in a query.
///
/// Each process tells the others all its counters a few times a second, and once more when its part has ended.
pub(crate) struct Shares {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// What other processes have told, by process; nothing, if they have told nothing yet.
    told: Vec<Option<Told>>,
    /// Processes whose counters change no more.
    ended: Vec<bool>,
    /// Why nothing more will be heard.
    broken: Option<Error>,
}

/// What a process tells of its part.
pub(crate) struct Told {
    /// Splits that it has to read, by node: those of sources, as far as they are known.
    listed: Vec<Option<u64>>,
    metrics: Vec<NodeMetrics>,
    /// Its part has ended.
    is_last: bool,
}

impl Shares {
    pub(crate) fn new(processes: usize) -> Self {
        let told = (0..processes).map(|_| None).collect();
        let state = State { told, ended: vec![false; processes], broken: None };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// The counters of another process.
    pub(crate) fn hear(&self, process: usize, told: Told) {
        let is_last = told.is_last;
        if let Some(slot) = self.state.lock().told.get_mut(process) {
            *slot = Some(told);
        }
        if is_last {
            self.end(process);
        }
    }

    /// The part of a process has ended.
    pub(crate) fn end(&self, process: usize) {
        if let Some(ended) = self.state.lock().ended.get_mut(process) {
            *ended = true;
        }
        self.changed.notify_all();
    }

    /// Nothing more will be heard.
    pub(crate) fn break_off(&self, error: &Error) {
        self.state.lock().broken.get_or_insert_with(|| error.clone());
        self.changed.notify_all();
    }

    /// Whether the parts of all processes have ended, or nothing more will be heard of them.
    pub(crate) fn have_ended(&self) -> bool {
        let state = self.state.lock();
        state.broken.is_some() || state.ended.iter().all(|ended| *ended)
    }

    /// Waits until the parts of all processes have ended.
    pub(crate) fn wait(&self) -> Result<()> {
        let mut state = self.state.lock();
        while !state.ended.iter().all(|ended| *ended) {
            if let Some(error) = &state.broken {
                return Err(error.clone());
            }
            self.changed.wait(&mut state);
        }
        Ok(())
    }

    /// Adds what other processes have done to `total`, for a node; returns how many splits they have to read, as far as
    /// that is known.
    pub(crate) fn add_to(&self, total: &NodeMetrics, node: usize) -> Option<u64> {
        let state = self.state.lock();
        let mut listed = None;
        for told in state.told.iter().flatten() {
            if let Some(metrics) = told.metrics.get(node) {
                total.add(metrics);
            }
            if let Some(splits) = told.listed.get(node).copied().flatten() {
                *listed.get_or_insert(0) += splits;
            }
        }
        listed
    }
}

/// The message with which a process tells the counters of its part of a query.
///
/// All of it are numbers of seven bits a byte, as most are small: the query, whether this is the last message, and for each node
/// the splits to read, one more than there are or nothing if that is not known, and its counters.
pub(crate) fn encode(query: u64, is_last: bool, metrics: &[Arc<NodeMetrics>], listed: &[Option<u64>]) -> Vec<u8> {
    let mut message = Vec::with_capacity(16 * metrics.len());
    write(query, &mut message);
    write(is_last.into(), &mut message);
    for (metrics, listed) in metrics.iter().zip(listed) {
        write(listed.map_or(0, |listed| listed.saturating_add(1)), &mut message);
        metrics.counters().for_each(|counter| write(counter, &mut message));
    }
    message
}

/// Which query a message is about, and the rest of it.
pub(crate) fn decode_query(message: &[u8]) -> Option<(u64, &[u8])> {
    let mut rest = message;
    Some((read(&mut rest)?, rest))
}

/// The rest of a message about a query; `operators` are those of each node. `None` if it is none.
pub(crate) fn decode(mut rest: &[u8], operators: impl Iterator<Item = usize>) -> Option<Told> {
    let is_last = read(&mut rest)? != 0;
    let (mut listed, mut nodes) = (Vec::new(), Vec::new());
    for operators in operators {
        listed.push(read(&mut rest)?.checked_sub(1));
        let metrics = NodeMetrics::new(operators);
        metrics.set(|| read(&mut rest))?;
        nodes.push(metrics);
    }
    rest.is_empty().then_some(Told { listed, metrics: nodes, is_last })
}

fn write(mut number: u64, to: &mut Vec<u8>) {
    while number > 0x7f {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

fn read(from: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = from.split_first()?;
        *from = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::time::Duration;

    use super::*;

    fn names(operators: usize) -> Vec<String> {
        (0..operators).map(|level| format!("operator {level}")).collect()
    }

    /// Nodes of one and of three operators, all of whose counters differ.
    fn nodes() -> Vec<Arc<NodeMetrics>> {
        let mut next = 1u64;
        [1, 3]
            .map(|operators| Arc::new(NodeMetrics::new(operators)))
            .map(|node| {
                let number = || {
                    next = next.wrapping_mul(5).wrapping_add(3) & (u64::MAX >> 2);
                    Some(next)
                };
                node.set(number).unwrap();
                node
            })
            .into()
    }

    #[test]
    fn counters_survive_the_wire() {
        let nodes = nodes();
        for listed in [[None, Some(0)], [Some(7), None], [Some(u64::MAX - 1), Some(u64::MAX >> 1)]] {
            let message = encode(u64::MAX, true, &nodes, &listed);
            let (query, rest) = decode_query(&message).unwrap();
            let told = decode(rest, [1, 3].into_iter()).unwrap();
            assert_eq!((query, told.is_last, told.listed.as_slice()), (u64::MAX, true, listed.as_slice()));
            for ((sent, received), operators) in nodes.iter().zip(&told.metrics).zip([1, 3]) {
                assert_eq!(sent.report(&names(operators)), received.report(&names(operators)));
            }
        }
    }

    #[test]
    fn a_message_of_another_plan_is_none() {
        let message = encode(3, false, &nodes(), &[None, None]);
        let (_, rest) = decode_query(&message).unwrap();
        for operators in [vec![1, 2], vec![1, 4], vec![1], vec![1, 3, 1]] {
            assert!(decode(rest, operators.iter().copied()).is_none(), "{operators:?}");
        }
        for length in 0..rest.len() {
            assert!(decode(&rest[..length], [1, 3].into_iter()).is_none(), "{length}");
        }
        assert!(decode_query(&[]).is_none() && decode_query(&[0xff; 20]).is_none());
    }

    #[test]
    fn the_last_that_each_process_told_counts() {
        let shares = Shares::new(3);
        let tell = |process, splits, is_last| {
            let node = NodeMetrics::new(1);
            (0..splits).for_each(|_| node.finished_split(0));
            let message = encode(0, is_last, &[Arc::new(node)], &[Some(10)]);
            shares.hear(process, decode(decode_query(&message).unwrap().1, [1].into_iter()).unwrap());
        };
        let sum = || {
            let total = NodeMetrics::new(1);
            let listed = shares.add_to(&total, 0);
            (listed, total.report(&names(1)).splits)
        };
        assert_eq!(sum(), (None, 0));
        tell(1, 2, false);
        assert_eq!(sum(), (Some(10), 2));
        tell(2, 3, false);
        tell(1, 5, true);
        assert_eq!((sum(), shares.have_ended()), ((Some(20), 8), false));
        tell(2, 9, true);
        shares.end(0);
        assert_eq!((sum(), shares.have_ended()), ((Some(20), 14), true));
        shares.wait().unwrap();
    }

    #[test]
    fn nobody_waits_for_what_is_lost() {
        let shares = Arc::new(Shares::new(2));
        let waiting = shares.clone();
        let waits = std::thread::spawn(move || waiting.wait());
        std::thread::sleep(Duration::from_millis(10));
        shares.end(0);
        shares.break_off(&Error::Stopped);
        assert!(matches!(waits.join().unwrap(), Err(Error::Stopped)));
        assert!(shares.have_ended());
    }
}
