//! Parameters of a bend, found by name.

use bendrack_nodes::program::Bend;
use bendrack_nodes::program::op::Lanes;

/// Lanes of a bend's parameter, if its operation has it.
pub fn find_lanes<'a>(bend: &'a Bend, name: &str) -> Option<&'a [f64]> {
    bend.params.iter().find(|(param, _)| param.input.name == name).map(|(_, lanes)| &lanes[..])
}

/// Lanes of a bend's parameter.
pub fn lanes_of<'a>(bend: &'a Bend, name: &str) -> &'a [f64] {
    find_lanes(bend, name).unwrap_or_else(|| panic!("{} has no parameter {name}", bend.op.name))
}

/// Lanes of a bend's parameter, to write to.
pub fn lanes_mut<'a>(bend: &'a mut Bend, name: &str) -> &'a mut Lanes {
    let found = bend.params.iter_mut().find(|(param, _)| param.input.name == name);
    found.expect("a parameter of the operation").1
}
