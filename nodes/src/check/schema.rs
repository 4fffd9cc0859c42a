//! The JSON Schema of patches, for text editors and for programs that write patches.

use serde_json::{Map, Value as Json, json};

use crate::check::knobs::{CHANNELS, CONTROLLERS, CURVES, PARAMETERS, STEPS};
use crate::compile::plan::{CLIP_PICTURES, DENOISING_STEPS, GUIDANCE_SCALES, SHIFTS, TEMPI};
use crate::node::def::{Input, NodeDef};
use crate::node::value::Kind;
use crate::patch::{FORMAT, LONGEST_SMOOTHING, Patch, SCHEMA, VERSION};

/// The schema of a patch with these nodes. It allows unknown nodes, parameters and keys, as bendrack does.
pub fn schema(library: &[&'static NodeDef]) -> Json {
    let mut schema = schemars::schema_for!(Patch).to_value();
    schema["$id"] = json!(SCHEMA);
    schema["title"] = json!("A bendrack patch");
    schema["properties"]["format"] = json!({ "const": FORMAT });
    schema["properties"]["version"] = json!({ "const": VERSION });
    let defs = &mut schema["$defs"];
    within(&mut defs["Engine"]["properties"]["tempo"], TEMPI);
    within(&mut defs["Engine"]["properties"]["steps"], DENOISING_STEPS);
    within(&mut defs["Engine"]["properties"]["length"], CLIP_PICTURES);
    within(&mut defs["Engine"]["properties"]["shift"], SHIFTS);
    within(&mut defs["Engine"]["properties"]["guidance"], GUIDANCE_SCALES);
    within(&mut defs["Engine"]["properties"]["master"], (0.0, 1.0));
    within(&mut defs["Engine"]["properties"]["seed"], (0, u64::MAX));
    within(&mut defs["Node"]["properties"]["v"], (0, u32::MAX));
    for kind in defs["ControlMap"]["oneOf"].as_array_mut().into_iter().flatten() {
        let properties = &mut kind["properties"];
        let numbers = match properties["kind"]["const"].as_str() {
            Some("nrpn" | "rpn") => PARAMETERS,
            _ => CONTROLLERS,
        };
        for (name, limits) in [("channel", CHANNELS), ("number", numbers)] {
            if let Some(number) = properties.get_mut(name) {
                within(number, limits);
            }
        }
    }
    within(&mut defs["ControlMap"]["properties"]["curve"], CURVES);
    within(&mut defs["ControlMap"]["properties"]["smooth"], (0.0, LONGEST_SMOOTHING));
    within(&mut defs["ControlMap"]["properties"]["step"], STEPS);
    schema["$defs"]["Node"]["allOf"] = library.iter().map(|def| node(def)).collect();
    schema
}

/// Schema of the parameters of a node of this kind.
fn node(def: &NodeDef) -> Json {
    let written = def.inputs.iter().filter(|input| matches!(input.kind, Kind::Number | Kind::Gate | Kind::Text));
    let params: Map<String, Json> = written.map(|input| (input.name.to_owned(), param(input))).collect();
    json!({
        "if": { "properties": { "type": { "const": def.name } }, "required": ["type"] },
        "then": { "description": def.about, "properties": {
            "params": { "properties": params },
            "depths": { "additionalProperties": { "minimum": -1.0, "maximum": 1.0 } }
        } }
    })
}

/// Limits a number.
fn within<T: Into<Json>>(number: &mut Json, (low, high): (T, T)) {
    (number["minimum"], number["maximum"]) = (low.into(), high.into());
}

fn param(input: &Input) -> Json {
    let mut param = match input.kind {
        Kind::Number if !input.choices.is_empty() => json!({ "enum": input.choices }),
        Kind::Number => json!({ "type": "number", "minimum": input.hard.0, "maximum": input.hard.1 }),
        Kind::Gate => json!({ "type": "boolean" }),
        _ => json!({ "type": "string" }),
    };
    let unit = if input.unit.is_empty() { String::new() } else { format!(" In {}.", input.unit) };
    param["description"] = json!(format!("{}{unit}", input.about));
    if let Some(default) = input.default_json() {
        param["default"] = default;
    }
    param
}
