//! `bendrack schema`: the JSON Schema of patches.

use bendrack_nodes::LIBRARY;
use bendrack_nodes::check::schema::schema;

use super::{Failure, print_json};

#[derive(clap::Args)]
pub(super) struct Schema {}

impl Schema {
    #[expect(clippy::unused_self, reason = "commands have one form")]
    pub(super) fn run(self) -> Result<(), Failure> {
        print_json(&format!("{:#}\n", schema(LIBRARY)))
    }
}
