//! `cargo xtask`: the project's own commands. They install what they need and say so.
//!
//! * `test` runs every test on both databases, then checks a real server; `test --check NAME` makes one of these checks.
//! * `bench` measures the server beside the machine's own limits.
//! * `crash` kills the server again and again and looks for what it had acknowledged.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command talks to whoever ran it")]
#![expect(clippy::disallowed_methods, reason = "a tool measures real time; the bans guard the server")]

mod bench;
mod browser;
mod conform;
mod crash;
mod judges;
mod limits;
mod load;
mod machine;
mod postgres;
mod process;
mod report;
mod server;
mod suite;
mod tools;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

/// The allocator of the server, so that the measured limits differ from it in nothing else.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    /// Runs every test on both databases, then checks a real server.
    Test(suite::Options),
    /// Measures the server beside a minimal server and one that only answers.
    #[command(subcommand)]
    Bench(bench::Command),
    /// Kills the server at random moments and looks for every acknowledged referral.
    Crash(crash::Options),
    /// Runs one of the servers that `bench` compares with.
    #[command(hide = true)]
    Limits(limits::Options),
}

fn main() -> ExitCode {
    let result = match Command::parse() {
        Command::Test(options) => suite::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Crash(options) => crash::run(&options),
        Command::Limits(options) => limits::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The causes in a row, without a backtrace: these are failures of checks, not of this program.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
