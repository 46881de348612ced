//! Real processes that are killed and frozen: this test program starts itself again for each of them.

use std::env;
use std::io::Write;
use std::thread;
use std::time::Duration;

use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Operator;
use timely::dataflow::operators::generic::operator::source;

use super::super::{ClusterConfig, Mesh};
use super::harness::{Finished, Process, this_test};
use super::{HARD_DEADLINE, cluster, within_deadline};

/// Index and addresses for a process that a test has started.
const SETTINGS: &str = "QUOKKA_TEST_MESH";

struct Member(Process);

impl Member {
    fn start(config: &ClusterConfig) -> Self {
        let settings = format!("{} {}", config.process, config.addresses.join(" "));
        Self(Process::start(this_test("cluster::tests::processes::process_of_a_cluster").env(SETTINGS, settings)))
    }

    /// The next line that the process wrote for us.
    fn line(&mut self) -> String {
        loop {
            let Some(line) = self.0.line() else { panic!("{:?}", self.0.finish()) };
            // The first line shares its row with the test harness.
            if let Some((_, line)) = line.split_once("mesh: ") {
                return line.trim().to_owned();
            }
        }
    }

    /// The process must end by itself with an error that begins like this. Of its panics only the one that is no
    /// echo of the loss may be on the screen.
    fn assert_ends_with(&mut self, expected: &str) {
        let line = self.line();
        assert!(line.starts_with(expected), "{line}");
        let Finished { code, out, err } = self.0.finish();
        assert_eq!(code, Some(0), "{out}");
        assert_eq!(err.matches("panicked at").count(), 1, "{err}");
        assert!(err.contains("a genuine bug"), "{err}");
    }
}

fn start_all() -> (Vec<Member>, Vec<String>) {
    let configs = cluster(3);
    let mut processes: Vec<_> = configs.iter().map(Member::start).collect();
    for process in &mut processes {
        assert_eq!(process.line(), "running");
    }
    (processes, configs.into_iter().map(|config| config.addresses).next().unwrap())
}

#[test]
fn survivors_of_a_killed_process_end_with_its_name() {
    within_deadline(|| {
        let (mut processes, addresses) = start_all();
        processes[1].0.signal("-KILL");
        for survivor in [0, 2] {
            let expected = format!("lost process 1 ({}): it ended or was killed", addresses[1]);
            processes[survivor].assert_ends_with(&expected);
        }
    });
}

#[test]
fn a_frozen_process_is_given_up_and_learns_it_when_it_goes_on() {
    within_deadline(|| {
        let (mut processes, addresses) = start_all();
        processes[0].0.signal("-STOP");
        for survivor in [1, 2] {
            let expected = format!("lost process 0 ({}): no sign of life for 3s", addresses[0]);
            processes[survivor].assert_ends_with(&expected);
        }
        processes[0].0.signal("-CONT");
        // Which survivor tells it is open.
        let line = processes[0].line();
        assert!(line.contains("gave this process up, no sign of life for 3s"), "{line}");
        assert!(line.starts_with(&format!("lost process 0 ({})", addresses[0])), "{line}");
        assert_eq!(processes[0].0.finish().code, Some(0));
    });
}

#[test]
#[ignore = "the other tests run it as a process of its own"]
fn process_of_a_cluster() {
    let Ok(settings) = env::var(SETTINGS) else { return };
    let mut settings = settings.split(' ').map(String::from);
    let process = settings.next().unwrap().parse().unwrap();
    let mut config = ClusterConfig { process, addresses: settings.collect(), ..cluster(1).remove(0) };
    config.timing.heartbeat_timeout = Duration::from_secs(3);
    // Whatever happens to the test that started it, no process stays behind.
    thread::spawn(|| {
        thread::sleep(HARD_DEADLINE);
        std::process::exit(1);
    });
    let mesh = Mesh::connect(&config).unwrap();
    let monitor = mesh.monitor();
    let _query = monitor.begin_query();
    let (builders, guard) = mesh.into_allocators().unwrap();
    let workers = timely::execute::execute_from(builders, guard, timely::WorkerConfig::default(), |worker| {
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
        worker.step();
    });
    say("running");
    assert!(workers.unwrap().join().iter().all(Result::is_err));
    let bug = thread::Builder::new().name("timely:work-9".into()).spawn(|| panic!("a genuine bug"));
    assert!(bug.unwrap().join().is_err());
    say(&monitor.failure().unwrap().report());
}

fn say(text: &str) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "mesh: {text}").unwrap();
    output.flush().unwrap();
}
