//! Numbers and small pictures sent to a board.

use crate::library::osc::output::{TRIGGER, V2, V3, V4, V5, V6, V7, V8, VALUE, VALUES, When, values_change};
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef};
use crate::node::requests::{Destination, Requested};
use crate::node::value::Kind;
use crate::program::Form;
use crate::program::cells::{Cells, Tones};
use crate::program::message::Wire;
use crate::program::source::Fit;

const NAME: Input = Input::text("name", "out", "Name of the value, at the beginning of the line.");
const FORM: Input = Input::choice_of::<Wire>("form", "Form of a line: a name and numbers, or a JSON object.");
const WHEN: Input = Input::choice_of::<When>(
    "when",
    "Times of sending: every latent frame, when a number changes, or by `trigger`. A picture always changes.",
)
.chosen(1);
const PICTURE: Input = Input::socket("picture", Kind::Picture, "Picture or map to send in place of the numbers.");
const COLUMNS: Input =
    Input::number("columns", 8.0, "Number of columns of the picture.").soft(1.0, 16.0).hard(1.0, 256.0);
const ROWS: Input = Input::number("rows", 8.0, "Number of rows of the picture, which has at most 256 cells.")
    .soft(1.0, 16.0)
    .hard(1.0, 256.0);
const TONES: Input = Input::choice_of::<Tones>(
    "tones",
    "Numbers of a cell: brightness, the raw value of a map, or red, green and blue. The brightness of a map goes from its smallest to its largest value.",
);
const DEVICE: Input = Input::text("device", "", "Name of the board; empty is every board.");

/// The most cells of a picture.
const MOST_CELLS: u16 = 256;

/// Numbers and small pictures sent to a board.
pub const NODE: NodeDef = NodeDef {
    name: "serial.out",
    title: "Serial out",
    about: "Sends numbers, a gate or a small picture to a board, as a line of text or JSON.",
    inputs: &[NAME, VALUE, FORM, WHEN, TRIGGER, PICTURE, COLUMNS, ROWS, TONES, V2, V3, V4, V5, V6, V7, V8, DEVICE],
    outputs: &[],
    memory: 1 + VALUES.len(),
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let to = Destination { device: ctx.text(&DEVICE), address: ctx.text(&NAME) };
    let wire = ctx.chosen::<Wire>(&FORM);
    let when = ctx.chosen::<When>(&WHEN);
    if let Some(source) = ctx.source(&PICTURE) {
        let width = ctx.whole(&COLUMNS) as u16;
        let height = ctx.whole(&ROWS) as u16;
        let most = (MOST_CELLS / width.max(1)).max(1);
        if height > most {
            ctx.warn("the picture for a board has more than 256 cells; lower columns or rows");
        }
        let cells = Cells { source, width, height: height.min(most), tones: ctx.chosen(&TONES), fit: Fit::Stretch };
        ctx.request_board(&to, wire, Requested::Cells(cells, Form::Int));
    } else {
        for value in VALUES {
            if ctx.has(value) {
                ctx.request_board(&to, wire, Requested::Number(ctx.number(value), Form::Float));
            }
        }
    }
    let times = match when {
        When::EveryFrame => return,
        When::Changes if ctx.has(&PICTURE) => return,
        When::Changes => u16::from(values_change(ctx)),
        When::Trigger => ctx.hits(&TRIGGER),
    };
    ctx.request_times(&to, times);
}
