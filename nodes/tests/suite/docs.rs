//! `docs/nodes.md` equals the declarations of the nodes.
//!
//! `make bless` rewrites it: review it before you keep it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use bendrack_nodes::LIBRARY;
use bendrack_nodes::grammar::keyframes::MOST_KEYS;
use bendrack_nodes::grammar::prompts::MOST_PROMPTS;
use bendrack_nodes::library::family::{FAMILIES, Family};
use bendrack_nodes::node::def::{Curve, DefaultValue, Grammar, Input, Latency, NodeDef, Output};
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::program::Site;
use bendrack_nodes::program::op::Form;
use bendrack_nodes::program::target::MOST_PARTS;
use bendrack_nodes::tick::Memory;
use serde_json::json;

use crate::patching::*;

const INTRO: &str = "\
# Nodes

All nodes of the library, by family. A test writes this page from the declarations in [nodes/](../nodes/src/library): change those, and run
`make bless`.

## Terms

| term | |
|---|---|
| picture | One image of the video; 16 per second. |
| latent frame | Four pictures, 0.25 s; the first of a video is one picture. The unit of time of the model and of all nodes. |
| chunk | The latent frames that the model makes together: 3, which is 0.75 s. |
| denoising step | One of the steps from noise to a chunk; mini has 4. |
| model call | One pass through all layers: a denoising step or a cache pass. |
| cache pass | The call after the last step, which writes the finished chunk to the KV cache. |
| KV cache | The model's memory: keys and values of past latent frames. |
| layer, head | A block of the model (mini has 6); one of the attention maps side by side in it (6). |
| attention map | Attention of each cell of the picture to a word (cross-attention), or to other cells (self-attention). |
| site | The place where a bend acts, such as `cross.map`; [all sites](#where-bends-act). |
| target | The part of a site that a bend changes or a tap measures: layers, heads, words, latent frames, a region. |
| RoPE | Rotary position embedding: the encoding of positions in self-attention. |

## Cables and ports

A cable connects ports of one kind. There are exceptions. A number fits a **gate** input, and a gate fits a **number** input. A map fits a picture: it appears in
grey, from its smallest to its largest value.

- A cable adds *depth* × travel × its number to the knob of a **number**; the sum stops at the limits. Depth is −1 to 1, by default 0.25. On a
  logarithmic knob it multiplies.
- A **signal** takes the number of the cable directly.
- The range is the travel of the knob. Brackets hold the wider limits of typed numbers and cables. The unit *frames* counts latent frames.
- A **gate** goes on at 0.5 and off below 0.1. Its rise is a **trigger**. A **choice** is one of several names.
- **target**, **bend**, **map** and **picture** need a cable.
- A **text** with numbers, keys, a formula, prompts or lines takes no cable. Any other text accepts a cable.
- A *late* output gives the measurement of the previous model call. An output *a frame late* gives the value of the previous latent frame. Cables
  from both may close a loop. The picture tap is a chunk late.

Each node has a help patch: a small example for mini, the small model, with instructions. In the window, Ctrl+O opens it from `patches/help`.
";

const BENDS: &str = "\
## Where bends act

A bend acts at one site of a layer, or on the noise and the timestep. Most bends have a choice of sites; the first choice of `site` is the default.
A chain of bends acts first to last. The amount of a bend mixes its result with the unbent value, within its target.

A letter in the table is the form of the bend at the site.
";

const FORMS: &str = "\
| | form | |
|---|---|---|
| g | linear on the grid | Each position becomes a weighted sum of positions, in its latent frame or in others. At a map this is fused with attention, and fast. At other sites it acts on the output of each position. |
| w | before the softmax | The logits of words or positions change before the softmax. This is fused with attention, too. It acts before all bends of other forms, whatever its place in the chain. |
| c | on columns | Any function of the map of a word, as a picture. It needs one column of the map for each token of its words. At `self.map` it needs one for each position, which is slow. |
| p | on positions | The queries of self-attention get other RoPE positions. |
| t | on tensors | Any function of the tensor at a site, latent frame by latent frame. |
";

/// Families in the order of the page: that of first use.
const ORDER: [&str; 18] = [
    "prompt", "model", "output", "target", "bend", "tap", "control", "modulate", "math", "logic", "time", "view",
    "cache", "midi", "audio", "osc", "serial", "light",
];

/// Families in the order of the page.
fn families() -> impl Iterator<Item = &'static Family> {
    ORDER.iter().filter_map(|name| Family::find(name))
}

/// What a site is.
fn site_about(site: Site) -> &'static str {
    match site {
        Site::NoiseInit => "initial noise of a chunk",
        Site::NoiseStep => "noise added before each later denoising step",
        Site::Timestep => "timestep passed to the model",
        Site::Guidance => "guidance scale of each latent pixel of a clip",
        Site::SelfPosition => "RoPE positions of the queries of self-attention",
        Site::SelfValue => "values of self-attention",
        Site::SelfMap => "self-attention map: picture to picture, past latent frames included",
        Site::SelfOut => "output of self-attention",
        Site::CrossValue => "values of the prompt's tokens",
        Site::CrossMap => "cross-attention map: picture to words",
        Site::CrossOut => "output of cross-attention",
        Site::FfnIn => "input of the feed-forward network",
        Site::FfnHidden => "its neurons, after the activation",
        Site::FfnOut => "its output",
    }
}

/// The letter of a form.
fn letter(form: Form) -> char {
    match form {
        Form::Grid(_) => 'g',
        Form::LogitWeight(_) => 'w',
        Form::Columns(_) | Form::MapNoise { .. } | Form::Transfer { .. } | Form::Freeze { .. } => 'c',
        Form::Position(_) => 'p',
        Form::Tensor(_) => 't',
    }
}

/// The forms in which a bend acts, by site.
fn forms(def: &NodeDef) -> BTreeMap<Site, BTreeSet<char>> {
    let mut forms: BTreeMap<Site, BTreeSet<char>> = BTreeMap::new();
    let sites: Vec<_> = match def.input("site") {
        Some((_, input)) => input.choices.iter().map(|site| json!({ "site": site })).collect(),
        None => vec![json!({})],
    };
    let ways: &[_] = if def.input("renormalise").is_some() { &[false, true] } else { &[false] };
    for (site, renormalise) in sites.iter().flat_map(|site| ways.iter().map(move |way| (site, *way))) {
        let mut patch = alone(def, moved(def));
        let params = &mut patch.nodes.get_mut("it").expect("the node").params;
        params.extend(site.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
        params.extend(renormalise.then(|| ("renormalise".to_owned(), json!(true))));
        let bend = run(&compile(&patch), &mut Memory::default(), 0, 1).bends.remove(0);
        forms.entry(bend.site).or_default().insert(letter(bend.op.form));
    }
    forms
}

/// A text with its markup escaped, but for names in backticks.
fn plain(text: &str) -> String {
    let escaped = |text: &str| {
        ["\\", "|", "*", "<", "_"].iter().fold(text.to_owned(), |text, mark| text.replace(mark, &format!("\\{mark}")))
    };
    let parts = text.split('`').enumerate();
    let parts = parts.map(|(index, part)| if index % 2 == 0 { escaped(part) } else { format!("`{part}`") });
    parts.collect()
}

fn number(x: f64) -> String {
    x.to_string().replace('-', "−")
}

/// The range of an input: its knob's travel, and in brackets what it can never leave.
fn range(input: &Input) -> String {
    let span = |(low, high): (f64, f64)| format!("{} to {}", number(low), number(high));
    match input.kind {
        Kind::Number if !input.choices.is_empty() => {
            let names: Vec<_> = input.choices.iter().map(|name| format!("`{name}`")).collect();
            names.join(", ")
        }
        Kind::Number => {
            let unit = match input.unit {
                "" => String::new(),
                "°" | "×" => input.unit.to_owned(),
                unit => format!(" {unit}"),
            };
            let is_any = input.hard.1 >= 1e6;
            let hard = if is_any { "any".to_owned() } else { span(input.hard) };
            let hard = if input.hard == input.soft { String::new() } else { format!(" ({hard})") };
            let curve = if input.curve == Curve::Log { ", logarithmic" } else { "" };
            format!("{}{unit}{hard}{curve}", span(input.soft))
        }
        Kind::Text => match input.grammar {
            Grammar::Free => String::new(),
            Grammar::Address => "an OSC address".to_owned(),
            Grammar::Words(most) => format!("up to {most} words"),
            Grammar::Numbers(most) => format!("up to {most} numbers"),
            Grammar::Keys => format!("up to {MOST_KEYS} keys"),
            Grammar::Expression => "a formula".to_owned(),
            Grammar::Prompts => format!("up to {MOST_PROMPTS} prompts"),
            Grammar::Schedule => format!("up to {MOST_PROMPTS} lines"),
            Grammar::Layers => format!("up to {MOST_PARTS} entries"),
        },
        _ => String::new(),
    }
}

fn input_row(input: &Input) -> String {
    let kind = match input.kind {
        Kind::Number if !input.choices.is_empty() => "choice",
        Kind::Number if input.direct => "signal",
        kind => kind.name(),
    };
    let default = match input.default {
        DefaultValue::Number(x) if input.kind == Kind::Gate => if x == 0.0 { "off" } else { "on" }.to_owned(),
        DefaultValue::Number(x) if !input.choices.is_empty() => format!("`{}`", input.choices[x as usize]),
        DefaultValue::Number(x) => number(x),
        DefaultValue::Text("") | DefaultValue::Nothing => String::new(),
        DefaultValue::Text(text) => format!("`{text}`"),
    };
    format!("| `{}` | {kind} | {default} | {} | {} |\n", input.name, range(input), plain(input.about))
}

fn output_row(output: &Output) -> String {
    let late = match output.latency {
        None => "",
        Some(Latency::Frame) => ", a frame late",
        Some(Latency::Call) => ", late",
    };
    let bypassed = output.passes.map(|input| format!(" Bypassed, it gives `{input}`.")).unwrap_or_default();
    format!("| `{}` | {}{late} | {}{bypassed} |\n", output.name, output.kind, plain(output.about))
}

fn node(def: &NodeDef) -> String {
    let name = def.name;
    let mut text = format!("### {} `{name}`\n\n{}\n\n", def.title, plain(def.about));
    if !def.inputs.is_empty() {
        text += "| input | kind | default | range | |\n|---|---|---|---|---|\n";
        text.extend(def.inputs.iter().map(input_row));
        text += "\n";
    }
    if !def.outputs.is_empty() {
        text += "| output | kind | |\n|---|---|---|\n";
        text.extend(def.outputs.iter().map(output_row));
        text += "\n";
    }
    text + &format!("Help patch: [patches/help/{name}.json](../patches/help/{name}.json)\n\n")
}

/// Which bend acts where, and in which form.
fn table_of_sites() -> String {
    let mut text = BENDS.to_owned() + "\n" + FORMS + "\n| | ";
    for site in Site::ALL {
        let _ = write!(text, "{} | ", site.name().replace('.', "<br>"));
    }
    text = text.trim_end().to_owned() + "\n|---" + &"|:-:".repeat(Site::ALL.len()) + "|\n";
    for def in bends() {
        let forms = forms(def);
        let cells = Site::ALL.map(|site| forms.get(&site).map(String::from_iter).unwrap_or_default());
        let _ = writeln!(text, "| [{}](#{}) | {} |", def.name, anchor(def), cells.join(" | "));
    }
    text += "\n| site | |\n|---|---|\n";
    for site in Site::ALL {
        let _ = writeln!(text, "| `{site}` | {} |", site_about(site));
    }
    text
}

/// Where GitHub puts the heading of a node.
fn anchor(def: &NodeDef) -> String {
    let heading = format!("{} {}", def.title, def.name).to_lowercase().replace(' ', "-");
    heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
}

fn page() -> String {
    let mut text = INTRO.to_owned() + "\n";
    for Family { name, title, .. } in families() {
        let nodes = LIBRARY.iter().filter(|def| def.family() == *name);
        let links: Vec<_> = nodes.map(|def| format!("[{}](#{})", def.title, anchor(def))).collect();
        let _ = writeln!(text, "- [{title}](#{}): {}", title.to_lowercase(), links.join(", "));
    }
    for Family { name, title, about, .. } in families() {
        let _ = write!(text, "\n## {title}\n\n{about}\n\n");
        let nodes = LIBRARY.iter().filter(|def| def.family() == *name);
        text.extend(nodes.map(|def| node(def)));
        text = text.trim_end().to_owned() + "\n";
        if *name == "bend" {
            text += "\n";
            text += &table_of_sites();
        }
    }
    text
}

#[test]
fn the_page_has_every_family_once() {
    let listed: BTreeSet<_> = ORDER.into_iter().collect();
    assert_eq!(listed.len(), ORDER.len());
    assert_eq!(listed, FAMILIES.iter().map(|family| family.name).collect());
}

#[test]
fn the_page_of_nodes_is_what_the_nodes_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/nodes.md");
    let page = page();
    if std::env::var_os("BENDRACK_BLESS").is_some() {
        return std::fs::write(path, page).expect("the page is written");
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    let differs = written.lines().zip(page.lines()).position(|(a, b)| a != b);
    let line = differs.unwrap_or_else(|| written.lines().count().min(page.lines().count())) + 1;
    assert!(
        written == page,
        "docs/nodes.md differs from the declarations from line {line} on; \
         make bless rewrites it"
    );
}

/// A page or file of the project.
fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_readme_counts_nodes_and_bends() {
    let readme = file("README.md");
    for count in [format!("- **{} nodes**", LIBRARY.len()), format!("- **{} bends**", bends().count())] {
        assert!(readme.contains(&count), "README.md: {count:?} is missing; correct the number");
    }
}

#[test]
fn the_ramp_of_contributing_is_the_one_of_the_example() {
    let (page, example) = (file("CONTRIBUTING.md"), file("examples/custom_node.rs"));
    let shown = page.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block of Rust");
    let module = example.split("mod ramp {\n").nth(1).and_then(|rest| rest.split("\n}\n").next()).expect("a module");
    let module: Vec<&str> = module.lines().map(|line| line.strip_prefix("    ").unwrap_or(line)).collect();
    let module = module.join("\n").replace("bendrack_nodes::", "crate::").replace("custom.ramp", "modulate.ramp");
    let (_, shown) = shown.split_once("\n\n").expect("a comment of the file");
    assert_eq!(shown.trim(), module.trim());
}
