//! A picture or map sent by OSC.

use crate::choice::choices;
use crate::library::osc::DEVICE;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef};
use crate::node::requests::{Destination, Requested};
use crate::node::value::Kind;
use crate::program::Form;
use crate::program::cells::{Cells, Tones};
use crate::program::source::Fit;

choices! {
    /// The type of the arguments.
    enum Type {
        Float = "float",
        Int = "int",
        Blob = "blob",
    }
}

const PICTURE: Input = Input::socket("picture", Kind::Picture, "Picture or map to send; without one, nothing is sent.");
const ADDRESS: Input = Input::text("address", "/bend/picture", "OSC address to send to.").address();
const COLUMNS: Input = Input::number("columns", 8.0, "Number of columns.").soft(1.0, 32.0).hard(1.0, 64.0);
const ROWS: Input =
    Input::number("rows", 8.0, "Number of rows; the list has the columns of the first row, then those of the next.")
        .soft(1.0, 32.0)
        .hard(1.0, 64.0);
const TONES: Input = Input::choice_of::<Tones>(
    "tones",
    "Numbers of a cell: brightness, the raw value of a map, or red, green and blue. The brightness of a map spans its range.",
);
const TYPE: Input = Input::choice_of::<Type>(
    "type",
    "Type: a list of floats from 0 to 1, a list of integers to 255, or a blob of bytes.",
);
const FIT: Input = Input::choice_of::<Fit>(
    "fit",
    "Fit of a picture: whole (contain), cropped (cover), or stretched. A map is stretched.",
)
.chosen(2);

/// A picture or map sent by OSC.
pub const NODE: NodeDef = NodeDef {
    name: "osc.picture",
    title: "OSC picture",
    about: "Sends a small picture or heatmap by OSC, once per latent frame.",
    inputs: &[PICTURE, ADDRESS, COLUMNS, ROWS, TONES, TYPE, FIT, DEVICE],
    outputs: &[],
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let Some(source) = ctx.source(&PICTURE) else { return };
    let to = Destination { device: ctx.text(&DEVICE), address: ctx.text(&ADDRESS) };
    let form = match ctx.chosen::<Type>(&TYPE) {
        Type::Float => Form::Float,
        Type::Int => Form::Int,
        Type::Blob => Form::Blob,
    };
    let (width, height) = (ctx.whole(&COLUMNS) as u16, ctx.whole(&ROWS) as u16);
    let cells = Cells { source, width, height, tones: ctx.chosen(&TONES), fit: ctx.chosen(&FIT) };
    ctx.request_argument(&to, Requested::Cells(cells, form));
}
