use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use super::super::{ClusterConfig, Mesh, MeshError};
use super::harness::free_addresses;
use super::{cluster, connect_all, within_deadline};

fn failure(result: &Result<Mesh, MeshError>) -> &MeshError {
    match result {
        Ok(_) => panic!("connected"),
        Err(error) => error,
    }
}

/// Calls an address until somebody answers.
fn call(address: &str) -> TcpStream {
    loop {
        match TcpStream::connect(address) {
            Ok(stream) => return stream,
            Err(_) => thread::sleep(Duration::from_millis(5)),
        }
    }
}

#[test]
fn a_single_process_needs_no_sockets() {
    let mesh = Mesh::connect(&ClusterConfig::single(3)).unwrap();
    let monitor = mesh.monitor();
    let (builders, guard) = mesh.into_allocators().unwrap();
    assert_eq!(builders.len(), 3);
    drop(monitor.begin_query());
    drop(guard);
    assert!(monitor.failure().is_none());
}

#[test]
fn all_processes_find_each_other() {
    within_deadline(|| {
        for mesh in connect_all(&cluster(4)) {
            assert!(mesh.unwrap().monitor().failure().is_none());
        }
    });
}

#[test]
fn processes_know_the_tags_of_all() {
    within_deadline(|| {
        let mut configs = cluster(3);
        configs[1].tags = vec!["gpu".into(), "large disk".into()];
        configs[2].tags = vec!["gpu".into()];
        let tags: Vec<_> = configs.iter().map(|config| config.tags.clone()).collect();
        for mesh in connect_all(&configs) {
            assert_eq!(mesh.unwrap().tags(), tags);
        }
    });
}

#[test]
fn impossible_configurations_are_refused() {
    let good = ClusterConfig::single(1);
    let cases = [
        (ClusterConfig { workers: 0, ..good.clone() }, "at least 1 worker"),
        (ClusterConfig { addresses: Vec::new(), ..good.clone() }, "at least 1 process"),
        (ClusterConfig { process: 1, ..good.clone() }, "index 1 is out of range"),
        (ClusterConfig { tags: vec!["gpu".into(), "a\nb".into()], ..good.clone() }, "`a\\nb` is no tag"),
        (ClusterConfig { tags: vec!["x".repeat(5_000)], ..good }, "may have 4096 bytes"),
    ];
    for (config, expected) in cases {
        let result = Mesh::connect(&config);
        assert!(failure(&result).to_string().contains(expected), "{}", failure(&result));
    }
}

#[test]
fn strangers_neither_disturb_nor_delay() {
    within_deadline(|| {
        let mut configs = cluster(3);
        for config in &mut configs {
            // A tenth of the time that the mute strangers would cost one after the other.
            config.timing.connect_deadline = Duration::from_secs(10);
        }
        let address = configs[0].addresses[0].clone();
        let first = thread::spawn({
            let config = configs[0].clone();
            move || Mesh::connect(&config)
        });
        let mut strangers = Vec::new();
        for _ in 0..20 {
            strangers.push(call(&address));
            let mut browser = call(&address);
            browser.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            strangers.push(browser);
            let mut half = call(&address);
            half.write_all(b"\xf5quokka\n\x01\0").unwrap();
            strangers.push(half);
            let mut noise = call(&address);
            noise.write_all(&[0xa7; 4096]).unwrap();
            drop(noise);
            drop(call(&address));
        }
        let mut meshes = connect_all(&configs[1..]);
        meshes.push(first.join().unwrap());
        for mesh in meshes {
            mesh.unwrap();
        }
    });
}

#[test]
fn missing_processes_are_named() {
    within_deadline(|| {
        let mut configs = cluster(4);
        for config in &mut configs {
            config.timing.connect_deadline = Duration::from_secs(2);
        }
        let results = connect_all(&configs[1..3]);
        for result in &results {
            match failure(result) {
                MeshError::PeersMissing { missing, .. } => {
                    assert_eq!(missing.iter().map(|peer| peer.process).collect::<Vec<_>>(), [0, 3]);
                    assert_eq!(missing[0].address, configs[0].addresses[0]);
                    assert!(missing[0].reason.contains("does not answer"), "{}", missing[0].reason);
                    assert_eq!(missing[1].reason, "did not call");
                },
                // The other one's deadline came first.
                MeshError::PeerLeft { process: 1 | 2, reason, .. } => {
                    assert!(reason.contains("process 0") && reason.contains("process 3"), "{reason}");
                },
                other => panic!("{other}"),
            }
        }
        assert!(results.iter().any(|result| matches!(failure(result), MeshError::PeersMissing { .. })));
        // The port is free again.
        TcpListener::bind(&configs[1].addresses[1]).unwrap();
    });
}

#[test]
fn another_program_at_the_address_of_a_peer_is_told() {
    within_deadline(|| {
        let cases: [(&[u8], &str); 2] =
            [(b"SSH-2.0-OpenSSH_9.6\r\n", "another program answers"), (b"", "has not answered")];
        for (banner, expected) in cases {
            let mut config = cluster(2).remove(1);
            config.timing.connect_deadline = Duration::from_secs(2);
            let listener = TcpListener::bind(&config.addresses[0]).unwrap();
            thread::spawn(move || {
                let mut callers = Vec::new();
                while let Ok((mut caller, _)) = listener.accept() {
                    let _ = caller.write_all(banner);
                    callers.push(caller);
                }
            });
            let text = failure(&Mesh::connect(&config)).to_string();
            assert!(text.contains("process 0") && text.contains(expected), "{text}");
        }
    });
}

#[test]
fn a_port_in_use_is_named() {
    let config = cluster(2).remove(0);
    let _other = TcpListener::bind(&config.addresses[0]).unwrap();
    let result = Mesh::connect(&config);
    assert!(matches!(failure(&result), MeshError::PortInUse { process: 0, .. }));
    assert!(failure(&result).to_string().contains(&config.addresses[0]));
}

#[test]
fn an_address_of_another_machine_is_named() {
    let mut config = cluster(2).remove(0);
    for address in ["192.0.2.1:2101", "no-such-host.invalid:2101"] {
        config.addresses[0] = address.into();
        let result = Mesh::connect(&config);
        assert!(matches!(failure(&result), MeshError::Listen { process: 0, .. }), "{}", failure(&result));
        assert!(failure(&result).to_string().contains(address));
    }
}

/// Both processes of a pair with different settings must name the difference.
fn assert_mismatch(configs: &[ClusterConfig], settings: [&str; 2]) {
    let configs = configs.to_vec();
    let results = within_deadline(move || connect_all(&configs));
    for (result, [ours, theirs]) in results.iter().zip([settings, [settings[1], settings[0]]]) {
        let MeshError::Mismatch { theirs: found_theirs, ours: found_ours, .. } = failure(result) else {
            panic!("{}", failure(result));
        };
        assert!(found_ours.contains(ours) && found_theirs.contains(theirs), "{}", failure(result));
    }
}

#[test]
fn different_numbers_of_workers_are_told_on_both_sides() {
    let mut configs = cluster(2);
    configs[1].workers = 5;
    assert_mismatch(&configs, ["`-w 2`", "`-w 5`"]);
}

#[test]
fn different_numbers_of_processes_are_told_on_both_sides() {
    let mut configs = cluster(2);
    configs[1].addresses.extend(free_addresses(1));
    assert_mismatch(&configs, ["`-n 2`", "`-n 3`"]);
}

#[test]
fn different_host_files_are_told_on_both_sides() {
    let mut configs = cluster(3);
    configs[2].addresses.swap(0, 1);
    // Process 0 is left out: its address must lead to process 1 and nowhere else.
    let own = configs[1].addresses[1].clone();
    configs[2].addresses[1] = free_addresses(1).remove(0);
    assert_eq!(configs[2].addresses[0], own);
    assert_mismatch(&configs[1..], ["`-p 1`", "this address to process 0"]);
}

#[test]
fn a_double_is_told_on_both_sides_and_to_the_rest() {
    within_deadline(|| {
        // Process 2 never comes, so that the mesh stays incomplete.
        let configs = cluster(3);
        let mut double = configs[1].clone();
        double.addresses[1] = free_addresses(1).remove(0);
        let results = connect_all(&[configs[0].clone(), configs[1].clone(), double]);
        assert!(matches!(failure(&results[0]), MeshError::Duplicate { process: 1, .. }), "{}", failure(&results[0]));
        let of_both = [failure(&results[1]), failure(&results[2])];
        let told = |error: &&&MeshError| matches!(error, MeshError::Duplicate { process: 1, .. });
        let left = |error: &&&MeshError| matches!(error, MeshError::PeerLeft { process: 0, reason, .. } if reason.contains("`-p 1`"));
        // The two race for the place.
        assert_eq!(of_both.iter().filter(told).count(), 1, "{of_both:?}");
        assert_eq!(of_both.iter().filter(left).count(), 1, "{of_both:?}");
    });
}
