//! `bendrack models fit`: the memory of a model, before it is loaded.

use indicatif::DecimalBytes;

use crate::cli::model::ModelFlags;
use crate::cli::{Failure, memory, print, print_json, size};
#[cfg(feature = "ui")]
use crate::engine::model::WAN_SIZE;
use crate::wan::checkpoint::Checkpoint;
use crate::wan::error::message;
use crate::wan::needs::{Need, Needs};

#[derive(clap::Args)]
pub(super) struct Fit {
    #[command(flatten)]
    model: ModelFlags,
    /// Width and height of the model's picture, multiples of 16.
    #[arg(long, value_name = "WxH", value_parser = size, default_value = "832x480")]
    size: (usize, usize),
    /// Print the figures as JSON, in bytes.
    #[arg(long)]
    json: bool,
}

impl Fit {
    pub(super) fn run(self) -> Result<(), Failure> {
        let failed = |error: candle_core::Error| Failure::Failed(message(&error));
        let checkpoint = self.model.checkpoint().map_err(failed)?;
        let needs = Needs::of(&checkpoint, self.size).map_err(failed)?;
        let room = memory::room();
        if self.json {
            let part = |need: &Need| serde_json::json!({ "part": need.part, "held": need.held, "mapped": need.mapped });
            let parts: Vec<_> = needs.parts.iter().map(part).collect();
            let json =
                serde_json::json!({ "parts": parts, "held": needs.held(), "mapped": needs.mapped(), "room": room });
            return print_json(&format!("{json:#}\n"));
        }
        print(&table(&needs, room))
    }
}

/// A warning if a model needs more memory for pictures of this size than is free; none if its files cannot be read.
pub(in crate::cli) fn strain(checkpoint: &Checkpoint, size: (usize, usize)) -> Option<String> {
    strain_of(&Needs::of(checkpoint, size).ok()?, memory::room()?)
}

/// The memory of a model for pictures of Wan's size in a line, and whether it fits; none if its files cannot be read.
#[cfg(feature = "ui")]
pub(super) fn summary(checkpoint: &Checkpoint) -> Option<String> {
    let needs = Needs::of(checkpoint, WAN_SIZE).ok()?;
    let needed = format!("{} in memory, {} in files.", DecimalBytes(needs.held()), DecimalBytes(needs.mapped()));
    Some(format!("{needed} {}", verdict(&needs, memory::room())))
}

fn strain_of(needs: &Needs, room: u64) -> Option<String> {
    let needed = needs.held() + needs.mapped();
    (needed > room).then(|| {
        let verdict = verdict(needs, Some(room));
        format!("the model needs {} of memory. {verdict} `bendrack models fit` lists its parts", DecimalBytes(needed))
    })
}

/// The needs as a table, and the verdict.
fn table(needs: &Needs, room: Option<u64>) -> String {
    let line = |(part, held, mapped): (&str, u64, u64)| {
        format!("{part:<14} {:>12} {:>12}", DecimalBytes(held).to_string(), DecimalBytes(mapped).to_string())
    };
    let mut lines = vec![format!("{:<14} {:>12} {:>12}", "", "in memory", "in files")];
    lines.extend(needs.parts.iter().map(|need| line((need.part, need.held, need.mapped))));
    lines.push(line(("in all", needs.held(), needs.parts.iter().map(|need| need.mapped).sum())));
    format!("{}\n\n{}\n", lines.join("\n"), verdict(needs, room))
}

/// A sentence about the room of this machine, and the next step.
fn verdict(needs: &Needs, room: Option<u64>) -> String {
    let (held, mapped) = (needs.held(), needs.mapped());
    let Some(room) = room else { return "The free memory of this machine is unknown.".to_owned() };
    let free = DecimalBytes(room);
    if held > room {
        format!(
            "It does not fit: {free} of memory are free. A smaller --size needs less, and so does a model without LoRAs."
        )
    } else if held + mapped > room {
        format!(
            "It fits, but slowly: {free} are free, so weights are read from the disk in each call. A transformer in fp8 or GGUF is smaller."
        )
    } else {
        format!("It fits: {free} of memory are free. The text encoder is read from its file at each new prompt.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_compares_memory_and_files_with_the_room() {
        let part = |part, held, mapped| Need { part, held, mapped };
        let needs = Needs { parts: vec![part("text encoder", 0, 100), part("transformer", 10, 30)] };
        for (room, start) in [(9, "It does not fit"), (39, "It fits, but slowly"), (40, "It fits:")] {
            assert!(verdict(&needs, Some(room)).starts_with(start), "{room}");
            let strain = strain_of(&needs, room);
            assert_eq!(strain.is_some_and(|strain| strain.contains(start)), room < 40, "{room}");
        }
        assert!(table(&needs, None).contains("in all"));
    }
}
