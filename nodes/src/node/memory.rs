//! Memory of running nodes, from frame to frame: phases, envelopes, held values, earlier texts.
//!
//! It is plain data: copied, compared and kept. It follows nodes by id, so an edit of the patch leaves the memory of
//! all other nodes unchanged.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::input::ControlId;
use crate::mapping::{KNOB_CELLS, KnobState, MAP_CELLS};
use crate::node::def::NodeDef;
use crate::node::value::Kind;
use crate::patch::ControlMap;

/// Last number of an output without a value so far.
pub(crate) const NOTHING: f64 = f64::NAN;
/// Numbers that belong to no node: see [`Memory::beat`], [`Memory::tempo`] and [`Memory::bank`].
const COMMON: usize = 3;

/// Memory of running nodes.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    layout: Arc<Layout>,
    /// The beat, the tempo and the bank, then the numbers of each node.
    numbers: Vec<f64>,
    /// The texts of each node.
    texts: Vec<Option<Arc<str>>>,
}

/// Offsets of each node's numbers and texts in a [`Memory`].
#[derive(Debug, Default)]
pub(crate) struct Layout {
    nodes: BTreeMap<Arc<str>, Cells>,
    /// Knobs with maps, by node and input.
    knobs: BTreeMap<(Arc<str>, &'static str), KnobCells>,
    count: usize,
    texts: usize,
}

/// Offsets of the numbers of a knob with maps.
#[derive(Debug)]
struct KnobCells {
    cells: Range<usize>,
    /// The controls of its maps. Another list of controls starts with an empty memory.
    controls: Vec<(ControlId, u32)>,
}

/// Offsets of the numbers of a node: its own, one per input, one per output.
#[derive(Clone, Debug)]
pub(crate) struct Cells {
    def: &'static NodeDef,
    start: usize,
    /// Offset of its texts.
    texts: usize,
}

impl Cells {
    /// Offsets of the node's own numbers.
    pub(crate) fn own(&self) -> Range<usize> {
        self.start..self.start + self.def.memory
    }

    /// Offsets of the inputs' last states, one number per input of any kind; a gate that was on has 1.
    pub(crate) fn inputs(&self) -> Range<usize> {
        let start = self.own().end;
        start..start + self.def.inputs.len()
    }

    /// The last number or gate on each output.
    pub(crate) fn outputs(&self) -> Range<usize> {
        let start = self.inputs().end;
        start..start + self.def.outputs.len()
    }

    /// The texts that the node keeps.
    fn texts(&self) -> Range<usize> {
        self.texts..self.texts + self.def.texts
    }
}

impl Layout {
    /// A layout with numbers and texts of each of these nodes.
    pub(crate) fn new<'a>(nodes: impl Iterator<Item = (&'a Arc<str>, &'static NodeDef)>) -> Self {
        let mut layout = Self { count: COMMON, ..Self::default() };
        for (id, def) in nodes {
            let cells = Cells { def, start: layout.count, texts: layout.texts };
            layout.count = cells.outputs().end;
            layout.texts = cells.texts().end;
            layout.nodes.insert(id.clone(), cells);
        }
        layout
    }

    /// Adds a knob with maps. Returns the offsets of its numbers.
    pub(crate) fn add_knob(&mut self, node: &Arc<str>, input: &'static str, maps: &[ControlMap]) -> Range<usize> {
        let cells = self.count..self.count + KNOB_CELLS + maps.len() * MAP_CELLS;
        self.count = cells.end;
        let controls = maps.iter().map(|map| (map.from.clone(), map.index)).collect();
        self.knobs.insert((node.clone(), input), KnobCells { cells: cells.clone(), controls });
        cells
    }

    /// The nodes with the names of their declarations.
    fn names(&self) -> Vec<(Arc<str>, String)> {
        self.nodes.iter().map(|(id, cells)| (id.clone(), cells.def.name.to_owned())).collect()
    }

    /// The declaration of a node.
    pub(crate) fn def(&self, id: &str) -> Option<&'static NodeDef> {
        self.nodes.get(id).map(|cells| cells.def)
    }

    /// Offsets of the numbers of a node.
    pub(crate) fn cells(&self, id: &str) -> Option<&Cells> {
        self.nodes.get(id)
    }
}

impl StoredMemory {
    /// The memory in a plan of the same nodes; none if the nodes differ. Before the first tick any plan fits.
    pub(crate) fn restore(self, layout: &Arc<Layout>) -> Option<Memory> {
        if self.numbers.is_empty() {
            return Some(Memory::default());
        }
        let fits =
            self.nodes == layout.names() && (self.numbers.len(), self.texts.len()) == (layout.count, layout.texts);
        fits.then(|| Memory { layout: layout.clone(), numbers: self.numbers, texts: self.texts })
    }
}

impl Memory {
    /// The last number on an output; of a gate, 1 or 0.
    pub fn output(&self, node: &str, output: &str) -> Option<f64> {
        let cells = self.layout.cells(node)?;
        let (index, _) = cells.def.output(output)?;
        let number = self.numbers[cells.outputs()][index];
        (!number.is_nan()).then_some(number)
    }

    /// The state of a knob with maps; none before its first frame.
    pub fn knob(&self, node: &str, input: &str) -> Option<KnobState> {
        let (_, input) = self.layout.cells(node)?.def.input(input)?;
        let knob = self.layout.knobs.get(&(Arc::from(node), input.name))?;
        KnobState::of(&self.numbers[knob.cells.clone()])
    }

    /// Beats since the beginning.
    pub fn beat(&self) -> f64 {
        self.numbers.first().copied().unwrap_or_default()
    }

    /// Requested tempo of this frame, in beats per minute; 0 without a request.
    pub fn tempo(&self) -> f64 {
        self.numbers.get(1).copied().unwrap_or_default()
    }

    /// The bank of maps in this frame; 1 without a request.
    pub fn bank(&self) -> u8 {
        self.numbers.get(2).map_or(1, |bank| (*bank as u8).max(1))
    }

    /// Advances to the next frame.
    pub(crate) fn advance(&mut self, beat: f64, tempo: f64, bank: u8) {
        self.numbers[..COMMON].copy_from_slice(&[beat, tempo, f64::from(bank)]);
    }

    pub(crate) fn numbers(&self, place: Range<usize>) -> &[f64] {
        &self.numbers[place]
    }

    pub(crate) fn numbers_mut(&mut self, place: Range<usize>) -> &mut [f64] {
        &mut self.numbers[place]
    }

    /// The node's own numbers and texts.
    pub(crate) fn own(&mut self, cells: &Cells) -> (&mut [f64], &mut [Option<Arc<str>>]) {
        (&mut self.numbers[cells.own()], &mut self.texts[cells.texts()])
    }

    /// True if the memory has this layout.
    pub(crate) fn has(&self, layout: &Arc<Layout>) -> bool {
        Arc::ptr_eq(&self.layout, layout)
    }

    /// Adopts the layout of a plan. Nodes of the former layout keep their memory, others start with an empty one.
    pub(crate) fn adopt(&mut self, layout: &Arc<Layout>) {
        if self.has(layout) {
            return;
        }
        let mut numbers = vec![0.0; layout.count];
        let mut texts = vec![None; layout.texts];
        for (id, new) in &layout.nodes {
            numbers[new.outputs()].fill(NOTHING);
            if let Some(old) = self.layout.nodes.get(id).filter(|old| std::ptr::eq(old.def, new.def)) {
                numbers[new.start..new.outputs().end].copy_from_slice(&self.numbers[old.start..old.outputs().end]);
                texts[new.texts()].clone_from_slice(&self.texts[old.texts()]);
            }
        }
        for (port, new) in &layout.knobs {
            let old = self.layout.knobs.get(port).filter(|old| old.controls == new.controls);
            match old {
                Some(old) => numbers[new.cells.clone()].copy_from_slice(&self.numbers[old.cells.clone()]),
                None => numbers[new.cells.clone()].fill(NOTHING),
            }
        }
        if !self.numbers.is_empty() {
            numbers[..COMMON].copy_from_slice(&self.numbers[..COMMON]);
        }
        *self = Self { layout: layout.clone(), numbers, texts };
    }

    /// Copies another memory into the allocations of this one.
    pub fn copy_from(&mut self, other: &Self) {
        self.layout.clone_from(&other.layout);
        self.numbers.clone_from(&other.numbers);
        self.texts.clone_from(&other.texts);
    }
}

/// A [`Memory`] apart from its plan, to be stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StoredMemory {
    /// The nodes, in the order of their numbers, each with the name of its declaration.
    nodes: Vec<(Arc<str>, String)>,
    numbers: Vec<f64>,
    texts: Vec<Option<Arc<str>>>,
}

impl Memory {
    /// The memory without its plan.
    pub fn store(&self) -> StoredMemory {
        StoredMemory { nodes: self.layout.names(), numbers: self.numbers.clone(), texts: self.texts.clone() }
    }
}

impl PartialEq for Memory {
    fn eq(&self, other: &Self) -> bool {
        let bits = |memory: &Self, cells: &Cells| -> Vec<u64> {
            memory.numbers[cells.start..cells.outputs().end].iter().map(|number| number.to_bits()).collect()
        };
        let nodes = |memory: &Self| -> Vec<_> {
            let texts = |cells: &Cells| memory.texts[cells.texts()].to_vec();
            memory.layout.nodes.iter().map(|(id, cells)| (id.clone(), bits(memory, cells), texts(cells))).collect()
        };
        let knobs = |memory: &Self| -> Vec<_> {
            let bits =
                |cells: &Range<usize>| memory.numbers[cells.clone()].iter().map(|number| number.to_bits()).collect();
            let knobs = memory.layout.knobs.iter();
            knobs.map(|(port, knob)| (port.clone(), bits(&knob.cells))).collect::<Vec<(_, Vec<u64>)>>()
        };
        let is_equal = nodes(self) == nodes(other) && knobs(self) == knobs(other);
        let common = |memory: &Self| (memory.beat(), memory.tempo(), memory.bank());
        common(self) == common(other) && is_equal
    }
}

/// True if the last value on an output of this kind is a remembered number.
pub(crate) const fn is_remembered(kind: Kind) -> bool {
    matches!(kind, Kind::Number | Kind::Gate)
}
