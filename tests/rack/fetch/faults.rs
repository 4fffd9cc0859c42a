//! Broken connections and wrong bytes.

use std::fs;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::server::Fault;
use super::{FILE, REPO, Rig, Watcher, to};
use bendrack::fetch::{Plan, State};

/// The ranges that the store was asked for.
fn ranges(rig: &Rig) -> Vec<String> {
    let seen = rig.world.take_seen().into_iter().filter(|seen| !seen.at_hub);
    seen.map(|seen| seen.headers.get("range").cloned().unwrap_or_default()).collect()
}

#[test]
fn a_dropped_connection_continues_where_it_was() {
    let rig = Rig::new(5000);
    rig.world.faults([Fault::Drop(1000), Fault::Drop(500), Fault::Drop(0)]);
    let report = rig.succeed();
    assert_eq!((report.bytes, report.fetched.len()), (5000, 1));
    assert_eq!(ranges(&rig), ["", "bytes=1000-", "bytes=1500-", "bytes=1500-"]);
}

#[test]
fn progress_renews_the_patience() {
    let rig = Rig::new(5000);
    rig.world.faults([Fault::Drop(1); 20]);
    rig.succeed();
    rig.world.faults([]);
    let rig = Rig::new(5000);
    rig.world.faults([Fault::Drop(10), Fault::Drop(0), Fault::Drop(0), Fault::Drop(0), Fault::Drop(0)]);
    let why = rig.fail();
    assert!(why.contains("10 bytes are kept") && why.contains("owner/model/dit.safetensors"), "{why}");
    assert_eq!(fs::read(rig.part()).expect("a part"), rig.bytes[..10]);
    assert!(matches!(rig.plan().expect("a plan").files[0].state, State::Partly(10)));
    rig.world.state().faults.clear();
    assert_eq!(rig.succeed().bytes, 4990);
}

#[test]
fn random_drops_end_in_the_right_bytes() {
    let mut seed = 0x2545_f491_u64;
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for _ in 0..40 {
        let rig = Rig::new(1 + random(4000) as usize);
        for _ in 0..random(12) {
            rig.world.faults([match random(8) {
                0 => Fault::IgnoreRange,
                1 => Fault::NewEtag,
                2 => Fault::NewEtagIgnored,
                3 => Fault::Status(503),
                _ => Fault::Drop(random(2000) as usize),
            }]);
        }
        // Each run may give up; the next one continues.
        let done = (0..20).find_map(|_| rig.run().ok());
        assert!(done.is_some());
        rig.assert_whole();
    }
}

#[test]
fn a_server_without_ranges_starts_again() {
    let rig = Rig::new(5000);
    rig.world.faults([Fault::Drop(1000), Fault::IgnoreRange]);
    assert_eq!(rig.succeed().bytes, 6000);
}

#[test]
fn another_version_on_the_server_starts_again() {
    for fault in [Fault::NewEtag, Fault::NewEtagIgnored] {
        let rig = Rig::new(5000);
        rig.world.faults([Fault::Drop(1000), fault]);
        let watcher = Watcher::default();
        rig.plan().expect("a plan").run(&watcher, &AtomicBool::new(false)).expect("a run");
        rig.assert_whole();
        assert_eq!(*watcher.begins.lock().expect("a list"), [(Some(5000), 0), (Some(5000), 0)]);
    }
}

#[test]
fn a_part_of_another_file_is_not_used() {
    let rig = Rig::new(5000);
    fs::create_dir_all(rig.folder()).expect("a folder");
    fs::write(rig.part(), [7; 100]).expect("a part");
    rig.succeed();
    assert_eq!(ranges(&rig), [""]);
}

#[test]
fn a_damaged_part_is_noticed() {
    let rig = Rig::new(5000);
    rig.world.faults([Fault::Drop(1000), Fault::Drop(0), Fault::Drop(0), Fault::Drop(0), Fault::Drop(0)]);
    rig.fail();
    fs::write(rig.part(), [7; 1000]).expect("a part");
    rig.world.state().faults.clear();
    rig.succeed();
    assert_eq!(ranges(&rig).last().map(String::as_str), Some(""));
}

#[test]
fn wrong_bytes_get_one_more_chance() {
    for fault in [Fault::Wrong, Fault::Many, Fault::Few, Fault::Page, Fault::Pointer] {
        let rig = Rig::new(5000);
        rig.world.faults([fault]);
        rig.succeed();
        let rig = Rig::new(5000);
        rig.world.state().always = Some(fault);
        let why = rig.fail();
        assert!(why.contains(REPO) && why.contains("two downloads"), "{why}");
        assert!(!rig.part().exists() && !rig.file().exists());
        let word = match fault {
            Fault::Wrong => "the sum is sha256:",
            Fault::Many => "5000 bytes",
            Fault::Few => "4995 bytes, but 5000",
            Fault::Page => "a web page",
            _ => "Git LFS",
        };
        assert!(why.contains(word), "{why}");
    }
}

#[test]
fn small_files_are_checked_by_git() {
    let rig = Rig::new(5000);
    rig.world.add(REPO, "config.json", b"{}", false);
    rig.world.state().always = Some(Fault::Wrong);
    let why = rig.fail();
    assert!(why.contains("sha256") || why.contains("git:"), "{why}");
    rig.world.state().always = None;
    rig.run().expect("a run");
    assert_eq!(fs::read(rig.folder().join("config.json")).expect("a file"), b"{}");
}

#[test]
fn a_stalled_server_is_asked_again() {
    let rig = Rig::new(5000);
    rig.world.faults([Fault::Stall]);
    let settings = bendrack::fetch::Settings { read_timeout: Duration::from_millis(80), ..rig.settings() };
    let plan = Plan::for_repo(&REPO.parse().expect("a repository"), &to(&rig.folder()), &settings).expect("a plan");
    plan.run(&(), &AtomicBool::new(false)).expect("a run");
    rig.assert_whole();
}

#[test]
fn a_busy_store_is_asked_again() {
    let rig = Rig::new(5000);
    rig.world.faults([Fault::Status(429), Fault::Status(503), Fault::Status(403)]);
    rig.succeed();
    let rig = Rig::new(50);
    rig.world.state().always = Some(Fault::Status(503));
    let why = rig.fail();
    assert!(why.contains("503") && why.contains("4 times"), "{why}");
}

#[test]
fn a_stopped_run_keeps_its_part() {
    let rig = Rig::new(3_000_000);
    let stop = AtomicBool::new(false);
    let watcher = Watcher { stop: Some(&stop), ..Watcher::default() };
    let why = rig.plan().expect("a plan").run(&watcher, &stop).expect_err("a stop");
    assert!(why.is_cancelled());
    let have = fs::metadata(rig.part()).expect("a part").len();
    assert!(have > 0 && have < 3_000_000);
    assert_eq!(rig.succeed().bytes, 3_000_000 - have);
    assert_eq!(ranges(&rig).last(), Some(&format!("bytes={have}-")));
}

#[test]
fn only_one_process_downloads_into_a_folder() {
    let rig = Rig::new(50);
    fs::create_dir_all(rig.folder()).expect("a folder");
    let lock = fs::File::create(rig.folder().join(".bendrack-download.lock")).expect("a file");
    lock.lock().expect("a lock");
    let why = rig.fail();
    assert!(why.contains("another process"), "{why}");
    drop(lock);
    rig.succeed();
}

#[test]
fn an_empty_file_comes_too() {
    let rig = Rig::new(0);
    rig.run().expect("a run");
    assert_eq!(fs::read(rig.folder().join(FILE)).expect("a file"), b"");
}
