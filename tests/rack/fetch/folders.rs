//! Files that are on this machine already.

use std::fs;
use std::sync::atomic::AtomicBool;

use super::server::{Fault, hex};
use super::{FILE, REPO, Rig, to};
use bendrack::fetch::{MARKER, Place, Plan, State};
use sha2::{Digest, Sha256};

#[test]
fn a_right_file_is_kept() {
    let rig = Rig::new(500);
    rig.succeed();
    rig.world.take_seen();
    assert_eq!(rig.succeed().kept, [FILE]);
    assert!(rig.world.take_seen().iter().all(|seen| seen.at_hub));
    // Without notes its bytes are checked.
    fs::remove_file(rig.folder().join(MARKER)).expect("notes");
    assert_eq!(rig.plan().expect("a plan").files[0].state, State::Unchecked);
    assert_eq!(rig.succeed().kept, [FILE]);
}

#[test]
fn another_file_is_never_overwritten() {
    for other in [vec![1; 500], vec![1; 20]] {
        let rig = Rig::new(500);
        fs::create_dir_all(rig.folder()).expect("a folder");
        fs::write(rig.file(), &other).expect("a file");
        let why = rig.fail();
        assert!(why.contains(FILE) && why.contains("--to"), "{why}");
        assert_eq!(fs::read(rig.file()).expect("the file"), other);
    }
}

#[test]
fn the_space_on_the_disk_is_checked_first() {
    let rig = Rig::new(5000);
    let plan = rig.plan().expect("a plan");
    assert_eq!((plan.total_bytes(), plan.bytes_to_fetch()), (5000, 5000));
    assert!(plan.check_space(5000).is_ok());
    let why = plan.check_space(4999).expect_err("too little").to_string();
    assert!(why.contains("5000 bytes") && why.contains("4999 bytes") && why.contains("--to"), "{why}");
    rig.world.faults([Fault::Drop(1000), Fault::Drop(0), Fault::Drop(0), Fault::Drop(0), Fault::Drop(0)]);
    rig.fail();
    assert!(rig.plan().expect("a plan").check_space(4000).is_ok());
    rig.world.state().faults.clear();
    rig.succeed();
    assert!(rig.plan().expect("a plan").check_space(0).is_ok());
}

#[test]
fn a_file_of_a_sibling_is_linked() {
    let rig = Rig::new(500);
    rig.succeed();
    rig.world.take_seen();
    for notes in [true, false] {
        let other = rig.models.path().join(format!("other{notes}"));
        if !notes {
            fs::remove_file(rig.folder().join(MARKER)).expect("notes");
            fs::remove_dir_all(rig.models.path().join("othertrue")).expect("a folder");
        }
        let plan = Plan::for_repo(&REPO.parse().expect("a repository"), &to(&other), &rig.settings()).expect("a plan");
        assert!(matches!(&plan.files[0].state, State::Linked(path) if *path == rig.file()));
        assert_eq!((plan.bytes_to_fetch(), plan.check_space(0)), (0, Ok(())));
        let report = plan.run(&(), &AtomicBool::new(false)).expect("a run");
        assert_eq!(report.linked, [FILE]);
        assert!(same_file::is(&other.join(FILE), &rig.file()));
    }
    assert!(rig.world.take_seen().iter().all(|seen| seen.at_hub));
}

mod same_file {
    /// Whether two names share their bytes.
    #[cfg(unix)]
    pub fn is(a: &std::path::Path, b: &std::path::Path) -> bool {
        use std::os::unix::fs::MetadataExt;
        let id = |path| std::fs::metadata(path).map(|found| found.ino()).ok();
        id(a).is_some() && id(a) == id(b)
    }

    #[cfg(not(unix))]
    pub fn is(a: &std::path::Path, b: &std::path::Path) -> bool {
        std::fs::read(a).ok() == std::fs::read(b).ok()
    }
}

#[test]
fn a_wrong_file_of_a_sibling_is_left_alone() {
    let rig = Rig::new(500);
    let other = rig.models.path().join("other");
    fs::create_dir_all(&other).expect("a folder");
    fs::write(other.join(FILE), [9; 500]).expect("a file");
    assert_eq!(rig.succeed().fetched, [FILE]);
}

#[test]
fn a_folder_replaces_the_network() {
    let rig = Rig::new(500);
    let disk = tempfile::tempdir().expect("a folder");
    let place = Place { to: rig.folder(), from: Some(disk.path().to_owned()) };
    let repo = REPO.parse().expect("a repository");
    let none = Plan::for_repo(&repo, &place, &rig.settings()).err().expect("an error");
    assert!(none.to_string().contains("no weights"), "{none}");
    // A download of this program, with its notes.
    let there = disk.path().join("owner").join("model");
    let plan = Plan::for_repo(&repo, &to(&there), &rig.settings()).expect("a plan");
    plan.run(&(), &AtomicBool::new(false)).expect("a run");
    rig.world.take_seen();
    let plan = Plan::for_repo(&repo, &place, &rig.settings()).expect("a plan");
    let report = plan.run(&(), &AtomicBool::new(false)).expect("a run");
    assert_eq!(report.linked.len() + report.copied.len(), 1);
    assert_eq!(fs::read(rig.file()).expect("the file"), rig.bytes);
    assert!(rig.world.take_seen().is_empty());
}

#[test]
fn a_file_that_changed_on_its_way_is_refused() {
    let rig = Rig::new(500);
    let disk = tempfile::tempdir().expect("a folder");
    let there = disk.path().join("model");
    let repo = REPO.parse().expect("a repository");
    let plan = Plan::for_repo(&repo, &to(&there), &rig.settings()).expect("a plan");
    plan.run(&(), &AtomicBool::new(false)).expect("a run");
    fs::write(there.join(FILE), [3; 500]).expect("a file");
    let place = Place { to: rig.folder(), from: Some(disk.path().to_owned()) };
    let plan = Plan::for_repo(&repo, &place, &rig.settings()).expect("a plan");
    let why = plan.run(&(), &AtomicBool::new(false)).expect_err("an error").to_string();
    assert!(why.contains("the sum is") && why.contains(FILE), "{why}");
    assert!(!rig.file().exists());
    // The same bytes with another time are right.
    fs::write(there.join(FILE), &rig.bytes).expect("a file");
    Plan::for_repo(&repo, &place, &rig.settings()).expect("a plan").run(&(), &AtomicBool::new(false)).expect("a run");
    assert_eq!(fs::read(rig.file()).expect("the file"), rig.bytes);
}

#[cfg(target_os = "linux")]
#[test]
fn files_of_another_disk_are_copied() {
    use std::os::unix::fs::MetadataExt;
    let rig = Rig::new(500);
    let Ok(disk) = tempfile::tempdir_in("/dev/shm") else { return };
    let id = |path| fs::metadata(path).expect("a folder").dev();
    if id(disk.path()) == id(rig.models.path()) {
        return;
    }
    let repo = REPO.parse().expect("a repository");
    let plan = Plan::for_repo(&repo, &to(&disk.path().join("model")), &rig.settings()).expect("a plan");
    plan.run(&(), &AtomicBool::new(false)).expect("a run");
    let place = Place { to: rig.folder(), from: Some(disk.path().to_owned()) };
    let plan = Plan::for_repo(&repo, &place, &rig.settings()).expect("a plan");
    assert!(plan.check_space(499).is_err() && plan.check_space(500).is_ok());
    assert_eq!(plan.run(&(), &AtomicBool::new(false)).expect("a run").copied, [FILE]);
    rig.assert_whole();
    fs::remove_dir_all(rig.folder()).expect("a folder");
    fs::write(disk.path().join("model").join(FILE), [3; 500]).expect("a file");
    let why = plan.run(&(), &AtomicBool::new(false)).expect_err("an error").to_string();
    assert!(why.contains("the sum is") && !rig.file().exists(), "{why}");
}

#[cfg(unix)]
#[test]
fn a_cache_of_the_hub_is_checked_by_its_names() {
    for damaged in [false, true] {
        let rig = Rig::new(500);
        let disk = tempfile::tempdir().expect("a folder");
        let cache = disk.path().join("models--owner--model");
        let snapshot = cache.join("snapshots").join("abc");
        fs::create_dir_all(&snapshot).expect("a folder");
        fs::create_dir_all(cache.join("blobs")).expect("a folder");
        let blob = cache.join("blobs").join(hex(&Sha256::digest(&rig.bytes)));
        let bytes = if damaged { vec![0; 500] } else { rig.bytes.clone() };
        fs::write(&blob, bytes).expect("a blob");
        std::os::unix::fs::symlink(&blob, snapshot.join(FILE)).expect("a link");
        for from in [disk.path(), &cache] {
            let place = Place { to: rig.folder(), from: Some(from.to_owned()) };
            let plan = Plan::for_repo(&REPO.parse().expect("a repository"), &place, &rig.settings()).expect("a plan");
            match plan.run(&(), &AtomicBool::new(false)) {
                Ok(_) => assert!(!damaged && fs::read(rig.file()).expect("the file") == rig.bytes),
                Err(why) => assert!(damaged && why.to_string().contains("the sum is"), "{why}"),
            }
        }
        assert!(rig.world.take_seen().is_empty());
    }
}
