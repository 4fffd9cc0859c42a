//! Operations × layers × words: the axes along which the offline AttentionBender sweeps.

use std::path::Path;

use anyhow::Result;
use bendrack::media::Picture;
use bendrack::quality::scene::{Motion, Prompt};
use serde_json::{Value as Json, json};

use super::measure::change;
use super::page::Page;
use super::rig::{Bend, DEPTHS, Rig, one};

/// An operation on the maps of cross-attention, and its amount in each column.
struct Operation {
    name: &'static str,
    columns: [(&'static str, Json); 3],
}

fn operations() -> [Operation; 6] {
    let of = |name, columns| Operation { name, columns };
    [
        of(
            "rotate",
            [("30°", json!({ "angle": 30 })), ("90°", json!({ "angle": 90 })), ("180°", json!({ "angle": 180 }))],
        ),
        of(
            "scale",
            [("× 0.5", json!({ "factor": 0.5 })), ("× 1.5", json!({ "factor": 1.5 })), ("× 3", json!({ "factor": 3 }))],
        ),
        of(
            "translate",
            [("right ⅛", json!({ "x": 0.125 })), ("right ¼", json!({ "x": 0.25 })), ("down ½", json!({ "y": 0.5 }))],
        ),
        of(
            "flip",
            [
                ("left–right", json!({ "horizontal": true })),
                ("top–bottom", json!({ "vertical": true })),
                ("both", json!({ "horizontal": true, "vertical": true })),
            ],
        ),
        of(
            "blur",
            [("σ 0.5", json!({ "sigma": 0.5 })), ("σ 1", json!({ "sigma": 1 })), ("σ 3", json!({ "sigma": 3 }))],
        ),
        of(
            "sharpen",
            [("× 1", json!({ "strength": 1 })), ("× 3", json!({ "strength": 3 })), ("× 10", json!({ "strength": 10 }))],
        ),
    ]
}

fn kind(operation: &str) -> &'static str {
    match operation {
        "rotate" => "bend.rotate",
        "scale" => "bend.scale",
        "translate" => "bend.translate",
        "flip" => "bend.flip",
        "blur" => "bend.blur",
        _ => "bend.sharpen",
    }
}

fn prompt() -> Prompt {
    one("yellow", "tulip", Motion::Still, "blue", 1)
}

/// Draws a sheet for each operation.
pub fn draw(rig: &mut Rig, folder: &Path) -> Result<()> {
    let prompt = prompt();
    let words = [("all words", None), ("“tulip”", Some("tulip")), ("“yellow”", Some("yellow"))];
    let layers = std::iter::once(("all", None)).chain(DEPTHS.map(|(name, layers)| (name, Some(layers))));
    let layers: Vec<(&str, Option<(usize, usize)>)> = layers.collect();
    let plain = rig.glance(&prompt, None)?.picture;
    for Operation { name, columns } in operations() {
        let mut page = Page::new(&format!("{name}: “{}”, seed {}", prompt.caption, prompt.seed));
        let groups = words.iter().flat_map(|(word, _)| ["", *word, "", ""]);
        page.head(&std::iter::once("").chain(groups).collect::<Vec<_>>());
        let degrees = words.iter().flat_map(|_| [""].into_iter().chain(columns.iter().map(|(degree, _)| *degree)));
        page.head(&std::iter::once("unbent").chain(degrees).collect::<Vec<_>>());
        for (depth, layers) in &layers {
            let mut row: Vec<Option<Picture>> = vec![Some((*plain).clone())];
            print!("| {name} | {depth} |");
            for (_, word) in words {
                row.push(None);
                for (_, knobs) in &columns {
                    let mut bend = Bend::new(kind(name), knobs.clone());
                    bend = layers.map_or(bend.clone(), |layers| bend.layers(layers));
                    bend = word.map_or(bend.clone(), |word| bend.words(word));
                    let bent = rig.glance(&prompt, Some(&bend))?.picture;
                    print!(" {:.1} |", change(&plain, &bent));
                    row.push(Some((*bent).clone()));
                }
            }
            println!();
            let detail = layers.map_or("layers 0–5".to_owned(), |(first, last)| format!("layers {first}–{last}"));
            page.row(depth, &detail, &row.iter().map(Option::as_ref).collect::<Vec<_>>());
        }
        page.save(&folder.join(format!("{name}.png")))?;
    }
    Ok(())
}
