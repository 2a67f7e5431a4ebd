//! What the kernel tells about a process and about this machine.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

/// Returns the processor time that a process has used, over all its threads.
pub(crate) fn cpu_time(pid: u32) -> Result<Duration> {
    ticks(&stat(pid)?, 2)
}

/// Returns the processor time that a process, its living children and those it has waited for have used.
pub(crate) fn cpu_time_of_family(pid: u32) -> Result<Duration> {
    let mut total = ticks(&stat(pid)?, 4)?;
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(child) = entry.file_name().to_str().and_then(|it| it.parse().ok()) else { continue };
        // A process that ended meanwhile is counted by its parent.
        let Ok(stat) = stat(child) else { continue };
        if stat.get(1).is_some_and(|parent| *parent == pid.to_string()) {
            total += ticks(&stat, 2)?;
        }
    }
    Ok(total)
}

/// The memory of a process, in bytes.
pub(crate) struct Memory {
    /// The most that it ever held.
    pub(crate) peak: u64,
    /// What it holds.
    pub(crate) resident: u64,
}

/// Reads the memory of a process.
pub(crate) fn memory(pid: u32) -> Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let read = |name: &str| -> Result<u64> {
        let line = status.lines().find_map(|it| it.strip_prefix(name));
        let number = line.and_then(|it| it.split_whitespace().next()).and_then(|it| it.parse::<u64>().ok());
        Ok(number.with_context(|| format!("/proc/{pid}/status has no {name}"))? * 1024)
    };
    Ok(Memory { peak: read("VmHWM:")?, resident: read("VmRSS:")? })
}

/// Returns one line about the machine: cores, processor, kernel.
pub(crate) fn describe() -> Result<String> {
    let cores = std::thread::available_parallelism()?;
    let cpuinfo = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpuinfo.lines().find_map(|it| it.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("processor without a name", |(_, name)| name);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(format!("{cores} cores, {model}, Linux {}", kernel.trim()))
}

/// Counts how many small appends a second reach the disk in this folder, one `fdatasync` each.
pub(crate) fn durable_writes_per_second(folder: &Path) -> Result<f64> {
    let path = folder.join("fdatasync");
    let mut file = File::create(&path)?;
    let block = [7_u8; 4096];
    let start = Instant::now();
    let mut count = 0_u32;
    while start.elapsed() < Duration::from_secs(1) {
        file.write_all(&block)?;
        file.sync_data()?;
        count += 1;
    }
    let rate = f64::from(count) / start.elapsed().as_secs_f64();
    fs::remove_file(path)?;
    Ok(rate)
}

/// Returns the fields of `/proc/PID/stat` after the command, which may itself contain spaces: `state`,
/// `ppid` and so on.
fn stat(pid: u32) -> Result<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = text.rsplit_once(')').with_context(|| format!("/proc/{pid}/stat has no command"))?;
    Ok(fields.split_whitespace().map(str::to_owned).collect())
}

/// Adds the first `count` of `utime`, `stime`, `cutime`, `cstime`.
fn ticks(stat: &[String], count: usize) -> Result<Duration> {
    let mut total = 0;
    for field in stat.iter().skip(11).take(count) {
        total += field.parse::<u64>().context("a time in /proc is a number")?;
    }
    Ok(Duration::from_micros(total * 1_000_000 / ticks_per_second()?))
}

fn ticks_per_second() -> Result<u64> {
    let output = Command::new("getconf").arg("CLK_TCK").output().context("cannot run getconf CLK_TCK")?;
    String::from_utf8_lossy(&output.stdout).trim().parse().context("getconf CLK_TCK is a number")
}
