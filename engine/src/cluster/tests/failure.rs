use std::io::{Read, Write};
use std::net::Shutdown;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use timely::WorkerConfig;
use timely::dataflow::InputHandle;
use timely::dataflow::channels::pact::Exchange as ByKey;
use timely::dataflow::operators::generic::operator::source;
use timely::dataflow::operators::{Exchange, Input, Inspect, Operator, ToStream};

use super::super::bring_up::{Links, bring_up};
use super::super::control::Event;
use super::super::message::Message;
use super::super::{ClusterConfig, Mesh, Monitor};
use super::{HARD_DEADLINE, cluster, connect_all, within_deadline};
use crate::error::Error;

/// Connects the first `real` processes as meshes, and the rest as bare connections: these have no control thread, so
/// they fall silent at once, like a frozen process.
fn connect_with_puppets(configs: &[ClusterConfig], real: usize) -> (Vec<Mesh>, Vec<Links>) {
    let (real, puppets) = configs.split_at(real);
    let puppets: Vec<_> = puppets
        .iter()
        .map(|config| {
            let config = config.clone();
            thread::spawn(move || bring_up(&config).unwrap())
        })
        .collect();
    let meshes = connect_all(real).into_iter().map(Result::unwrap).collect();
    (meshes, puppets.into_iter().map(|puppet| puppet.join().unwrap()).collect())
}

/// Waits for the failure of a mesh; its process, and what was seen.
fn wait_for_failure(monitor: &Monitor) -> (usize, String) {
    let (sender, receiver) = channel();
    monitor.on_failure(move |error| {
        let _ = sender.send(error.clone());
    });
    match receiver.recv_timeout(HARD_DEADLINE).unwrap() {
        Error::PeerLost { process, address, reason } => {
            assert!(address.starts_with("127.0.0.1:"));
            (process, reason)
        },
        other => panic!("{other}"),
    }
}

fn say(puppet: &Links, target: usize, message: Message) {
    message.send(puppet.control[target].as_ref().unwrap()).unwrap();
}

/// Lets the workers of all meshes exchange for ever, and returns what ended each process.
fn exchange_until_failure(meshes: Vec<Mesh>, started: impl FnOnce()) -> Vec<Option<Error>> {
    let mut guards = Vec::new();
    for mesh in meshes {
        let monitor = mesh.monitor();
        let (builders, guard) = mesh.into_allocators().unwrap();
        let (seen, ends) = (Arc::clone(&monitor), Arc::new(Mutex::new(Vec::new())));
        let end = Arc::clone(&ends);
        let workers = timely::execute::execute_from(builders, guard, WorkerConfig::default(), move |worker| {
            let running = catch_unwind(AssertUnwindSafe(|| {
                worker.dataflow::<u64, _, _>(|scope| {
                    source(scope, "Numbers", |capability, info| {
                        let activator = scope.activator_for(info.address);
                        let mut capability = capability;
                        move |output| {
                            let time = *capability.time();
                            output.session(&capability).give(time);
                            capability.downgrade(&(time + 1));
                            activator.activate_after(Duration::from_millis(1));
                        }
                    })
                    .container::<Vec<u64>>()
                    .sink(ByKey::new(|number: &u64| *number), "Drop", |(input, _)| input.for_each(|_, _| {}));
                });
                while worker.has_dataflows() {
                    worker.step_or_park(None);
                }
            }));
            end.lock().push((running.is_err(), seen.failure().is_some()));
        });
        guards.push((monitor, ends, workers.unwrap()));
    }
    started();
    let mut failures = Vec::new();
    for (monitor, ends, workers) in guards {
        workers.join();
        // The cause was known before any worker failed of it.
        assert_eq!(*ends.lock(), [(true, true); 2]);
        failures.push(monitor.failure());
    }
    failures
}

fn assert_all_lost(failures: &[Option<Error>], lost: usize, part: &str) {
    for failure in failures {
        match failure {
            Some(Error::PeerLost { process, reason, .. }) => {
                assert_eq!(*process, lost);
                assert!(reason.contains(part), "{reason}");
            },
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn workers_exchange_and_all_end_in_order() {
    within_deadline(|| {
        let mut threads = Vec::new();
        for mesh in connect_all(&cluster(3)) {
            let mesh = mesh.unwrap();
            threads.push(thread::spawn(move || {
                let monitor = mesh.monitor();
                let query = monitor.begin_query();
                let (builders, guard) = mesh.into_allocators().unwrap();
                let (sender, sums) = channel();
                let workers = timely::execute::execute_from(builders, guard, WorkerConfig::default(), move |worker| {
                    let sum = Arc::new(AtomicUsize::new(0));
                    let (index, add) = (worker.index(), Arc::clone(&sum));
                    worker.dataflow::<u64, _, _>(|scope| {
                        // Enough for many reads of a socket, with long runs of zeros inside.
                        (0..200_000_u64)
                            .filter(move |number| *number as usize % 6 == index)
                            .to_stream(scope)
                            .container::<Vec<u64>>()
                            .exchange(|number| *number)
                            .inspect(move |number| {
                                add.fetch_add(*number as usize, Ordering::Relaxed);
                            });
                    });
                    while worker.has_dataflows() {
                        worker.step_or_park(None);
                    }
                    sender.send(sum.load(Ordering::Relaxed)).unwrap();
                });
                let sum: usize = sums.iter().take(2).sum();
                // The result is there: the goodbye that follows must not look like a desertion.
                drop(query);
                assert!(workers.unwrap().join().iter().all(Result::is_ok));
                (sum, monitor)
            }));
        }
        let ends: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(ends.iter().map(|(sum, _)| sum).sum::<usize>(), (0..200_000).sum::<usize>());
        for (_, monitor) in ends {
            assert!(monitor.failure().is_none(), "{:?}", monitor.failure());
        }
    });
}

#[test]
fn a_process_that_dies_is_named_by_every_survivor() {
    within_deadline(|| {
        let (meshes, mut puppets) = connect_with_puppets(&cluster(3), 2);
        let failures = exchange_until_failure(meshes, || puppets.remove(0).close());
        assert_all_lost(&failures, 2, "ended or was killed");
    });
}

#[test]
fn a_process_that_freezes_is_named_by_every_survivor() {
    within_deadline(|| {
        let mut configs = cluster(3);
        for config in &mut configs {
            config.timing.heartbeat_timeout = Duration::from_secs(3);
        }
        let (meshes, _puppets) = connect_with_puppets(&configs, 2);
        let failures = exchange_until_failure(meshes, || {});
        assert_all_lost(&failures, 2, "no sign of life for 3s");
    });
}

#[test]
fn a_process_that_was_given_up_learns_it() {
    within_deadline(|| {
        let (meshes, puppets) = connect_with_puppets(&cluster(2), 1);
        say(&puppets[0], 0, Message::Lost { process: 0, reason: "no sign of life".into() });
        let failures = exchange_until_failure(meshes, || {});
        assert_all_lost(&failures, 0, "process 1 gave this process up, no sign of life");
    });
}

#[test]
fn a_survivor_tells_the_others_and_hangs_up() {
    within_deadline(|| {
        let (meshes, mut puppets) = connect_with_puppets(&cluster(3), 1);
        puppets.remove(1).close();
        assert_eq!(wait_for_failure(&meshes[0].monitor()).0, 2);
        let survivor = &puppets[0];
        assert_eq!(survivor.data[0].as_ref().unwrap().read(&mut [0; 8]).unwrap(), 0);
        loop {
            let event = survivor.events.recv_timeout(HARD_DEADLINE).unwrap();
            if let Event::Message { process: 0, message: Message::Lost { process, reason } } = event {
                assert_eq!((process, reason.as_str()), (2, "it ended or was killed"));
                break;
            }
        }
    });
}

#[test]
fn a_survivor_that_hangs_up_first_is_not_blamed() {
    within_deadline(|| {
        let (meshes, puppets) = connect_with_puppets(&cluster(3), 1);
        let failures = exchange_until_failure(meshes, || {
            puppets[0].data[0].as_ref().unwrap().shutdown(Shutdown::Both).unwrap();
            thread::sleep(Duration::from_millis(50));
            say(&puppets[0], 0, Message::Lost { process: 2, reason: "ended".into() });
        });
        assert_all_lost(&failures, 2, "ended (reported by process 1)");
    });
}

#[test]
fn a_closed_data_connection_without_an_explanation_is_a_loss() {
    within_deadline(|| {
        let (meshes, puppets) = connect_with_puppets(&cluster(2), 1);
        let failures = exchange_until_failure(meshes, || {
            puppets[0].data[0].as_ref().unwrap().shutdown(Shutdown::Both).unwrap();
        });
        assert_all_lost(&failures, 1, "data connection");
    });
}

#[test]
fn rubbish_on_a_control_connection_is_a_loss() {
    within_deadline(|| {
        let (meshes, puppets) = connect_with_puppets(&cluster(2), 1);
        puppets[0].control[0].as_ref().unwrap().write_all(&[0xff; 64]).unwrap();
        let (process, reason) = wait_for_failure(&meshes[0].monitor());
        assert_eq!(process, 1);
        assert!(reason.contains("unknown control message"), "{reason}");
    });
}

#[test]
fn a_goodbye_during_a_query_is_a_loss() {
    within_deadline(|| {
        let mut meshes: Vec<_> = connect_all(&cluster(2)).into_iter().map(Result::unwrap).collect();
        let (other, monitor) = (meshes.remove(1), meshes[0].monitor());
        let _query = monitor.begin_query();
        drop(other);
        let (process, reason) = wait_for_failure(&monitor);
        assert_eq!(process, 1);
        assert!(reason.contains("ended its program"), "{reason}");
    });
}

#[test]
fn a_goodbye_between_queries_is_a_loss_only_for_the_next_query() {
    within_deadline(|| {
        let mut meshes: Vec<_> = connect_all(&cluster(2)).into_iter().map(Result::unwrap).collect();
        let (other, monitor) = (meshes.remove(1), meshes[0].monitor());
        // The peer has finished this query before it leaves; we are a little behind.
        let query = monitor.begin_query();
        drop(other.monitor().begin_query());
        drop(other);
        while !monitor.said_goodbye(1) {
            thread::sleep(Duration::from_millis(1));
        }
        drop(query);
        assert!(monitor.failure().is_none());
        let _next = monitor.begin_query();
        let (process, reason) = wait_for_failure(&monitor);
        assert_eq!(process, 1);
        assert!(reason.contains("ended its program"), "{reason}");
    });
}

#[test]
fn a_query_that_begins_after_a_peer_has_left_takes_parked_workers_down() {
    within_deadline(|| {
        let mut meshes: Vec<_> = connect_all(&cluster(2)).into_iter().map(Result::unwrap).collect();
        let (other, mesh) = (meshes.remove(1), meshes.remove(0));
        let monitor = mesh.monitor();
        // The peer's workers end at once; leaving waits for ours.
        let other = thread::spawn(move || {
            let (builders, guard) = other.into_allocators().unwrap();
            let workers = timely::execute::execute_from(builders, guard, WorkerConfig::default(), |_| ()).unwrap();
            assert!(workers.join().iter().all(Result::is_ok));
        });
        let (builders, guard) = mesh.into_allocators().unwrap();
        let workers = timely::execute::execute_from(builders, guard, WorkerConfig::default(), |worker| {
            // Never ends by itself, and has nothing to do.
            let mut input = InputHandle::new();
            worker.dataflow::<u64, _, _>(|scope| {
                scope.input_from(&mut input).container::<Vec<u64>>();
            });
            while worker.has_dataflows() {
                worker.step_or_park(None);
            }
        });
        while !monitor.said_goodbye(1) {
            thread::sleep(Duration::from_millis(1));
        }
        assert!(monitor.failure().is_none());
        let _query = monitor.begin_query();
        assert!(workers.unwrap().join().iter().all(Result::is_err));
        assert_all_lost(&[monitor.failure()], 1, "ended its program");
        other.join().unwrap();
    });
}

#[test]
fn only_the_first_cause_counts_and_every_callback_hears_it_once() {
    within_deadline(|| {
        let (meshes, mut puppets) = connect_with_puppets(&cluster(3), 1);
        let monitor = meshes[0].monitor();
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        monitor.on_failure(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        puppets.remove(1).close();
        let first = wait_for_failure(&monitor);
        assert_eq!(first.0, 2);
        puppets.remove(0).close();
        // A late callback hears the same.
        assert_eq!(wait_for_failure(&monitor), first);
        drop(meshes);
        assert_eq!(calls.load(Ordering::Relaxed), 1);
    });
}
