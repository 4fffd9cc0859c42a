//! Every bend, by its parameters.

use bendrack_nodes::LIBRARY;
use bendrack_nodes::node::def::Input;
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::LevelEdit;
use bendrack_nodes::program::Site;
use bendrack_nodes::program::op::Form;
use bendrack_nodes::tick::Memory;
use serde_json::json;

use crate::params::*;
use crate::patching::*;

#[test]
fn a_bend_at_its_defaults_leaves_the_program() {
    for def in LIBRARY {
        let program = run(&compile(&alone(def, json!({}))), &mut Memory::default(), 0, 3);
        assert!(program.bends.is_empty(), "{}: {program}", def.name);
    }
}

#[test]
fn a_bend_without_amount_or_bypassed_leaves_the_program() {
    for def in bends() {
        let bent = alone(def, moved(def));
        assert_eq!(run(&compile(&bent), &mut Memory::default(), 0, 3).bends.len(), 1, "{}", def.name);
        let mut dry = bent.clone();
        dry.nodes.get_mut("it").expect("the node").params.insert("amount".to_owned(), json!(0.0));
        assert!(run(&compile(&dry), &mut Memory::default(), 0, 3).bends.is_empty(), "{}", def.name);
        let mut bypassed = bent.clone();
        bypassed.apply(LevelEdit::Bypass { id: "it".to_owned(), bypass: true }).expect("an edit");
        assert!(run(&compile(&bypassed), &mut Memory::default(), 0, 3).bends.is_empty(), "{}", def.name);
        let mut aimless = bent;
        aimless.nodes.insert("nowhere".to_owned(), node("target.layers", &json!({ "first": 5, "last": 2 })));
        aimless.cables.push(cable("nowhere.target", "it.target"));
        assert!(run(&compile(&aimless), &mut Memory::default(), 0, 3).bends.is_empty(), "{}", def.name);
    }
}

#[test]
fn a_bend_acts_at_the_site_that_is_chosen_in_a_form_that_acts_there() {
    for def in bends() {
        let bend = |more: &[(&str, serde_json::Value)]| {
            let mut bent = alone(def, moved(def));
            let params = &mut bent.nodes.get_mut("it").expect("the node").params;
            params.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
            run(&compile(&bent), &mut Memory::default(), 0, 2).bends.remove(0)
        };
        let sites = def.input("site").map_or(&[][..], |(_, input)| input.choices);
        let chosen = sites.iter().map(|site| (bend(&[("site", json!(site))]), *site));
        let untouched = bend(&[]);
        let first = sites.first().copied().unwrap_or(untouched.site.name());
        for (bend, site) in chosen.chain([(untouched, first)]) {
            let at = format!("{} at {site}", def.name);
            assert_eq!(bend.site.name(), site, "{at}");
            let acts = match bend.op.form {
                Form::Grid(_) => bend.site.is_map() || !matches!(site, "self.value" | "cross.value"),
                Form::LogitWeight(_) | Form::Columns(_) | Form::MapNoise { .. } => bend.site.is_map(),
                Form::Transfer { .. } | Form::Freeze { .. } => bend.site == Site::CrossMap,
                Form::Position(_) => bend.site == Site::SelfPosition,
                Form::Tensor(_) => !bend.site.is_map() && bend.site != Site::SelfPosition,
            };
            assert!(acts, "{at}: {:?}", bend.op.form);
        }
        if def.input("renormalise").is_some() {
            let on = bend(&[("renormalise", json!(true)), ("site", json!("cross.map"))]);
            let renormalised = matches!(on.op.form, Form::LogitWeight(_))
                || find_lanes(&on, "renormalise").is_some_and(|on| on[0] == 1.0);
            assert!(renormalised, "{}", def.name);
        }
    }
}

#[test]
fn the_settings_of_a_bend_arrive_in_their_order() {
    for def in bends() {
        // Each knob at a value of its own; a switch or a choice is read as a whole number.
        let knobs = || def.inputs.iter().filter(|input| !matches!(input.name, "site" | "amount"));
        let value = |i: usize, input: &Input| match input.kind {
            Kind::Gate => Some((json!(true), 1.0)),
            Kind::Number if input.choices.is_empty() => {
                let x = input.soft.0 + (input.soft.1 - input.soft.0) * (i as f64 + 1.0) / 16.0;
                Some((json!(x), x))
            }
            Kind::Number => Some((json!(input.choices[1]), 1.0)),
            _ => None,
        };
        let set: Vec<_> =
            knobs().enumerate().filter_map(|(i, input)| value(i, input).map(|value| (input.name, value))).collect();
        let mut params = json!({ "words": "red" });
        for (name, (json, _)) in &set {
            params[name] = json.clone();
        }
        if def.input("words").is_none() {
            params.as_object_mut().expect("parameters").remove("words");
        }
        let bend = run(&compile(&alone(def, params)), &mut Memory::default(), 0, 1).bends.remove(0);
        for (name, (_, value)) in set.iter().filter(|(name, _)| find_lanes(&bend, name).is_some()) {
            assert_eq!(lanes_of(&bend, name)[0], *value, "{} {name}", def.name);
        }
        let silent = |name: &&str| find_lanes(&bend, name).is_none();
        let silent: Vec<_> = set.iter().map(|(name, _)| *name).filter(silent).collect();
        assert!(silent.is_empty() || silent == ["renormalise"], "{}: {silent:?} do nothing", def.name);
    }
}

#[test]
fn a_switch_that_a_cable_moves_is_on_or_off() {
    let flipped = patch(
        &[
            ("low", "control.number", json!({ "value": 0.3 })),
            ("high", "control.number", json!({ "value": 0.7 })),
            ("flip", "bend.flip", json!({})),
            ("wan", "model.wan", json!({})),
        ],
        &[("low.out", "flip.horizontal"), ("flip.bends", "wan.bends")],
    );
    assert!(run(&compile(&flipped), &mut Memory::default(), 0, 1).bends.is_empty(), "off is neutral");
    let mut on = flipped;
    on.cables[0] = cable("high.out", "flip.horizontal");
    let bend = run(&compile(&on), &mut Memory::default(), 0, 1).bends.remove(0);
    assert_eq!((lanes_of(&bend, "horizontal"), lanes_of(&bend, "vertical")), (&[1.0][..], &[0.0][..]));
}

#[test]
fn the_master_depth_scales_every_bend_and_0_removes_them() {
    for def in bends() {
        let mut patch = alone(def, moved(def));
        let amounts = |patch: &bendrack_nodes::patch::Patch| -> Vec<f64> {
            let program = run(&compile(patch), &mut Memory::default(), 0, 3);
            program.bends.iter().flat_map(|bend| bend.amount.to_vec()).collect()
        };
        let whole = amounts(&patch);
        patch.engine.master = 0.5;
        assert_eq!(amounts(&patch), whole.iter().map(|amount| amount * 0.5).collect::<Vec<_>>(), "{}", def.name);
        patch.engine.master = 0.0;
        assert!(amounts(&patch).is_empty(), "{}", def.name);
    }
}
