//! On which workers a part of a query runs.

use std::fmt;

use quokka_engine::plan::Channels;

/// On which workers an operator has a channel: see [`DataStream::channels`](crate::DataStream::channels).
///
/// Workers of a process are threads; a process gets its tags when it starts, by the flag `--tag` or by
/// [`ContextBuilder::tag`](crate::ContextBuilder::tag).
///
/// ```
/// use quokka::Placement;
/// assert_eq!(Placement::from(3), Placement::Channels(3));
/// assert_eq!(Placement::tag("gpu").to_string(), "on tag gpu");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Placement {
    /// On every worker.
    All,
    /// On one worker.
    One,
    /// So many in all, spread evenly over the processes; at most one on each worker.
    Channels(usize),
    /// So many in each process; at most one on each worker.
    PerProcess(usize),
    /// On every worker of the processes that have this tag.
    Tag(String),
}

impl Placement {
    /// [`Tag`](Self::Tag) from a name.
    ///
    /// ```
    /// use quokka::Placement;
    /// assert_eq!(Placement::tag("gpu"), Placement::Tag("gpu".into()));
    /// ```
    pub fn tag(name: impl Into<String>) -> Self {
        Self::Tag(name.into())
    }

    /// The channels in a cluster of so many workers, each of whose processes has these tags.
    pub(crate) fn channels(&self, workers: usize, tags: &[Vec<String>]) -> Result<Channels, String> {
        let processes = tags.len().max(1);
        let per_process = workers / processes;
        match self {
            Placement::All => Ok(Channels::All),
            Placement::One => Ok(Channels::new([0], workers)),
            Placement::Channels(0) | Placement::PerProcess(0) => {
                Err(format!("an operator needs at least 1 channel; {}", there_are(workers, processes)))
            },
            Placement::Channels(count) => Ok(spread_evenly(*count, workers, processes)),
            Placement::PerProcess(count) => Ok(spread_evenly(count.saturating_mul(processes), workers, processes)),
            Placement::Tag(tag) => {
                let tagged = (0..workers)
                    .filter(|worker| tags.get(worker / per_process.max(1)).is_some_and(|tags| tags.contains(tag)));
                let tagged: Vec<usize> = tagged.collect();
                if tagged.is_empty() { Err(no_such_tag(tag, tags)) } else { Ok(Channels::new(tagged, workers)) }
            },
        }
    }
}

/// So many channels, at most one on each worker, as many in one process as in another.
pub(crate) fn spread_evenly(channels: usize, workers: usize, processes: usize) -> Channels {
    let per_process = workers / processes.max(1);
    let worker = |channel: usize| channel % processes * per_process + channel / processes;
    Channels::new((0..channels.min(workers)).map(worker), workers)
}

fn there_are(workers: usize, processes: usize) -> String {
    let count = |number: usize, one: &str, more: &str| format!("{number} {}", if number == 1 { one } else { more });
    let verb = if workers == 1 { "is" } else { "are" };
    let (workers, processes) = (count(workers, "worker", "workers"), count(processes, "process", "processes"));
    format!("there {verb} {workers} in {processes}")
}

fn no_such_tag(tag: &str, tags: &[Vec<String>]) -> String {
    let mut known: Vec<String> = tags.iter().flatten().map(|tag| format!("`{tag}`")).collect();
    known.sort();
    known.dedup();
    match known.is_empty() {
        true => format!(
            "no process has the tag `{tag}`, nor any other: start one with `--tag {tag}` or `ContextBuilder::tag`"
        ),
        false => format!("no process has the tag `{tag}`: the tags are {}", known.join(", ")),
    }
}

impl From<usize> for Placement {
    fn from(channels: usize) -> Self {
        Self::Channels(channels)
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Placement::All => f.write_str("on all workers"),
            Placement::One => f.write_str("on one worker"),
            Placement::Channels(1) => f.write_str("on 1 worker"),
            Placement::Channels(count) => write!(f, "on {count} workers"),
            Placement::PerProcess(count) => write!(f, "on {count} per process"),
            Placement::Tag(tag) => write!(f, "on tag {tag}"),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn workers(placement: Placement, workers: usize, processes: usize) -> Vec<usize> {
        placement.channels(workers, &vec![Vec::new(); processes]).unwrap().workers(workers).collect()
    }

    #[test]
    fn channels_are_spread_over_processes() {
        use Placement::{All, Channels, One, PerProcess};
        assert_eq!(workers(All, 4, 2), [0, 1, 2, 3]);
        assert_eq!(workers(One, 4, 2), [0]);
        assert_eq!(workers(Channels(1), 4, 2), [0]);
        assert_eq!(workers(Channels(3), 6, 2), [0, 1, 3]);
        assert_eq!(workers(Channels(9), 2, 1), [0, 1]);
        assert_eq!(workers(PerProcess(1), 6, 3), [0, 2, 4]);
        assert_eq!(workers(PerProcess(7), 4, 2), [0, 1, 2, 3]);
    }

    #[test]
    fn tags_choose_processes() {
        let tags = [vec!["gpu".to_string(), "disk".into()], Vec::new(), vec!["gpu".into()]];
        let channels = |tag: &str| Placement::tag(tag).channels(6, &tags).map(|channels| channels.to_string());
        assert_eq!(channels("gpu").unwrap(), "0-1, 4-5");
        assert_eq!(channels("disk").unwrap(), "0-1");
        assert_eq!(channels("cpu").unwrap_err(), "no process has the tag `cpu`: the tags are `disk`, `gpu`");
        let error = Placement::tag("gpu").channels(2, &[Vec::new()]).unwrap_err();
        assert!(error.starts_with("no process has the tag `gpu`, nor any other"), "{error}");
    }

    #[test]
    fn what_cannot_be_names_what_there_is() {
        let error = Placement::Channels(0).channels(4, &[Vec::new(), Vec::new()]).unwrap_err();
        assert_eq!(error, "an operator needs at least 1 channel; there are 4 workers in 2 processes");
        let error = Placement::PerProcess(0).channels(1, &[Vec::new()]).unwrap_err();
        assert_eq!(error, "an operator needs at least 1 channel; there is 1 worker in 1 process");
    }
}
