//! What `campaign.sh` makes of how a fuzzer ends: its row, its progress, its exit code. The fuzzer is a few lines of shell
//! that end as libFuzzer does; `.ci/run` runs the real ones.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

const CARGO: &str = r#"#!/bin/sh
case "$*" in *--version*) exit 0 ;; esac
echo '#2 INITED cov: 5 ft: 6'
echo '#3 NEW cov: 9 ft: 12'
case $END in
crash) echo "artifact_prefix='a'; Test unit written to a/crash-1"; echo 'stat::number_of_executed_units: 4'; exit 77 ;;
stopped) echo 'stat::number_of_executed_units: 7'; exit 72 ;;
esac
echo 'Done 10 runs in 3 second(s)'
echo 'stat::number_of_executed_units: 10'
echo 'stat::average_exec_per_sec: 3'
echo 'stat::peak_rss_mb: 80'
"#;

fn git(folder: &Path, args: &[&str]) {
    let name = ["-c", "user.name=a", "-c", "user.email=a"];
    assert!(Command::new("git").args(name).args(args).current_dir(folder).status().unwrap().success());
}

/// A campaign of one target in a repository of its own.
struct Campaign(tempfile::TempDir);

impl Campaign {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (own, copy) = (Path::new(env!("CARGO_MANIFEST_DIR")), folder.path().join("fuzz"));
        fs::create_dir_all(copy.join("fuzz_targets")).unwrap();
        for file in ["run.sh", "campaign.sh", "fuzz_targets/commitment.rs"] {
            fs::copy(own.join(file), copy.join(file)).unwrap();
        }
        fs::write(copy.join("CAMPAIGNS.md"), "").unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        let cargo = folder.path().join("bin/cargo");
        fs::write(&cargo, CARGO).unwrap();
        fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
        git(folder.path(), &["init", "-q"]);
        git(folder.path(), &["add", "fuzz"]);
        git(folder.path(), &["commit", "-q", "-m", "all"]);
        Self(folder)
    }

    /// Runs it with a fuzzer that ends so; gives the exit code and the columns of the rows after the seed.
    fn run(&self, end: &str) -> (Option<i32>, Vec<String>) {
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", self.0.path().join("bin").display());
        let output = Command::new("fuzz/campaign.sh")
            .args(["5", "commitment"])
            .current_dir(self.0.path())
            .env("PATH", path)
            .env("END", end)
            .output()
            .unwrap();
        let table = fs::read_to_string(self.0.path().join("fuzz/CAMPAIGNS.md")).unwrap();
        let rows = table.lines().map(|row| row.splitn(7, " | ").last().unwrap().to_owned()).collect();
        (output.status.code(), rows)
    }
}

#[test]
fn a_campaign_to_the_end_has_its_row_and_ends_with_0() {
    assert_eq!(Campaign::new().run("done"), (Some(0), vec!["10 | 3 | 5 | 9 | 80 MiB | none |".into()]));
}

#[test]
fn a_finding_is_one_each_time_it_is_found() {
    let campaign = Campaign::new();
    let row = || "4 |  | 5 | 9 |  MiB | 1 |".to_owned();
    assert_eq!(campaign.run("crash"), (Some(1), vec![row()]));
    assert_eq!(campaign.run("crash"), (Some(1), vec![row(), row()]));
}

#[test]
fn a_fuzzer_that_was_stopped_has_no_row_and_is_run_again() {
    let campaign = Campaign::new();
    assert_eq!(campaign.run("stopped"), (Some(3), vec![]));
    assert_eq!(campaign.run("done"), (Some(0), vec!["10 | 3 | 5 | 9 | 80 MiB | none |".into()]));
}
