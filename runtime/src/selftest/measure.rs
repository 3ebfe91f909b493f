//! How much memory this process and those that it started took at most.

use std::fs;
use std::io;

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};

/// Forgets what this process took so far. Only Linux can; elsewhere nothing is known of it.
pub(super) fn forget_peak() {
    // A kernel without it counts from the start.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// The most bytes that this process took since [`forget_peak`].
pub(super) fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// The most bytes that any process took that this one started and that has ended.
pub(super) fn peak_of_processes() -> io::Result<u64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    // Linux counts in KiB, macOS in bytes.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    Ok(usage.max_rss().unsigned_abs() * unit)
}

/// Lets no process that this one starts from now on compute for longer. Nor this one.
pub(super) fn limit_processor_seconds(seconds: u64) -> io::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_CPU)?;
    let most = hard.min(seconds + 1);
    setrlimit(Resource::RLIMIT_CPU, most, most)?;
    Ok(())
}
