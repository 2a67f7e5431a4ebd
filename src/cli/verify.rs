//! `liaison verify`: proves that the log is whole and that every referral is what its changes make.

use std::{io::Write as _, process::ExitCode};

use super::{access, out};
use crate::{config::Config, service::verify::verify};

/// Checks the data and says what is wrong; the exit code is 1 when anything is.
pub(super) async fn run(json: bool, config: &Config) -> anyhow::Result<ExitCode> {
    let store = access::open_to_read(config).await?;
    let found = verify(&store).await?;
    let mut out = out();
    if json {
        writeln!(out, "{}", serde_json::to_string(&found)?)?;
    } else {
        writeln!(
            out,
            "{} referrals, {} changes in {} engagements: {} problems",
            found.referrals, found.changes, found.engagements, found.problem_count
        )?;
        for problem in &found.problems {
            writeln!(out, "  {problem}")?;
        }
    }
    out.flush()?;
    Ok(if found.problem_count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
