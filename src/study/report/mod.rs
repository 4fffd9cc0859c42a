//! The report of a study: means, intervals and tests of every cell, as data and as one HTML page without other files.

pub mod figures;

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

use super::measure::{Kind, Measure};
use super::runs::{Sample, cells_of, samples_of};
use super::statistics::{LEVEL, Mean, corrected, sign_flip_test};
use super::store::Store;
use super::{Result, Study};

/// The page, without its data.
const PAGE: &str = include_str!("page.html");
/// The mark in the page that the data replaces.
const MARK: &str = "{\"study\":null}";

/// The share of false findings among findings that a report marks.
pub const FALSE_FINDINGS: f64 = 0.05;

/// The statistics of a measurement in a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The values, sample by sample.
    pub samples: Vec<f64>,
    /// Their mean.
    pub mean: Mean,
    /// The probability of the sign-flip test, for changes.
    pub probability: Option<f64>,
    /// It, corrected for all tests of the part.
    pub corrected: Option<f64>,
}

/// The results of a cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CellReport {
    /// The index of the point on each axis.
    pub at: Vec<usize>,
    /// The measurements.
    pub findings: BTreeMap<Measure, Finding>,
    /// The first sample that is measured, with its run and its video without bends, for their pictures.
    pub pictures: Option<(usize, (String, String))>,
    /// The warnings of its runs, each once.
    pub warnings: Vec<String>,
}

/// The results of a study.
pub struct Report {
    /// The study.
    pub study: Study,
    /// The cells of each part.
    pub parts: Vec<Vec<CellReport>>,
    /// The means of another seed without bends: the yardstick of distances.
    pub yardstick: BTreeMap<Measure, f64>,
    /// Measured runs, and all runs.
    pub progress: (usize, usize),
    facts: Map<String, Json>,
}

impl Report {
    /// Reads the results of a folder.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be read.
    pub fn of(store: &Store) -> Result<Self> {
        let (study, conditions) = (store.study()?, store.conditions()?);
        // The places of runs are those that the sweep has written: another version would give others.
        let (all, places) = (cells_of(&study)?, store.places()?);
        let (values, warnings) = (store.values()?, store.warnings()?);
        let mut parts: Vec<Vec<CellReport>> = study.parts.iter().map(|_| Vec::new()).collect();
        let mut cells: Vec<CellReport> =
            all.iter().map(|cell| CellReport { at: cell.at.clone(), ..CellReport::default() }).collect();
        let mut samples: Vec<BTreeMap<Measure, Vec<f64>>> = vec![BTreeMap::new(); cells.len()];
        let mut yardsticks = BTreeMap::<Measure, Vec<f64>>::new();
        for place in &places {
            let Some(measured) = values.get(&place.run) else { continue };
            let of = match place.cell {
                None => &mut yardsticks,
                Some(cell) => {
                    let Some(of) = samples.get_mut(cell) else { continue };
                    of
                }
            };
            for (measure, value) in measured {
                of.entry(*measure).or_default().push(*value);
            }
            if let Some(cell) = place.cell.map(|cell| &mut cells[cell]) {
                cell.pictures.get_or_insert_with(|| (place.sample, place.run.clone()));
                for warning in warnings.get(&place.run.0).into_iter().flatten() {
                    if !cell.warnings.contains(warning) {
                        cell.warnings.push(warning.clone());
                    }
                }
            }
        }
        let runs: BTreeSet<&(String, String)> = places.iter().map(|place| &place.run).collect();
        let progress = (runs.iter().filter(|run| values.contains_key(**run)).count(), runs.len());
        for ((cell, samples), place) in cells.into_iter().zip(samples).zip(&all) {
            let findings =
                samples.into_iter().filter_map(|(measure, samples)| Some((measure, finding(measure, samples)?)));
            parts[place.part].push(CellReport { findings: findings.collect(), ..cell });
        }
        for part in &mut parts {
            correct(part);
        }
        let mean = |samples: Vec<f64>| samples.iter().sum::<f64>() / samples.len() as f64;
        let yardstick = yardsticks.into_iter().map(|(measure, samples)| (measure, mean(samples))).collect();
        let sample = |sample: Sample| json!({ "seed": sample.seed, "prompt": sample.prompt });
        let samples: Vec<Json> = samples_of(&study)?.into_iter().map(sample).collect();
        let facts = json!({
            "model": conditions.model,
            "model_sha256": conditions.model_sha256,
            "size": [conditions.size.0, conditions.size.1],
            "pictures": conditions.pictures,
            "bendrack": store.version()?,
            "samples": samples,
        });
        let facts = facts.as_object().cloned().unwrap_or_default();
        Ok(Self { study, parts, yardstick, progress, facts })
    }

    /// The report as JSON, with the pictures of each cell where `strips` is given.
    pub fn json(&self, strips: Option<&Store>) -> Json {
        let measured = |measure: &Measure| {
            self.yardstick.contains_key(measure)
                || self.parts.iter().flatten().any(|cell| cell.findings.contains_key(measure))
        };
        let measures = Measure::ALL.into_iter().filter(measured).map(|measure| {
            let mut about = json!(measure.about());
            about["name"] = json!(measure.name());
            about["yardstick"] = json!(self.yardstick.get(&measure).map(|value| rounded(*value)));
            about
        });
        let parts = self.study.parts.iter().zip(&self.parts).map(|(part, cells)| {
            let axes = part.axes.iter().map(|axis| {
                let points = axis.points.iter().map(|point| &*point.name).collect::<Vec<_>>();
                json!({ "name": axis.name, "points": points })
            });
            let cell = |cell: &CellReport| {
                let findings =
                    cell.findings.iter().map(|(measure, finding)| (measure.name().to_owned(), finding.json()));
                let (sample, pictures) = cell.pictures.clone().unzip();
                let (run, reference) = pictures.unzip();
                let strip = strips.zip(run).and_then(|(store, run)| store.strip(&run));
                json!({
                    "sample": sample,
                    "reference": reference,
                    "at": cell.at,
                    "findings": findings.collect::<Map<_, _>>(),
                    "warnings": cell.warnings,
                    "strip": strip.map(|jpeg| STANDARD.encode(&jpeg)),
                })
            };
            json!({
                "name": part.name,
                "description": part.description,
                "axes": axes.collect::<Vec<_>>(),
                "cells": cells.iter().map(cell).collect::<Vec<_>>(),
            })
        });
        let references: BTreeSet<&String> =
            self.parts.iter().flatten().filter_map(|cell| Some(&cell.pictures.as_ref()?.1.1)).collect();
        let unbent = |reference: &String| {
            let strip = strips.and_then(|store| store.strip(reference));
            (reference.clone(), json!(strip.map(|jpeg| STANDARD.encode(&jpeg))))
        };
        json!({
            "unbent": references.into_iter().map(unbent).collect::<Map<_, _>>(),
            "study": { "title": self.study.title, "description": self.study.description, "seconds": self.study.seconds },
            "facts": self.facts,
            "progress": [self.progress.0, self.progress.1],
            "level": LEVEL,
            "false_findings": FALSE_FINDINGS,
            "measures": measures.collect::<Vec<_>>(),
            "parts": parts.collect::<Vec<_>>(),
        })
    }

    /// The report as a page.
    pub fn page(&self, strips: &Store) -> String {
        // A text of the study must not end the script.
        let data = self.json(Some(strips)).to_string().replace('<', "\\u003c");
        PAGE.replacen(MARK, &data, 1)
    }
}

impl Finding {
    /// True if the test of a change found it, after the correction.
    pub fn is_found(&self) -> bool {
        self.corrected.is_some_and(|corrected| corrected < FALSE_FINDINGS)
    }

    fn json(&self) -> Json {
        let mut finding = json!({
            "mean": rounded(self.mean.mean),
            "interval": self.mean.interval.map(|(low, high)| [rounded(low), rounded(high)]),
            "samples": self.samples.iter().map(|sample| rounded(*sample)).collect::<Vec<_>>(),
        });
        if let Some((probability, corrected)) = self.probability.zip(self.corrected) {
            finding["p"] = json!(rounded(probability));
            finding["q"] = json!(rounded(corrected));
        }
        finding
    }
}

fn finding(measure: Measure, samples: Vec<f64>) -> Option<Finding> {
    let mut mean = Mean::of(&samples)?;
    let is_change = measure.about().kind == Kind::Change;
    if !is_change {
        // No distance is below 0.
        mean.interval = mean.interval.map(|(low, high)| (low.max(0.0), high));
    }
    // Without any change there is nothing to test.
    let is_tested = is_change && samples.iter().any(|sample| *sample != 0.0);
    let probability = is_tested.then(|| sign_flip_test(&samples));
    Some(Finding { samples, mean, probability, corrected: None })
}

/// Corrects the probabilities of a part for their number.
fn correct(cells: &mut [CellReport]) {
    let mut tested: Vec<&mut Finding> = cells
        .iter_mut()
        .flat_map(|cell| cell.findings.values_mut())
        .filter(|finding| finding.probability.is_some())
        .collect();
    let probabilities: Vec<f64> = tested.iter().filter_map(|finding| finding.probability).collect();
    for (finding, corrected) in tested.iter_mut().zip(corrected(&probabilities)) {
        finding.corrected = Some(corrected);
    }
}

/// A number with five significant digits, so that pages stay small.
fn rounded(number: f64) -> f64 {
    format!("{number:.4e}").parse().unwrap_or(number)
}
