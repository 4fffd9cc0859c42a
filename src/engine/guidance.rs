//! Warnings about guidance that has no effect.

use bendrack_nodes::program::target::Passes;
use bendrack_nodes::program::{Program, Site};

use super::Warning;

/// The way to a model with guidance.
const ADVICE: &str =
    "this model makes chunks, which have no guidance; set a length of clips in the patch, or use Wan 2.1";

/// The parts of a program that have no effect in a model that makes chunks.
pub(super) fn warnings_of_chunks(program: &Program) -> impl Iterator<Item = Warning> {
    let bends = program.bends.iter().filter_map(|bend| {
        let is_of_guidance = bend.site == Site::Guidance;
        let is_negative = bend.target.pass == Passes::NEGATIVE;
        (is_of_guidance || is_negative).then(|| Warning::of(bend.node.clone(), format!("no effect: {ADVICE}")))
    });
    let taps = program.taps.iter().filter_map(|tap| {
        let is_negative =
            !tap.target.parts().is_empty() && tap.target.parts().iter().all(|part| part.pass == Passes::NEGATIVE);
        is_negative.then(|| Warning::of(tap.node.clone(), format!("nothing to measure: {ADVICE}")))
    });
    let negative = !program.negative.trim().is_empty();
    bends.chain(taps).chain(negative.then(|| Warning::new(format!("the negative prompt has no effect: {ADVICE}"))))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bendrack_nodes::LIBRARY;
    use bendrack_nodes::compile::plan::Plan;
    use bendrack_nodes::patch::Patch;

    use crate::engine::{Engine, Model};

    /// The warnings of mini's first call under a patch with this setting of the engine.
    fn warnings(engine: &str) -> Vec<String> {
        let text = format!(
            r#"{{ "format": "bendrack-patch", "version": 1, "engine": {{ {engine} }}, "nodes": {{
            "wan": {{ "type": "model.wan", "params": {{ "negative": "blue" }} }},
            "guide": {{ "type": "bend.guidance", "params": {{ "offset": 2 }} }},
            "pass": {{ "type": "target.pass", "params": {{ "pass": "negative" }} }},
            "rotate": {{ "type": "bend.rotate", "params": {{ "angle": 90 }} }},
            "map": {{ "type": "tap.map" }} }},
            "cables": [{{ "from": "guide.bends", "to": "rotate.bends" }}, {{ "from": "pass.target", "to": "rotate.target" }},
                {{ "from": "pass.target", "to": "map.target" }}, {{ "from": "rotate.bends", "to": "wan.bends" }}] }}"#
        );
        let patch = Patch::from_json(&text).expect("a patch");
        let (plan, problems) = Plan::compile(&patch, LIBRARY);
        let plan = plan.unwrap_or_else(|| panic!("{problems:?}"));
        let mut engine = Engine::new(Model::mini().expect("a model"), Arc::new(plan), (64, 64)).expect("an engine");
        engine.step(&[]).expect("a call");
        engine.warnings().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn guidance_without_effect_is_named_for_chunks_and_not_for_clips() {
        let chunks = warnings("\"seed\": 1");
        for start in ["guide: no effect", "rotate: no effect", "the negative prompt has no effect"] {
            assert!(chunks.iter().any(|warning| warning.starts_with(start)), "{start}: {chunks:?}");
        }
        let clips = warnings("\"length\": 9, \"steps\": 2");
        assert!(!clips.iter().any(|warning| warning.contains("no guidance")), "{clips:?}");
    }

    #[test]
    fn a_negative_prompt_that_is_too_long_is_named() {
        let long = "blue ".repeat(600);
        let text = format!(
            r#"{{ "format": "bendrack-patch", "version": 1, "engine": {{ "length": 9, "steps": 2 }},
            "nodes": {{ "wan": {{ "type": "model.wan", "params": {{ "negative": "{long}" }} }} }}, "cables": [] }}"#
        );
        let patch = Patch::from_json(&text).expect("a patch");
        let plan = Plan::compile(&patch, LIBRARY).0.expect("a plan");
        let mut engine = Engine::new(Model::mini().expect("a model"), Arc::new(plan), (64, 64)).expect("an engine");
        engine.step(&[]).expect("a call");
        let warnings: Vec<String> = engine.warnings().iter().map(ToString::to_string).collect();
        assert!(warnings.iter().any(|warning| warning.starts_with("the negative prompt is too long")), "{warnings:?}");
    }
}
