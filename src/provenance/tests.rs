//! Patches in real pictures and videos, read back by us and by others, whole and damaged.

use std::fs::{self, File};
use std::io::{BufReader, Cursor};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use bendrack_nodes::patch::Patch;
use bendrack_nodes::patch::read::MAX_BYTES;
use proptest::prelude::*;

use super::boxes::packed;
use super::read::{LIMIT, find};
use super::{KEY, Provenance, Render, mp4, patch_sha256, png, read, split};
use crate::media::Picture;
use crate::output::video::End;
use crate::output::{open, sidecar};

fn provenance() -> Provenance {
    let patch = Patch::from_json(include_str!("../../patches/first_bend.json")).expect("a patch");
    let render = Render {
        bendrack: "0.1.0".to_owned(),
        model: "mini".to_owned(),
        family: "mini".to_owned(),
        model_sha256: "00".repeat(32),
        seed: u64::MAX,
        size: [128, 128],
        zoom: 4,
        exact: false,
        steps: None,
        looped: None,
        take: None,
        start: None,
        is_final: false,
        sound: None,
        frames: 3,
        frame_rate: 16.0,
    };
    Provenance { patch, render }
}

/// A video of three small pictures with this patch.
fn video(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    let mut video = open(&path, 16.0).expect("a video begins");
    video.set_provenance(&provenance()).expect("a patch that fits");
    for level in [30, 120, 200] {
        video.push(&Picture::filled(32, 16, [level; 3])).expect("a picture fits");
    }
    video.finish(End::Whole).expect("a video ends");
    path
}

/// A PNG and an MP4 as they are rendered.
static VIDEOS: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    video(folder.path(), "a.png");
    video(folder.path(), "a.mp4");
    ["a_000001.png", "a.mp4"].map(|name| fs::read(folder.path().join(name)).expect("a file"))
});

#[test]
fn what_is_written_is_what_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["a.mp4", "a.png", "b/"] {
        video(folder.path(), name);
    }
    for name in ["a.mp4", "a_000000.png", "a_000002.png", "b/000001.png"] {
        let path = folder.path().join(name);
        let opened = read(&path).expect(name).open(&path).expect(name);
        assert_eq!((opened.patch, opened.render), (provenance().patch, Some(provenance().render)), "{name}");
        assert_eq!(opened.home, None, "saving must not replace {name}");
    }
}

/// The chunk by the reader of the crate `png`, the comment by `mp4ameta`.
#[test]
fn others_read_it_too() {
    let folder = tempfile::tempdir().expect("a folder");
    video(folder.path(), "a.png");
    let file = BufReader::new(File::open(folder.path().join("a_000001.png")).expect("a file"));
    // This reader stops before the pixels, so the chunk stands before them.
    let reader = ::png::Decoder::new(file).read_info().expect("a PNG");
    let [chunk] = &reader.info().utf8_text[..] else { panic!("one text") };
    assert_eq!((&*chunk.keyword, chunk.compressed), ("bendrack", true));
    assert_eq!(chunk.get_text().expect("text"), provenance().text().expect("text"));

    let tag = mp4ameta::Tag::read_from_path(video(folder.path(), "a.mp4")).expect("an MP4");
    let comment: serde_json::Value = serde_json::from_str(tag.comment().expect("a comment")).expect("JSON");
    assert_eq!(comment["bendrack"], serde_json::to_value(provenance().record()).expect("JSON"));
    assert_eq!(comment["bendrack"][KEY]["seed"], u64::MAX);
}

#[test]
fn a_record_is_a_patch_and_another_key_of_that_name_is_left_alone() {
    let mut patch = Patch::from_json(&provenance().record().to_json()).expect("a patch");
    assert_eq!(split(&mut patch), Some(provenance().render));
    assert_eq!(patch, provenance().patch);
    patch.rest.insert(KEY.to_owned(), "mine".into());
    assert_eq!(split(&mut patch), None);
    assert_eq!(patch.rest[KEY], "mine");
}

#[test]
fn a_sidecar_takes_the_place_of_sidecars_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.bend.json");
    sidecar::write(&path, &provenance()).expect("written");
    let longer = Provenance { render: Render { frames: 99, ..provenance().render }, ..provenance() };
    sidecar::write(&path, &longer).expect("written over");
    let opened = read(&path).expect("a file").open(&path).expect("a patch");
    assert_eq!((opened.render, opened.home), (Some(longer.render), None));

    for own in [provenance().patch.to_json(), "a letter".to_owned()] {
        fs::write(&path, &own).expect("written");
        let error = sidecar::write(&path, &provenance()).expect_err("somebody's own").to_string();
        assert!(error.contains("a.bend.json") && error.contains("left as it is"), "{error}");
        assert_eq!(fs::read_to_string(&path).expect("still there"), own);
    }
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
}

#[test]
fn a_file_without_a_patch_names_the_alternatives() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["plain.mp4", "plain.gif", "plain.png"] {
        let mut video = open(&folder.path().join(name), 16.0).expect("a video begins");
        video.push(&Picture::filled(32, 16, [9; 3])).expect("a picture fits");
        video.finish(End::Whole).expect("a video ends");
    }
    for name in ["plain.mp4", "plain.gif", "plain_000000.png"] {
        let error = read(&folder.path().join(name)).expect_err("nothing in it").to_string();
        assert!(error.contains(name) && error.contains("look for") && error.contains("plain.bend.json"), "{error}");
    }
    let error = read(&folder.path().join("nowhere.mp4")).expect_err("no file").to_string();
    assert!(error.contains("nowhere.mp4") && error.contains("give the path"), "{error}");
}

fn itxt(data: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(b"iTXt");
    crc.update(data);
    [png::SIGNATURE, &(data.len() as u32).to_be_bytes()[..], b"iTXt", data, &crc.sum().to_be_bytes()].concat()
}

#[test]
fn a_chunk_may_be_plain_and_must_be_whole_and_of_a_size() {
    let of = |data: &[u8]| png::read(&mut Cursor::new(itxt(data)));
    assert_eq!(of(b"bendrack\0\0\0en\0name\0{}").expect("whole"), Some(b"{}".to_vec()));
    assert_eq!(of(b"bendracks\0\0\0\0\0{}").expect("whole"), None, "another keyword");
    for damaged in [&b"bendrack\0"[..], b"bendrack\0\x01", b"bendrack\0\x02\0\0\0{}", b"bendrack\0\x01\0\0\0{}"] {
        let error = of(damaged).expect_err("damaged").to_string();
        assert!(error.contains("damaged"), "{error}");
    }
    let mut flipped = itxt(b"bendrack\0\0\0\0\0{}");
    let brace = flipped.len() - 5;
    flipped[brace] = b']';
    assert!(png::read(&mut Cursor::new(flipped)).is_err());

    // An archive that expands beyond the largest patch.
    let mut bomb = ::png::text_metadata::ITXtChunk::new("bendrack", "0".repeat(LIMIT as usize + 1));
    bomb.compressed = true;
    let mut bytes = png::SIGNATURE.to_vec();
    ::png::text_metadata::EncodableTextChunk::encode(&bomb, &mut bytes).expect("a chunk");
    assert!(bytes.len() < MAX_BYTES / 100 && png::read(&mut Cursor::new(bytes)).is_err());
}

#[test]
fn a_comment_is_found_where_other_tools_put_it() {
    let text = b"{\"bendrack\":{\"format\":1}}";
    let data = packed(*b"data", &[&[0, 0, 0, 1, 0, 0, 0, 0], text]);
    let items = packed(*b"ilst", &[&packed(*b"\0\0\0\x01", &[&data])]);
    let handler = packed(*b"hdlr", &[&[0; 25]]);
    let quick_time = packed(*b"moov", &[&packed(*b"meta", &[&handler, &items])]);
    let mpeg = packed(*b"moov", &[&packed(*b"meta", &[&[0; 4], &handler, &items])]);
    let large = [&1_u32.to_be_bytes()[..], b"mdat", &(16_u64 + 5).to_be_bytes(), b"video", &mpeg].concat();
    let user = packed(*b"\xa9cmt", &[&(text.len() as u16).to_be_bytes(), &[0x55, 0xc4], text]);
    let movie = packed(*b"moov", &[&packed(*b"udta", &[&user])]);
    for file in [quick_time, mpeg, large, movie] {
        assert_eq!(mp4::read(&mut Cursor::new(file)).expect("whole"), Some(b"{\"format\":1}".to_vec()));
    }
}

#[test]
fn places_behind_the_index_move_with_it_and_others_stay() {
    let table = |kind, places: &[u8]| packed(kind, &[&[0, 0, 0, 0, 0, 0, 0, 2], places]);
    let index = |kind, places: &[u8]| {
        let tables = packed(*b"stbl", &[&table(kind, places)]);
        packed(*b"trak", &[&packed(*b"mdia", &[&packed(*b"minf", &[&tables])])])
    };
    let short = index(*b"stco", &[0, 0, 0, 40, 0, 0, 2, 0]);
    let with = mp4::index_with(&short, 256, "{}").expect("it fits");
    let grown = (with.len() - short.len()) as u32;
    let places = &with[short.len() - 8..short.len()];
    assert_eq!(places, [&40_u32.to_be_bytes()[..], &(512 + grown).to_be_bytes()].concat());

    let long = index(*b"co64", &[0; 16]);
    assert_eq!(mp4::index_with(&long, 1, "{}").expect("it fits")[..long.len()], long, "both lie before");
    let full = index(*b"stco", &[0xff; 8]);
    assert_eq!(mp4::index_with(&full, 256, "{}"), None, "no larger offset fits");
}

proptest! {
    /// A number that came back as its neighbour would be another patch.
    #[test]
    fn numbers_and_texts_come_back_as_they_were(number in any::<f64>(), text in any::<String>(), seed in any::<u64>()) {
        let mut provenance = provenance();
        provenance.patch.engine.seed = seed;
        provenance.patch.meta.title.clone_from(&text);
        let params = &mut provenance.patch.nodes.get_mut("lfo").expect("a node").params;
        params.insert("rate".to_owned(), number.into());
        params.insert(text.clone(), text.into());
        let line = provenance.text().expect("text");
        for text in [line, provenance.record().to_json()] {
            let mut png = png::SIGNATURE.to_vec();
            let chunk = png::chunk(&text).expect("a chunk");
            ::png::text_metadata::EncodableTextChunk::encode(&chunk, &mut png).expect("a chunk");
            let index = mp4::index_with(&[], 0, &text).expect("an index");
            for file in [png, packed(*b"moov", &[&index])] {
                let found = find(&mut Cursor::new(file)).expect("whole").expect("found");
                let opened = found.open(Path::new("a.mp4")).expect("a patch");
                prop_assert_eq!(&opened.patch, &provenance.patch);
                prop_assert_eq!(opened.render.as_ref(), Some(&provenance.render));
            }
        }
    }
}

/// A change of a file at a place: other bytes, none, or more.
fn change() -> impl Strategy<Value = (prop::sample::Index, u8, Vec<u8>)> {
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..9),
        Just(vec![0; 4]),
        Just(vec![0xff; 4]),
        Just(vec![0, 0, 0, 1]),
        Just(vec![0x7f, 0xff, 0xff, 0xff]),
        Just(b"ilst".to_vec()),
    ];
    (any::<prop::sample::Index>(), 0..4_u8, bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever happens to a file, reading it ends, and takes no more memory than a patch may.
    #[test]
    fn damaged_files_are_read_or_refused(which in 0..2_usize, changes in prop::collection::vec(change(), 1..6)) {
        let mut file = VIDEOS[which].clone();
        for (index, kind, bytes) in changes {
            let at = index.index(file.len().max(1)).min(file.len());
            match kind {
                0 => file.truncate(at),
                1 => { file.splice(at..at, bytes); }
                _ => { let end = (at + bytes.len()).min(file.len()); file.splice(at..end, bytes); }
            }
        }
        if let Ok(Some(found)) = find(&mut Cursor::new(&file)) {
            prop_assert!(found.text.len() as u64 <= LIMIT);
            let _ = found.open(Path::new("a.mp4"));
        }
        // The same for the index that a comment is put in.
        if let Some(index) = mp4::index_with(&file, 0, "{}") {
            prop_assert!(index.len() > file.len());
        }
    }
}

#[test]
fn a_patch_is_known_by_its_sum_wherever_its_nodes_lie() {
    let patch = provenance().patch;
    let mut moved = patch.clone();
    moved.layout.entry("wan".to_owned()).or_default().pos = [999.0, 0.0];
    moved.frames.clear();
    moved.generator = "another 9.9".to_owned();
    moved.meta.thumbnail = Some("AAAA".to_owned());
    assert_eq!(patch_sha256(&moved), patch_sha256(&patch));
    assert_eq!(patch_sha256(&patch).len(), 64);
    moved.engine.seed += 1;
    assert_ne!(patch_sha256(&moved), patch_sha256(&patch));
}
