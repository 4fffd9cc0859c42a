//! The hub's own answers: listings, licences, tokens.

use std::fs;

use super::server::World;
use super::{FILE, REPO, Rig, names, to};
use bendrack::fetch::{Plan, Settings};

#[test]
fn refusals_name_the_next_step() {
    let rig = Rig::new(10);
    for (status, words) in
        [(401, "HF_TOKEN"), (403, "accept the licence"), (404, "no such file or repository"), (418, "418")]
    {
        rig.world.state().hub_faults.push_back(status);
        let why = rig.plan().err().expect("an error").to_string();
        assert!(why.contains(words) && why.contains(REPO), "{why}");
        assert!(why.contains(&format!("{}/{REPO}", rig.world.hub)), "{why}");
    }
    // The listing and the licence succeed, the file itself is refused.
    rig.world.state().hub_faults.extend([200, 200, 403]);
    assert!(rig.fail().contains("accept the licence"));
}

#[test]
fn a_busy_hub_is_asked_again() {
    let rig = Rig::new(10);
    rig.world.state().hub_faults.extend([429, 503, 500, 200, 200, 502]);
    rig.succeed();
    rig.world.state().hub_faults.extend([503; 4]);
    let why = rig.plan().err().expect("an error").to_string();
    assert!(why.contains("503") && why.contains("HF_ENDPOINT"), "{why}");
}

#[test]
fn all_pages_of_a_listing_count() {
    let rig = Rig::new(10);
    for number in 0..10 {
        rig.world.add(REPO, &format!("part{number}.gguf"), format!("GGUF{number}").as_bytes(), true);
    }
    rig.world.add(REPO, "README.md", b"text", false);
    rig.world.add(REPO, "optimizer.pt", b"text", true);
    let report = rig.run().expect("a run");
    assert_eq!(report.fetched.len(), 11);
    assert_eq!(names(&rig.folder()).len(), 13);
}

#[test]
fn the_token_goes_to_the_hub_only() {
    let rig = Rig::new(10);
    let settings = Settings { token: Some("hf_secret".into()), ..rig.settings() };
    let plan = Plan::for_repo(&REPO.parse().expect("a repository"), &to(&rig.folder()), &settings).expect("a plan");
    plan.run(&(), &false.into()).expect("a run");
    let seen = rig.world.take_seen();
    assert!(seen.iter().any(|seen| !seen.at_hub));
    for seen in seen {
        let token = seen.headers.get("authorization").map(String::as_str);
        assert_eq!(token, seen.at_hub.then_some("Bearer hf_secret"), "{}", seen.path);
    }
}

#[test]
fn the_licence_of_the_card_is_a_line() {
    let rig = Rig::new(10);
    rig.world.state().licence = "cc-by-nc-4.0".into();
    assert_eq!(rig.plan().expect("a plan").licences, [format!("{REPO}: cc-by-nc-4.0, {}/{REPO}", rig.world.hub)]);
}

#[test]
fn a_licence_cannot_write_to_the_terminal() {
    let rig = Rig::new(10);
    rig.world.state().licence = "mit\u{1b}[2J\n".into();
    let licences = rig.plan().expect("a plan").licences;
    assert!(licences[0].starts_with(&format!("{REPO}: mit[2J, ")), "{licences:?}");
}

#[test]
fn a_path_that_leaves_the_folder_is_refused() {
    for path in
        ["../../evil.safetensors", "/evil.safetensors", "a\\evil.safetensors", "C:evil.gguf", "a/../../evil.bin"]
    {
        let rig = Rig::new(10);
        rig.world.add(REPO, path, b"evil", true);
        let why = rig.plan().err().expect("an error").to_string();
        assert!(why.contains("evil") && why.contains(REPO), "{why}");
    }
}

#[test]
fn a_repository_without_weights_is_refused() {
    let world = World::new();
    world.add("owner/text", "README.md", b"text", false);
    let rig = Rig::new(10);
    let settings = Settings { endpoint: world.hub.clone(), ..rig.settings() };
    let plan = Plan::for_repo(&"owner/text".parse().expect("a repository"), &to(&rig.folder()), &settings);
    assert!(plan.err().expect("an error").to_string().contains("no weights"));
    let plan = Plan::for_repo(&"owner/none".parse().expect("a repository"), &to(&rig.folder()), &settings);
    assert!(plan.err().expect("an error").to_string().contains("owner/none"));
}

#[test]
fn a_part_of_a_repository_can_be_named() {
    let rig = Rig::new(10);
    rig.world.add(REPO, "q8/model.gguf", b"GGUF", true);
    let repo = format!("{REPO}:q8").parse().expect("a repository");
    let plan = Plan::for_repo(&repo, &to(&rig.folder()), &rig.settings()).expect("a plan");
    plan.run(&(), &false.into()).expect("a run");
    assert!(fs::exists(rig.folder().join("model.gguf")).expect("a look") && !rig.folder().join(FILE).exists());
}
