//! `bendrack models get`: a model downloaded into the folder of models.

use std::path::PathBuf;

use indicatif::{DecimalBytes, ProgressBar, ProgressStyle};

use super::folder;
use crate::cli::interrupt::Interrupt;
use crate::cli::{Failure, print};
use crate::fetch::{MODELS, Model, Place, Plan, PlannedFile, Progress, Repo, Report, Settings, State, TextEncoder};
use crate::terminal;

#[derive(clap::Args)]
pub(super) struct Get {
    /// Model: a name, or OWNER/NAME[@REVISION][:FOLDER] on the Hugging Face hub. Without one, the names are listed.
    model: Option<String>,
    /// Precision of the text encoder: bf16, fp16, fp8, q8, q5 or q4.
    #[arg(long, value_name = "PRECISION", default_value = "bf16", value_parser = text_encoder)]
    text_encoder: TextEncoder,
    /// Folder for the files [default: one of the model's name, in the folder of models].
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
    /// Take the files from this folder, without a network.
    #[arg(long, value_name = "FOLDER")]
    from: Option<PathBuf>,
    /// Print the files, and download nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print nothing but errors.
    #[arg(short, long)]
    quiet: bool,
}

fn text_encoder(name: &str) -> Result<TextEncoder, String> {
    let names = TextEncoder::ALL.map(TextEncoder::name).join(", ");
    TextEncoder::named(name).ok_or_else(|| format!("there is no text encoder {name:?}; choose from {names}"))
}

impl Get {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Some(name) = &self.model else { return print(&list()) };
        let plan = self.plan(name)?;
        if self.dry_run || !self.quiet {
            self.show(&plan)?;
        }
        if self.dry_run {
            return Ok(());
        }
        let interrupt = Interrupt::watch()?;
        let bar = Bar::new(self.quiet);
        let report = plan.run(&bar, &interrupt.flag());
        bar.0.finish_and_clear();
        let report = report.map_err(|error| {
            let again = if error.is_cancelled() { "; the same command goes on from there" } else { "" };
            Failure::Failed(format!("{error}{again}"))
        })?;
        if self.quiet { Ok(()) } else { print(&done(name, &plan, &report)) }
    }

    /// The plan of the model, by its name or its repository.
    fn plan(&self, name: &str) -> Result<Plan, Failure> {
        let failed = |error: crate::fetch::Error| Failure::Failed(error.to_string());
        let settings = Settings::from_environment();
        if let Some(model) = Model::named(name) {
            let place = self.place(model.name)?;
            return Plan::for_model(model, self.text_encoder, &place, &settings).map_err(failed);
        }
        let repo: Repo = name.parse().map_err(|error: crate::fetch::Error| {
            let names: Vec<&str> = MODELS.iter().map(|model| model.name).collect();
            Failure::Usage(format!("{error}; or one of the names {}", names.join(", ")))
        })?;
        let own = repo.name.rsplit('/').next().unwrap_or(&repo.name);
        Plan::for_repo(&repo, &self.place(own)?, &settings).map_err(failed)
    }

    /// The folders of a model of this name.
    fn place(&self, name: &str) -> Result<Place, Failure> {
        let to = self.to.clone().or_else(|| Some(folder()?.join(name)));
        let Some(to) = to else {
            return Err(Failure::Usage("there is no folder of models; give one with --to".to_owned()));
        };
        Ok(Place { to, from: self.from.clone() })
    }

    /// Prints the files, the licences and the notes of a plan.
    fn show(&self, plan: &Plan) -> Result<(), Failure> {
        let (all, missing) = (DecimalBytes(plan.total_bytes()), DecimalBytes(plan.bytes_to_fetch()));
        let mut lines = vec![format!("{}: {all}, of which {missing} to download", plan.folder.display())];
        lines.extend(plan.files.iter().map(|file| format!("  {}", line(file))));
        lines.extend(plan.licences.iter().map(|licence| format!("Licence of {licence}")));
        let text = lines.join("\n");
        if self.dry_run {
            print(&(text + "\n"))?;
        } else {
            terminal::print_error(text);
        }
        plan.notes.iter().for_each(|note| terminal::print_error(format_args!("warning: {note}")));
        Ok(())
    }
}

/// The models with a name.
fn list() -> String {
    let line = |model: &Model| {
        let bytes = model.sources(TextEncoder::default()).iter().filter_map(|source| source.bytes).sum();
        format!("{:<16} {}; {} in all, {}", model.name, model.about, DecimalBytes(bytes), model.licence.id)
    };
    let models: Vec<String> = MODELS.iter().map(line).collect();
    let models = models.join("\n");
    format!(
        "{models}\n\n`bendrack models get NAME` downloads one of these, `bendrack models get OWNER/NAME` a repository of the hub.\n"
    )
}

/// A file of a plan.
fn line(file: &PlannedFile) -> String {
    let size = file.size.map_or_else(|| "size unknown".to_owned(), |bytes| DecimalBytes(bytes).to_string());
    let state = match &file.state {
        State::Present => "is here".to_owned(),
        State::Unchecked => "is here, to be checked".to_owned(),
        State::Partly(bytes) => format!("{} are here", DecimalBytes(*bytes)),
        State::Linked(path) => format!("from {}", path.display()),
        State::Missing => format!("from {}", file.origin),
    };
    format!("{} ({size}): {state}", file.path)
}

/// The end of a download, and the next step.
fn done(name: &str, plan: &Plan, report: &Report) -> String {
    let counts = [
        (report.fetched.len(), "downloaded"),
        (report.linked.len() + report.copied.len(), "taken from this machine"),
        (report.kept.len(), "here before"),
    ];
    let counts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, way)| format!("{count} {way}")).collect();
    let is_in_models = folder().is_some_and(|models| plan.folder.parent() == Some(&models));
    let model = match plan.folder.file_name() {
        Some(name) if is_in_models => name.to_string_lossy().into_owned(),
        _ => plan.folder.display().to_string(),
    };
    let next = if Model::named(name).is_some() {
        format!("bendrack render patches/first_bend.json --model {model} -o first.mp4")
    } else {
        format!("bendrack models, which says whether {model} is complete")
    };
    format!("{}: every file is checked ({}). Next: {next}\n", plan.folder.display(), counts.join(", "))
}

/// The bar of a download.
struct Bar(ProgressBar);

impl Bar {
    fn new(is_quiet: bool) -> Self {
        let bar = if is_quiet { ProgressBar::hidden() } else { ProgressBar::new(0) };
        let style = ProgressStyle::with_template(
            "{wide_msg} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta}",
        );
        Self(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }
}

impl Progress for Bar {
    fn begin(&self, file: &str, total: Option<u64>, already: u64) {
        self.0.set_message(file.to_owned());
        self.0.set_length(total.unwrap_or_default());
        self.0.set_position(already);
        self.0.reset_eta();
    }

    fn advance(&self, bytes: u64) {
        self.0.inc(bytes);
    }

    fn done(&self) {}

    fn note(&self, text: &str) {
        self.0.println(text);
    }
}
