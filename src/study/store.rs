//! The results of a study: a folder with an SQLite database and a strip of pictures for each run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde_json::{Value as Json, json};

use super::compare::Values;
use super::measure::Measure;
use super::runs::{Conditions, Run, Runs};
use super::{Error, Result, Study};
use crate::disk;

/// The name of the database in the folder.
pub const DATABASE: &str = "study.sqlite";
/// The name of the folder of pictures.
const PICTURES: &str = "pictures";
/// The name of the file whose lock marks a folder that is written.
const LOCK: &str = "study.lock";

/// The facts that all results of a folder share.
const FIXED: [&str; 5] = ["model_sha256", "numbers", "size", "pictures", "steps"];

/// The tables. `results` joins them for people who query.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS study (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS samples (sample INTEGER PRIMARY KEY, seed INTEGER NOT NULL, prompt TEXT);
CREATE TABLE IF NOT EXISTS cells (cell INTEGER PRIMARY KEY, part TEXT NOT NULL, point TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS places (
    cell INTEGER, sample INTEGER NOT NULL, run TEXT NOT NULL, reference TEXT NOT NULL, UNIQUE (cell, sample, run, reference)
);
CREATE TABLE IF NOT EXISTS runs (
    run TEXT NOT NULL, reference TEXT NOT NULL, patch TEXT NOT NULL, warnings TEXT NOT NULL, seconds REAL NOT NULL,
    PRIMARY KEY (run, reference)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS measured (
    run TEXT NOT NULL, reference TEXT NOT NULL, measure TEXT NOT NULL, value REAL NOT NULL,
    PRIMARY KEY (run, reference, measure)
) WITHOUT ROWID;
CREATE VIEW IF NOT EXISTS results AS
    SELECT cells.part, cells.point, places.cell, places.sample, samples.seed, samples.prompt, places.run, measured.measure,
        measured.value
    FROM places JOIN samples USING (sample) LEFT JOIN cells USING (cell) JOIN measured USING (run, reference);
";

/// The outcome of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The measurements.
    pub values: Values,
    /// The warnings of the engine.
    pub warnings: Vec<String>,
    /// Time of the run, in seconds.
    pub seconds: f64,
    /// Pictures of the video beside one another, as a JPEG.
    pub strip: Vec<u8>,
    /// Those of the video without bends.
    pub unbent: Vec<u8>,
}

/// The place of a run in a study.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The cell, by its index; none for the yardstick.
    pub cell: Option<usize>,
    /// The sample, by its index.
    pub sample: usize,
    /// Identity and reference of the run.
    pub run: (String, String),
}

/// A folder of results.
pub struct Store {
    folder: PathBuf,
    database: Connection,
    /// Held until the folder is closed.
    _lock: Option<File>,
}

impl Store {
    /// Opens a folder to write the results of a study, or makes it. Results that are there stay.
    ///
    /// # Errors
    ///
    /// Fails if the folder holds another study or other files, if another program writes to it, or if it cannot be written.
    pub fn create(folder: &Path, study: &Study, conditions: &Conditions, runs: &Runs) -> Result<Self> {
        let failed = |error: &dyn std::fmt::Display| Error::at(folder.display(), error);
        fs::create_dir_all(folder).map_err(|error| failed(&error))?;
        let is_new = !folder.join(DATABASE).is_file();
        if is_new && fs::read_dir(folder).map_err(|error| failed(&error))?.any(|entry| !is_ours(&entry)) {
            return Err(failed(&"the folder has other files; give another one"));
        }
        fs::create_dir_all(folder.join(PICTURES)).map_err(|error| failed(&error))?;
        let lock = File::create(folder.join(LOCK)).map_err(|error| failed(&error))?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => {
                return Err(failed(&"another bendrack writes to this folder; wait for it, or give another folder"));
            }
            // A file system without locks: two writers then share the work twice.
            Err(TryLockError::Error(_)) | Ok(()) => {}
        }
        let mut store = Self { folder: folder.to_owned(), database: open(folder)?, _lock: Some(lock) };
        store.check(study, conditions, runs)?;
        store.describe(study, conditions, runs)?;
        Ok(store)
    }

    /// Opens a folder to read it.
    ///
    /// # Errors
    ///
    /// Fails if the folder has no results.
    pub fn open(folder: &Path) -> Result<Self> {
        if !folder.join(DATABASE).is_file() {
            return Err(Error::at(folder.display(), format!("there is no {DATABASE}; give the folder of a sweep")));
        }
        Ok(Self { folder: folder.to_owned(), database: open(folder)?, _lock: None })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// An error if the folder belongs to other conditions, or to another study altogether.
    fn check(&self, study: &Study, conditions: &Conditions, runs: &Runs) -> Result<()> {
        for (key, wanted) in facts(study, conditions).into_iter().filter(|(key, _)| FIXED.contains(key)) {
            if let Some(there) = self.fact(key)?.filter(|there| *there != wanted) {
                let message =
                    format!("the folder holds results with {key} {there:?}, not {wanted:?}; give another folder");
                return Err(Error::in_file(&self.folder, message));
            }
        }
        let (there, others) = (self.done()?.len(), self.others(runs)?);
        if there > 0 && there == others {
            let message = format!(
                "the folder holds {there} results, none of this study with this version of bendrack; give another folder"
            );
            return Err(Error::in_file(&self.folder, message));
        }
        Ok(())
    }

    /// The number of results that are not of these runs: of an earlier form of the study, or of another version of bendrack.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be read.
    pub fn others(&self, runs: &Runs) -> Result<usize> {
        let own: BTreeSet<(&str, &str)> = runs.runs.iter().map(|run| (&*run.id, &*run.reference)).collect();
        Ok(self.done()?.iter().filter(|(run, reference)| !own.contains(&(&**run, &**reference))).count())
    }

    /// Writes the study, its samples and its cells.
    fn describe(&mut self, study: &Study, conditions: &Conditions, runs: &Runs) -> Result<()> {
        self.write(|tables| {
            for table in ["samples", "cells", "places"] {
                tables.execute(&format!("DELETE FROM {table}"), ())?;
            }
            for (key, value) in facts(study, conditions) {
                tables.execute("INSERT OR REPLACE INTO study VALUES (?1, ?2)", params![key, value])?;
            }
            for (index, sample) in runs.samples.iter().enumerate() {
                // SQLite has signed numbers only: a seed keeps its bits.
                let seed = sample.seed as i64;
                tables
                    .execute("INSERT INTO samples VALUES (?1, ?2, ?3)", params![index as i64, seed, sample.prompt])?;
            }
            for (index, cell) in runs.cells.iter().enumerate() {
                let part = &study.parts[cell.part];
                let names = part.axes.iter().map(|axis| axis.name.clone()).zip(part.names(&cell.at).map(Json::from));
                let point = Json::Object(names.collect()).to_string();
                tables.execute("INSERT INTO cells VALUES (?1, ?2, ?3)", params![index as i64, part.name, point])?;
            }
            let mut place = tables.prepare("INSERT INTO places VALUES (?1, ?2, ?3, ?4)")?;
            for run in &runs.runs {
                let cell = run.cell.map(|cell| cell as i64);
                place.execute(params![cell, run.sample as i64, run.id, run.reference])?;
            }
            Ok(())
        })
    }

    /// The runs that are measured, by identity and reference.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be read.
    pub fn done(&self) -> Result<BTreeSet<(String, String)>> {
        self.read(|database| {
            let mut rows = database.prepare("SELECT run, reference FROM runs")?;
            let rows = rows.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })
    }

    /// Adds the outcome of a run, at once and as a whole.
    ///
    /// # Errors
    ///
    /// Fails if the disk is full or the folder cannot be written.
    pub fn add(&mut self, run: &Run, outcome: &Outcome) -> Result<()> {
        for (id, strip) in [(&run.id, &outcome.strip), (&run.reference, &outcome.unbent)] {
            let picture = self.picture(id);
            if !picture.is_file() {
                disk::replace(&picture, strip).map_err(|error| Error::in_file(&picture, error))?;
            }
        }
        let warnings = json!(outcome.warnings).to_string();
        let patch = run.patch.to_json();
        self.write(|tables| {
            let row = params![run.id, run.reference, patch, warnings, outcome.seconds];
            tables.execute("INSERT OR REPLACE INTO runs VALUES (?1, ?2, ?3, ?4, ?5)", row)?;
            for (measure, value) in &outcome.values {
                let row = params![run.id, run.reference, measure.name(), value];
                tables.execute("INSERT OR REPLACE INTO measured VALUES (?1, ?2, ?3, ?4)", row)?;
            }
            Ok(())
        })
    }

    /// Adds the results of another folder of the same study. Returns the number of new runs.
    ///
    /// # Errors
    ///
    /// Fails if the other folder holds another study, or if a file cannot be copied.
    pub fn merge(&mut self, other: &Self) -> Result<usize> {
        for key in FIXED.into_iter().chain(["study", "bendrack"]) {
            if self.fact(key)? != other.fact(key)? {
                let message = format!("its {key} is not that of {}; merge shards of one study", self.folder.display());
                return Err(Error::in_file(&other.folder, message));
            }
        }
        let known = self.done()?;
        // Other results may come meanwhile; they are for the next merge.
        let new: Vec<(String, String)> = other.done()?.into_iter().filter(|run| !known.contains(run)).collect();
        let ids: BTreeSet<&String> = new.iter().flat_map(|(run, reference)| [run, reference]).collect();
        for id in ids {
            let (from, to) = (other.picture(id), self.picture(id));
            match fs::copy(&from, &to) {
                // A report goes without it.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                copied => _ = copied.map_err(|error| Error::in_file(&from, error))?,
            }
        }
        let path = other.folder.join(DATABASE);
        let path = path.to_string_lossy();
        self.read(|database| database.execute("ATTACH ?1 AS other", params![path]).map(|_| ()))?;
        let copied = self.write(|tables| {
            for table in ["runs", "measured"] {
                let copy = format!(
                    "INSERT OR IGNORE INTO {table} SELECT * FROM other.{table} WHERE run = ?1 AND reference = ?2"
                );
                let mut copy = tables.prepare(&copy)?;
                for (run, reference) in &new {
                    copy.execute(params![run, reference])?;
                }
            }
            Ok(new.len())
        });
        self.read(|database| database.execute("DETACH other", ()).map(|_| ()))?;
        copied
    }

    /// The study of the folder.
    ///
    /// # Errors
    ///
    /// Fails if the database has no readable study.
    pub fn study(&self) -> Result<Study> {
        let text = self.fact("study")?.unwrap_or_default();
        let whole: Json = serde_json::from_str(&text).map_err(|error| Error::at(self.folder.display(), error))?;
        Study::from_whole(&whole)
    }

    /// The conditions of the runs.
    ///
    /// # Errors
    ///
    /// Fails if the database lacks them.
    pub fn conditions(&self) -> Result<Conditions> {
        let fact = |key| self.fact(key).map(Option::unwrap_or_default);
        let size = fact("size")?;
        let size = size.split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
        let pictures = fact("pictures")?.parse().ok();
        let (Some(size), Some(pictures)) = (size, pictures) else {
            return Err(Error::at(
                self.folder.display(),
                "the database lacks the size of the pictures; run the sweep again",
            ));
        };
        let (model, model_sha256, steps) = (fact("model")?, fact("model_sha256")?, fact("steps")?.parse().ok());
        Ok(Conditions { model, model_sha256, steps, numbers: fact("numbers")?, size, pictures })
    }

    /// The version of bendrack that wrote the results.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be read.
    pub fn version(&self) -> Result<String> {
        self.fact("bendrack").map(Option::unwrap_or_default)
    }

    /// The places of runs: the cell, which the yardstick lacks, the sample, identity and reference.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be read.
    pub fn places(&self) -> Result<Vec<Place>> {
        self.read(|database| {
            let query = "SELECT cell, sample, run, reference FROM places ORDER BY sample, cell";
            let mut rows = database.prepare(query)?;
            let rows = rows.query_map((), |row| {
                let (cell, sample) = (row.get::<_, Option<i64>>(0)?, row.get::<_, i64>(1)?);
                Ok(Place {
                    cell: cell.map(|cell| cell as usize),
                    sample: sample as usize,
                    run: (row.get(2)?, row.get(3)?),
                })
            })?;
            rows.collect()
        })
    }

    /// All measured values, by identity and reference.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be read.
    pub fn values(&self) -> Result<BTreeMap<(String, String), Values>> {
        self.read(|database| {
            let mut rows = database.prepare("SELECT run, reference, measure, value FROM measured")?;
            let rows = rows.query_map((), |row| {
                Ok(((row.get(0)?, row.get(1)?), row.get::<_, String>(2)?, row.get::<_, f64>(3)?))
            })?;
            let mut values = BTreeMap::<(String, String), Values>::new();
            for row in rows {
                let (run, measure, value) = row?;
                // A later version may measure more.
                if let Some(measure) = Measure::named(&measure) {
                    values.entry(run).or_default().insert(measure, value);
                }
            }
            Ok(values)
        })
    }

    /// The warnings of the runs that have some, by identity.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be read.
    pub fn warnings(&self) -> Result<BTreeMap<String, Vec<String>>> {
        self.read(|database| {
            let mut rows = database.prepare("SELECT run, warnings FROM runs WHERE warnings != '[]'")?;
            let rows = rows.query_map((), |row| {
                let warnings: String = row.get(1)?;
                Ok((row.get(0)?, serde_json::from_str(&warnings).unwrap_or_default()))
            })?;
            rows.collect()
        })
    }

    /// The strip of pictures of a run, as a JPEG; none if it is missing.
    pub fn strip(&self, run: &str) -> Option<Vec<u8>> {
        fs::read(self.picture(run)).ok()
    }

    fn picture(&self, run: &str) -> PathBuf {
        self.folder.join(PICTURES).join(format!("{run}.jpg"))
    }

    fn fact(&self, key: &str) -> Result<Option<String>> {
        self.read(|database| {
            database.query_row("SELECT value FROM study WHERE key = ?1", params![key], |row| row.get(0)).optional()
        })
    }

    fn read<T>(&self, of: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        of(&self.database).map_err(|error| Error::at(self.folder.join(DATABASE).display(), error))
    }

    fn write<T>(&mut self, of: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T> {
        let path = self.folder.join(DATABASE);
        let written = self.database.transaction().and_then(|tables| {
            let result = of(&tables)?;
            tables.commit().map(|()| result)
        });
        written.map_err(|error| Error::at(path.display(), error))
    }
}

/// The facts about a study, for the table of that name.
fn facts(study: &Study, conditions: &Conditions) -> [(&'static str, String); 9] {
    let Conditions { model, model_sha256, steps, numbers, size: (width, height), pictures } = conditions;
    [
        ("title", study.title.clone()),
        ("study", study.whole.to_string()),
        ("model", model.clone()),
        ("model_sha256", model_sha256.clone()),
        ("numbers", numbers.clone()),
        ("steps", steps.map_or_else(|| "own".to_owned(), |steps| steps.to_string())),
        ("size", format!("{width}x{height}")),
        ("pictures", pictures.to_string()),
        ("bendrack", env!("CARGO_PKG_VERSION").to_owned()),
    ]
}

fn open(folder: &Path) -> Result<Connection> {
    let path = folder.join(DATABASE);
    let opened = Connection::open(&path).and_then(|database| {
        database.execute_batch(SCHEMA)?;
        Ok(database)
    });
    opened.map_err(|error| Error::at(path.display(), error))
}

/// True for the files that a sweep leaves in a folder before its database, and for the folders of shards.
fn is_ours(entry: &std::io::Result<fs::DirEntry>) -> bool {
    let is_shard = |entry: &fs::DirEntry| entry.path().join(DATABASE).is_file();
    let is_named = |entry: &fs::DirEntry| [PICTURES, LOCK, DATABASE].iter().any(|name| entry.file_name() == *name);
    entry.as_ref().is_ok_and(|entry| is_named(entry) || is_shard(entry))
}
