//! Job files for clusters: each task of a job sweeps one shard.

use std::path::Path;

/// An engine of clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Cluster {
    /// An array job of Slurm, for `sbatch`.
    Slurm,
    /// An indexed job of Kubernetes, for `kubectl apply`.
    Kubernetes,
}

/// A sweep on a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job<'j> {
    /// The name of the job.
    pub name: &'j str,
    /// The study, as the tasks find it.
    pub study: &'j Path,
    /// The folder of results. The shards are folders in it.
    pub output: &'j Path,
    /// The number of shards.
    pub shards: usize,
    /// Further arguments of `bendrack sweep`.
    pub arguments: &'j [String],
    /// Processor cores of a task.
    pub cpus: u64,
    /// Memory of a task, such as `8G`.
    pub memory: Option<&'j str>,
    /// The container image with bendrack, for Kubernetes.
    pub image: &'j str,
    /// The claim of the volume that is mounted as the working folder, for Kubernetes.
    pub volume: &'j str,
}

impl Job<'_> {
    /// The job file for a cluster.
    pub fn file(&self, cluster: Cluster) -> String {
        match cluster {
            Cluster::Slurm => self.slurm(),
            Cluster::Kubernetes => self.kubernetes(),
        }
    }

    fn slurm(&self) -> String {
        let Self { name, shards, cpus, .. } = self;
        let (output, sweep) = (self.folder(), self.sweep("$SLURM_ARRAY_TASK_ID"));
        let memory = self.memory.map(|memory| format!("#SBATCH --mem={memory}\n")).unwrap_or_default();
        format!(
            "#!/bin/bash\n\
             #SBATCH --job-name={name}\n\
             #SBATCH --array=1-{shards}\n\
             #SBATCH --cpus-per-task={cpus}\n\
             {memory}#SBATCH --requeue\n\
             # Each task sweeps one shard. A task that is started again goes on after its last run. Afterwards:\n\
             #   bendrack sweep merge -o {output} {output}/shard-*\n\
             set -euo pipefail\n\
             mkdir -p {output}\n\
             exec {sweep}\n"
        )
    }

    fn kubernetes(&self) -> String {
        let Self { shards, cpus, .. } = self;
        let (output, sweep) = (self.folder(), self.sweep("$number"));
        // A text in JSON is one in YAML.
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let command = text(&format!("number=$((JOB_COMPLETION_INDEX + 1)); mkdir -p {output}; exec {sweep}"));
        // Names have at most 63 characters, with the number of the pod.
        let name = text(&format!("sweep-{}", &self.name[..self.name.len().min(40)]));
        let (image, volume) = (text(self.image), text(self.volume));
        let memory = self.memory.map(|memory| format!(", memory: {}", text(&format!("{memory}i")))).unwrap_or_default();
        format!(
            "# Each pod sweeps one shard. A pod that is started again goes on after its last run. Afterwards:\n\
             #   bendrack sweep merge -o {output} {output}/shard-*\n\
             apiVersion: batch/v1\n\
             kind: Job\n\
             metadata:\n  name: {name}\n\
             spec:\n  completionMode: Indexed\n  completions: {shards}\n  parallelism: {shards}\n  backoffLimitPerIndex: 3\n  \
             template:\n    spec:\n      restartPolicy: Never\n      containers:\n        - name: sweep\n          \
             image: {image}\n          resources:\n            limits: {{ cpu: {cpus}{memory} }}\n          workingDir: /work\n          command: [\"/bin/bash\", \"-c\", {command}]\n          \
             volumeMounts:\n            - name: work\n              mountPath: /work\n      \
             volumes:\n        - name: work\n          persistentVolumeClaim:\n            claimName: {volume}\n"
        )
    }

    fn folder(&self) -> String {
        quoted(&self.output.to_string_lossy())
    }

    /// The command for a shard, whose number the shell puts in.
    fn sweep(&self, number: &str) -> String {
        let (study, folder, shards) = (quoted(&self.study.to_string_lossy()), self.folder(), self.shards);
        let more = self.arguments.iter().map(|argument| quoted(argument));
        let command =
            format!("bendrack sweep {study} --quiet --shard \"{number}/{shards}\" -o {folder}/\"shard-{number}\"");
        std::iter::once(command).chain(more).collect::<Vec<_>>().join(" ")
    }
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job<'j>(study: &'j str, arguments: &'j [String]) -> Job<'j> {
        let (study, output) = (Path::new(study), Path::new("out"));
        let (image, volume) = ("bendrack:1", "work");
        Job { name: "map-of-mini", study, output, shards: 8, arguments, cpus: 4, memory: Some("8G"), image, volume }
    }

    #[test]
    fn every_shard_has_a_task() {
        let file = job("map.json", &[]).file(Cluster::Slurm);
        let parts = [
            "--array=1-8\n",
            "--cpus-per-task=4\n",
            "--mem=8G\n",
            "sweep map.json ",
            "--shard \"$SLURM_ARRAY_TASK_ID/8\"",
            "out/\"shard-$SLURM_ARRAY_TASK_ID\"\n",
        ];
        assert!(parts.iter().all(|part| file.contains(part)), "{file}");
    }

    #[test]
    fn names_of_files_are_words_of_the_shell() {
        let arguments = ["--model".to_owned(), "it's; rm".to_owned()];
        let file = job("a map.json", &arguments).file(Cluster::Slurm);
        assert!(file.contains("sweep 'a map.json' ") && file.ends_with(" --model 'it'\\''s; rm'\n"), "{file}");
        let file = job("a map.json", &arguments).file(Cluster::Kubernetes);
        let line = file.lines().find(|line| line.contains("command:")).expect("a command");
        let (_, list) = line.split_once(": ").expect("a list");
        let list: Vec<String> = serde_json::from_str(list).expect("a list in JSON is one in YAML");
        assert!(list[2].contains("sweep 'a map.json' ") && list[2].contains("$number/8"), "{list:?}");
        assert!(file.contains("  name: \"sweep-map-of-mini\"\n") && file.contains("  completions: 8\n"));
        assert!(file.contains("limits: { cpu: 4, memory: \"8Gi\" }\n"));
    }
}
