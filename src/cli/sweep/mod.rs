//! `bendrack sweep`: studies, their shards, reports and job files.

mod jobs;
mod workers;

use std::fs;
use std::path::{Path, PathBuf};

use bendrack_nodes::compile::plan::DENOISING_STEPS;
use indicatif::{HumanDuration, ProgressDrawTarget};

use super::files::{Content, Files, check_replaced};
use super::interrupt::Interrupt;
use super::model::ModelFlags;
use super::{Failure, bar, print, size};
use crate::disk;
use crate::files::is_same;
use crate::study::measure::Measure;
use crate::study::report::Report;
use crate::study::report::figures::MOST_AXES;
use crate::study::runs::{Conditions, Run, Runs};
use crate::study::store::{DATABASE, Store};
use crate::study::sweep::Workers;
use crate::study::{Error, Study};
use crate::terminal;
use crate::wan::error::message;
use jobs::{Cluster, Job};

/// The name of the report in the folder.
const REPORT: &str = "report.html";
/// Failed runs after which a sweep ends.
const MOST_FAILURES: usize = 20;
/// Most shards of a study.
const MOST_SHARDS: u64 = 100_000;

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Sweep {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    play: Play,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Unites the folders of shards.
    Merge(Merge),
    /// Writes the report of a folder as one HTML page.
    Report(ReportFiles),
    /// Writes a job file, whose tasks sweep one shard each.
    Jobs(Jobs),
}

#[derive(clap::Args)]
struct Play {
    /// Study file.
    #[arg(required = true)]
    study: Option<PathBuf>,
    /// Folder of results. A sweep goes on where it ended.
    #[arg(short, long, value_name = "FOLDER", required = true)]
    output: Option<PathBuf>,
    /// Part of the runs, for several machines: number and count, such as 1/8.
    #[arg(long, value_name = "I/N", value_parser = shard, default_value = "1/1")]
    shard: (usize, usize),
    /// Number of runs at a time [default: one for each core, as far as memory allows].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1024))]
    workers: Option<u64>,
    #[command(flatten)]
    model: ModelFlags,
    /// Denoising steps of a chunk, instead of those of the patch or of the model.
    #[arg(long, value_parser = clap::value_parser!(u64).range(DENOISING_STEPS.0..=DENOISING_STEPS.1))]
    steps: Option<u64>,
    /// Width and height of the model's picture, multiples of 16 [default: 128x128 for mini, else 832x480].
    #[arg(long, value_name = "WxH", value_parser = size)]
    size: Option<(usize, usize)>,
    /// Print the number of runs, and play none.
    #[arg(long)]
    dry_run: bool,
    /// Print nothing but errors.
    #[arg(short, long)]
    quiet: bool,
}

#[derive(clap::Args)]
struct Merge {
    /// Folder for all results.
    #[arg(short, long, value_name = "FOLDER")]
    output: PathBuf,
    /// Folders of shards.
    #[arg(required = true, value_name = "SHARD")]
    shards: Vec<PathBuf>,
}

#[derive(clap::Args)]
struct ReportFiles {
    /// Folder of results.
    folder: PathBuf,
    /// Page [default: report.html in the folder].
    #[arg(short, long, value_name = "FILE.html")]
    output: Option<PathBuf>,
    /// Also write a figure of each part and measurement to this folder, as SVG.
    #[arg(long, value_name = "FOLDER")]
    figures: Option<PathBuf>,
    /// Also write the statistics to this file, as JSON.
    #[arg(long, value_name = "FILE.json")]
    json: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Jobs {
    /// Study file, as the tasks find it.
    study: PathBuf,
    /// Folder of results, as the tasks find it; each shard is a folder in it.
    #[arg(short, long, value_name = "FOLDER")]
    output: PathBuf,
    /// Cluster.
    #[arg(long, value_enum, default_value = "slurm")]
    cluster: Cluster,
    /// Number of shards.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=MOST_SHARDS))]
    shards: u64,
    /// Processor cores of a task.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=4096))]
    cpus: u64,
    /// Memory of a task, such as 8G.
    #[arg(long, value_parser = memory)]
    memory: Option<String>,
    #[command(flatten)]
    model: ModelFlags,
    /// Denoising steps of the sweep.
    #[arg(long, value_parser = clap::value_parser!(u64).range(DENOISING_STEPS.0..=DENOISING_STEPS.1))]
    steps: Option<u64>,
    /// Width and height of the sweep.
    #[arg(long, value_name = "WxH", value_parser = size)]
    size: Option<(usize, usize)>,
    /// Container image with bendrack, for Kubernetes.
    #[arg(long, default_value = "bendrack:latest")]
    image: String,
    /// Claim of the volume that is the working folder, for Kubernetes.
    #[arg(long, default_value = "bendrack")]
    volume: String,
}

impl Sweep {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            None => self.play.run(),
            Some(Command::Merge(merge)) => merge.run(),
            Some(Command::Report(report)) => report.run(),
            Some(Command::Jobs(jobs)) => jobs.run(),
        }
    }
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::Failed(error.to_string())
}

impl Play {
    fn run(self) -> Result<(), Failure> {
        let (Some(path), Some(folder)) = (&self.study, &self.output) else { return Ok(()) };
        let interrupt = Interrupt::watch()?;
        let study = Study::load(path).map_err(failed)?;
        let model_failed = |error: candle_core::Error| Failure::Failed(message(&error));
        let mut model = self.model.open().map_err(model_failed)?;
        model.denoising.steps = self.steps.map(|steps| steps as usize);
        let conditions = Conditions {
            model: model.short_name(),
            model_sha256: model.sha256().map_err(model_failed)?,
            steps: model.denoising.steps,
            numbers: format!("{:?}", model.transformer.dtype()),
            size: self.size.unwrap_or(model.size),
            pictures: study.pictures(),
        };
        let runs = Runs::of(&study, &conditions).map_err(failed)?;
        let shard = runs.shard(self.shard);
        // A mistake in the last patch is found before the first run.
        let parts = |run: &Run| run.cell.map(|cell| &study.parts[runs.cells[cell].part]);
        for run in &shard {
            let checked = parts(run).map_or(Ok(()), |part| run.check(part));
            checked.map_err(|error| failed(format!("{}: {error}", runs.name(&study, run))))?;
        }
        if self.dry_run {
            return print(&self.plan(&study, &runs, shard.len()));
        }
        let mut store = Store::create(folder, &study, &conditions, &runs).map_err(failed)?;
        let done = store.done().map_err(failed)?;
        let todo: Vec<&Run> =
            shard.iter().copied().filter(|run| !done.contains(&(run.id.clone(), run.reference.clone()))).collect();
        let kept = shard.len() - todo.len();
        let fitting = || workers::fitting(&model, conditions.size, conditions.pictures);
        let count = self.workers.map_or_else(fitting, |workers| workers as usize);
        let others = store.others(&runs).map_err(failed)?;
        if others > 0 && !self.quiet {
            terminal::print_error(format_args!(
                "warning: {others} results in the folder are not of this form of the study and this version of bendrack; they stay, and the report leaves them out"
            ));
        }
        if !self.quiet {
            let there = if kept > 0 { format!(", {kept} of them measured before") } else { String::new() };
            let folder = folder.display();
            terminal::print_error(format_args!("{folder}: {} runs{there}; {count} at a time", shard.len()));
        }
        let bar = bar(todo.len(), "runs");
        if self.quiet {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let is_over = interrupt.flag();
        let workers =
            Workers { model: &model, conditions: &conditions, samples: &runs.samples, count, is_over: &is_over };
        let begin = std::time::Instant::now();
        let (mut now, mut failures) = (0, Vec::new());
        let played = workers.play(&todo, |run, outcome| {
            bar.inc(1);
            match outcome {
                Ok(outcome) => {
                    store.add(run, &outcome)?;
                    now += 1;
                }
                Err(error) => {
                    let problem = format!("{}: {error}", runs.name(&study, run));
                    bar.suspend(|| terminal::print_error(format_args!("{problem}")));
                    failures.push(problem);
                    if failures.len() >= MOST_FAILURES {
                        return Err(Error::in_file(folder, format!("{MOST_FAILURES} runs failed")));
                    }
                }
            }
            Ok(())
        });
        bar.finish_and_clear();
        let so_far = format!("{} of {} runs are kept; the same command goes on", kept + now, shard.len());
        if !played.map_err(|error| failed(format!("{error}; {so_far}")))? {
            return Err(failed(format!("interrupted; {so_far}")));
        }
        let page = write_report(&store, &folder.join(REPORT))?;
        if !self.quiet {
            let (time, page) = (HumanDuration(begin.elapsed()), page.display());
            terminal::print_error(format_args!("{now} runs in {time}. Report: {page}"));
        }
        match failures.len() {
            0 => Ok(()),
            count => Err(failed(format!("{count} runs failed, see above; {so_far}"))),
        }
    }

    /// The numbers of a study, for --dry-run.
    fn plan(&self, study: &Study, runs: &Runs, shard: usize) -> String {
        let part = |(index, part): (usize, &crate::study::Part)| {
            let axes: Vec<String> =
                part.axes.iter().map(|axis| format!("{} {}", axis.points.len(), axis.name)).collect();
            let cells = runs.cells.iter().filter(|cell| cell.part == index).count();
            let axes = if axes.is_empty() { "no axes".to_owned() } else { axes.join(" × ") };
            format!("{}: {axes}, {cells} cells\n", if part.name.is_empty() { "The study" } else { &part.name })
        };
        let parts: String = study.parts.iter().enumerate().map(part).collect();
        let (of, count) = self.shard;
        let shard = if count > 1 { format!("; {shard} in shard {of} of {count}") } else { String::new() };
        let (samples, all) = (runs.samples.len(), runs.shard((1, 1)).len());
        format!("{parts}{samples} samples, {all} different runs of {} pictures{shard}\n", study.pictures())
    }
}

impl Merge {
    fn run(self) -> Result<(), Failure> {
        let Some(first) = self.shards.first() else { return Ok(()) };
        let first = Store::open(first).map_err(failed)?;
        let (study, conditions) = (first.study().map_err(failed)?, first.conditions().map_err(failed)?);
        let runs = Runs::of(&study, &conditions).map_err(failed)?;
        let mut store = Store::create(&self.output, &study, &conditions, &runs).map_err(failed)?;
        for shard in self.shards.iter().filter(|shard| !is_same(shard, &self.output)) {
            let shard = Store::open(shard).map_err(failed)?;
            let new = store.merge(&shard).map_err(failed)?;
            terminal::print_error(format_args!("{}: {new} new runs", shard.folder().display()));
        }
        let done = store.done().map_err(failed)?;
        let all = runs.shard((1, 1));
        let missing = all.iter().filter(|run| !done.contains(&(run.id.clone(), run.reference.clone()))).count();
        let page = write_report(&store, &self.output.join(REPORT))?;
        let missing = match missing {
            0 => "all runs are there".to_owned(),
            missing => format!("{missing} of {} runs are missing", all.len()),
        };
        terminal::print_error(format_args!("{missing}. Report: {}", page.display()));
        Ok(())
    }
}

impl ReportFiles {
    fn run(self) -> Result<(), Failure> {
        let page = self.output.clone().unwrap_or_else(|| self.folder.join(REPORT));
        let results = self.folder.join(DATABASE);
        let mut files = Files::default().input("the results", &results).output("-o", &page, Content::Page);
        if let Some(path) = &self.json {
            files = files.output("--json", path, Content::Statistics);
        }
        files.check()?;
        let store = Store::open(&self.folder).map_err(failed)?;
        let report = Report::of(&store).map_err(failed)?;
        write(&page, report.page(&store).as_bytes())?;
        if let Some(path) = &self.json {
            write(path, format!("{:#}\n", report.json(None)).as_bytes())?;
        }
        let Some(folder) = &self.figures else { return Ok(()) };
        fs::create_dir_all(folder).map_err(|error| failed(Error::in_file(folder, error)))?;
        let slugs: Vec<String> =
            report.study.parts.iter().enumerate().map(|(index, part)| slug(&part.name, index)).collect();
        for (index, part) in report.study.parts.iter().enumerate() {
            if part.axes.len() > MOST_AXES {
                let name = &part.name;
                terminal::print_error(format_args!("{name}: no figures, as the part has more than {MOST_AXES} axes"));
            }
            let slug = &slugs[index];
            let number = if slugs.iter().filter(|other| *other == slug).count() > 1 {
                format!("-{index}")
            } else {
                String::new()
            };
            for measure in Measure::ALL {
                if let Some(figure) = report.figure(index, measure) {
                    let path = folder.join(format!("{slug}{number}-{}.svg", measure.name()));
                    check_replaced("--figures", &path, Content::Svg)?;
                    write(&path, figure.as_bytes())?;
                }
            }
        }
        Ok(())
    }
}

impl Jobs {
    fn run(self) -> Result<(), Failure> {
        let name = self.study.file_stem().map_or_else(|| "sweep".to_owned(), |name| slug(&name.to_string_lossy(), 0));
        if self.cluster == Cluster::Kubernetes && [&self.study, &self.output].iter().any(|path| path.is_absolute()) {
            let why = "give paths from the working folder, which is the volume; a path from / is lost with the pod";
            return Err(Failure::Usage(why.to_owned()));
        }
        let flags = [
            ("--steps", self.steps.map(|steps| steps.to_string())),
            ("--size", self.size.map(|(width, height)| format!("{width}x{height}"))),
        ];
        let given = flags.into_iter().filter_map(|(flag, value)| Some([flag.to_owned(), value?]));
        let arguments: Vec<String> = self.model.arguments().into_iter().chain(given.flatten()).collect();
        let job = Job {
            name: &name,
            study: &self.study,
            output: &self.output,
            shards: self.shards as usize,
            arguments: &arguments,
            cpus: self.cpus,
            memory: self.memory.as_deref(),
            image: &self.image,
            volume: &self.volume,
        };
        print(&job.file(self.cluster))
    }
}

/// Writes the report of a folder. It replaces another report, and no other file.
fn write_report(store: &Store, page: &Path) -> Result<PathBuf, Failure> {
    check_replaced("the report", page, Content::Page)?;
    let report = Report::of(store).map_err(failed)?;
    write(page, report.page(store).as_bytes())?;
    Ok(page.to_owned())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    disk::replace(path, bytes).map_err(|error| failed(Error::in_file(path, error)))
}

/// A name for files: letters, digits and hyphens.
fn slug(name: &str, index: usize) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let parts: Vec<&str> = plain.split('-').filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { format!("part-{index}") } else { parts.join("-") }
}

/// Parses a shard, `1/8`.
fn shard(text: &str) -> Result<(usize, usize), String> {
    let parts = text.split_once('/').and_then(|(number, count)| Some((number.parse().ok()?, count.parse().ok()?)));
    parts
        .filter(|&(number, count): &(usize, usize)| (1..=count).contains(&number) && count as u64 <= MOST_SHARDS)
        .ok_or_else(|| "a shard is its number and their count, such as 1/8".to_owned())
}

/// Parses an amount of memory: a number and M or G.
fn memory(text: &str) -> Result<String, String> {
    let number = text.strip_suffix(['M', 'G']).and_then(|number| number.parse::<u32>().ok());
    number
        .filter(|number| *number > 0)
        .map(|_| text.to_owned())
        .ok_or_else(|| "memory is a number and M or G, such as 8G".to_owned())
}
