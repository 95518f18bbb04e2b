//! What the kernel counts of a process: processor time and memory.

use std::fs;

use anyhow::Context;

/// Processor time of all its threads so far, in microseconds.
pub(crate) fn cpu_us(pid: u32) -> anyhow::Result<f64> {
    let mut sum_ns = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end meanwhile.
        let stat = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        let ran_ns = stat.split_whitespace().next().and_then(|number| number.parse::<u64>().ok());
        sum_ns += ran_ns.unwrap_or(0);
    }
    Ok(sum_ns as f64 / 1000.0)
}

/// Memory in KiB: all of it that is present, and of it what does not lie in files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) rss: u64,
    pub(crate) anonymous: u64,
}

/// What it has in memory now.
pub(crate) fn memory(pid: u32) -> anyhow::Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.with_context(|| format!("no {key} of process {pid}"))
    };
    Ok(Memory { rss: field("VmRSS:")?, anonymous: field("RssAnon:")? })
}

/// Lets this process open as many files as the system allows; how many that are.
pub(crate) fn raise_descriptors() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// The value at a share of the sorted values: 0.5 is the middle one.
pub(crate) fn share(values: &mut [f64], share: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get(((last as f64) * share).round() as usize).copied().unwrap_or(f64::NAN)
}
