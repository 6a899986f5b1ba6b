use clap::Args;
use watchpost_runtime::doctor::{self, Finding, Health};

use crate::{Global, exit::Exit, load};

/// Say what is missing or wrong on this machine, and how to mend it
///
/// Looks at GStreamer's plugins, encoders, fonts, limits of the system, the disk of the data folder, installed
/// exporters and the folder's instance files. Changes nothing; a running server is not disturbed. Exit code 0:
/// everything works (there may be warnings). 1: something does not.
#[derive(Args)]
pub(crate) struct Doctor {
    /// Also show what is as it should be.
    #[arg(short, long)]
    all: bool,
}

impl Doctor {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let findings = doctor::examine(&global.data, &load::shipped_exporters(global));
        let is_well = findings.iter().all(|finding| finding.health != Health::Problem);
        if global.json {
            println!("{}", serde_json::to_string_pretty(&findings)?);
        } else {
            print!("{}", text(&findings, self.all));
        }
        Ok(if is_well { Exit::Done } else { Exit::Failed })
    }
}

/// The worst last, where a terminal shows it; at the end how many there are.
fn text(findings: &[Finding], all: bool) -> String {
    let mut shown: Vec<_> = findings.iter().filter(|one| all || one.health != Health::Good).collect();
    shown.sort_by_key(|one| one.health);
    let mut out: String = shown.iter().map(|one| line(one)).collect();
    let count = |health| findings.iter().filter(|one| one.health == health).count();
    let (problems, warnings) = (count(Health::Problem), count(Health::Warning));
    let plural = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let (problems, warnings) = (plural(problems, "problem"), plural(warnings, "warning"));
    out += &format!("{}: {problems}, {warnings}\n", plural(findings.len(), "check"));
    out
}

fn line(finding: &Finding) -> String {
    let health = match finding.health {
        Health::Good => "good",
        Health::Warning => "warning",
        Health::Problem => "problem",
    };
    let found = finding.found.replace('\n', "\n    ");
    let fix = if finding.fix.is_empty() { String::new() } else { format!("    fix: {}\n", finding.fix) };
    format!("{health}: {}: {found}\n{fix}", finding.check)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_is_last_and_what_is_good_is_counted() {
        let finding = |check: &str, health, fix: &str| Finding {
            check: check.into(),
            health,
            found: "so".into(),
            fix: fix.into(),
        };
        let findings = [
            finding("a", Health::Problem, "mend it"),
            finding("b", Health::Good, ""),
            finding("c", Health::Warning, ""),
        ];
        assert_eq!(
            text(&findings, false),
            "warning: c: so\nproblem: a: so\n    fix: mend it\n3 checks: 1 problem, 1 warning\n"
        );
        assert!(text(&findings, true).starts_with("good: b: so\n"));
    }
}
