//! What a child process gives up before it receives the first byte.
//!
//! Each of these is a second wall: the first is the engine, which gives guests nothing but functions that make no system
//! call. Kernels that lack one of them, and systems other than Linux, go without.

use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::child::Role;

const MIB: u64 = 1024 * 1024;

/// Memory that can be written, of a process that calls filters: the largest record with all that the host makes of it.
/// Address space is not bounded: the engine reserves much and uses little.
const CALLING_BYTES: u64 = 2048 * MIB;
/// The same, of a process that compiles.
const COMPILING_BYTES: u64 = 2048 * MIB;
/// Seconds of processor time, all threads together, of a process that compiles. Python's 18 MB take some 10, on a busy
/// machine twice that; a component may be three times as large.
pub(super) const COMPILING_SECONDS: u64 = 120;
/// Descriptors: the engine keeps the initial memory of each module in one.
const DESCRIPTORS: u64 = 1024;

/// Closes every descriptor that the parent got from whoever started it, and passed on unknowing: all but the three that
/// every process has. To be called before this process opens anything.
pub(super) fn close_inherited() {
    // The list is read to its end first, since reading it takes a descriptor too.
    let open = std::fs::read_dir("/dev/fd").into_iter().flatten();
    let numbers: Vec<i32> = open.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    for number in numbers.into_iter().filter(|number| *number > 2) {
        // The one that the list was read by is closed already.
        let _ = nix::unistd::close(number);
    }
}

/// Gives up everything that the role does not need.
///
/// # Errors
/// A limit that the system has and does not take.
pub(super) fn confine(role: Role) -> io::Result<()> {
    let bytes = match role {
        Role::Call => CALLING_BYTES,
        Role::Compile => COMPILING_BYTES,
    };
    let mut limits = vec![(Resource::RLIMIT_CORE, 0), (Resource::RLIMIT_NOFILE, DESCRIPTORS), (Resource::RLIMIT_DATA, bytes)];
    if role == Role::Compile {
        limits.push((Resource::RLIMIT_CPU, COMPILING_SECONDS));
    }
    for (resource, limit) in limits {
        // Never above what the parent has.
        let (_, most) = getrlimit(resource)?;
        // At the hard limit of processor time the kernel kills, as it does when memory is short; at the soft one it says why.
        let further = u64::from(resource == Resource::RLIMIT_CPU);
        let hard = limit.saturating_add(further).min(most);
        setrlimit(resource, limit.min(hard.saturating_sub(further)), hard)?;
    }
    #[cfg(target_os = "linux")]
    linux::confine(role)?;
    Ok(())
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;

    use landlock::{ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _, Scope};
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
    };

    use super::Role;

    pub(super) fn confine(role: Role) -> io::Result<()> {
        let failed = |what: &str, error: &dyn std::fmt::Display| io::Error::other(format!("{what}: {error}"));
        // The first of several processes to be ended when memory is short. It may be forbidden, and is only a wish.
        let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
        let abi = ABI::V6;
        Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(abi))
            .and_then(|rules| rules.handle_access(AccessNet::from_all(abi)))
            .and_then(|rules| rules.scope(Scope::from_all(abi)))
            .and_then(|rules| rules.create())
            .and_then(|rules| rules.restrict_self())
            .map_err(|error| failed("landlock", &error))?;
        let Ok(arch) = TargetArch::try_from(std::env::consts::ARCH) else { return Ok(()) };
        let narrow = narrowed().map_err(|error| failed("seccomp", &error))?;
        let rules = allowed(role).iter().map(|call| (*call, Vec::new())).chain(narrow).collect();
        // An error, not death: a library that tries a call and does without it goes on.
        let refused = SeccompAction::Errno(libc::EPERM as u32);
        let filter: BpfProgram = SeccompFilter::new(rules, refused, SeccompAction::Allow, arch)
            .and_then(TryInto::try_into)
            .map_err(|error| failed("seccomp", &error))?;
        seccompiler::apply_filter_all_threads(&filter).map_err(|error| failed("seccomp", &error))
    }

    /// The engine asks which pages a guest touched: `PAGEMAP_SCAN`.
    const PAGEMAP_SCAN: u64 = 0xc060_6610;

    /// System calls that remain for some purposes only, with the argument that says so and its values. Signals to its own
    /// threads, not to other processes of this user: to its parent, or by way of a socket's owner.
    fn narrowed() -> Result<Vec<(i64, Vec<SeccompRule>)>, seccompiler::BackendError> {
        let fcntls = [libc::F_ADD_SEALS, libc::F_DUPFD_CLOEXEC, libc::F_GETFD].map(|command| command as u64);
        [
            (libc::SYS_tgkill, 0, [std::process::id().into()].as_slice()),
            (libc::SYS_fcntl, 1, fcntls.as_slice()),
            (libc::SYS_ioctl, 1, [PAGEMAP_SCAN].as_slice()),
        ]
        .into_iter()
        .map(|(call, argument, values)| {
            let rule = |value: &u64| {
                let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, *value)?;
                SeccompRule::new(vec![condition])
            };
            Ok((call, values.iter().map(rule).collect::<Result<_, _>>()?))
        })
        .collect()
    }

    /// The system calls that remain for any purpose: memory, time, signals, its own threads, and the socket that is open.
    fn allowed(role: Role) -> Vec<i64> {
        let mut calls = vec![
            libc::SYS_read,
            libc::SYS_readv,
            libc::SYS_recvfrom,
            libc::SYS_write,
            libc::SYS_writev,
            libc::SYS_sendto,
            libc::SYS_close,
            // Initial memories are files without a name, mapped copy-on-write by each instance.
            libc::SYS_memfd_create,
            libc::SYS_ftruncate,
            libc::SYS_pwrite64,
            libc::SYS_brk,
            libc::SYS_mmap,
            libc::SYS_mprotect,
            libc::SYS_munmap,
            libc::SYS_mremap,
            libc::SYS_madvise,
            libc::SYS_membarrier,
            libc::SYS_clock_gettime,
            libc::SYS_clock_nanosleep,
            libc::SYS_nanosleep,
            libc::SYS_futex,
            libc::SYS_sched_yield,
            libc::SYS_sched_getaffinity,
            libc::SYS_getrandom,
            libc::SYS_rt_sigaction,
            libc::SYS_rt_sigprocmask,
            libc::SYS_rt_sigreturn,
            libc::SYS_sigaltstack,
            libc::SYS_gettid,
            libc::SYS_getpid,
            // A thread that was started just now may yet have to say these; without the first, libc ends the process.
            libc::SYS_rseq,
            libc::SYS_set_robust_list,
            libc::SYS_exit,
            libc::SYS_exit_group,
        ];
        if role == Role::Compile {
            // The compiler works on all cores: threads, not processes, since nothing else can be executed.
            calls.extend([libc::SYS_clone, libc::SYS_clone3, libc::SYS_prctl]);
        }
        calls
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::Command;

    use super::*;

    const CONFINED: &str = "TAHOE_RUNTIME_TEST_CONFINED";

    /// What code that broke out of the engine finds, in a process of its own: this test, run once more.
    #[test]
    #[expect(unsafe_code, reason = "what is tried here is what safe code does not offer")]
    fn a_confined_process_can_signal_itself_and_no_other() {
        let Ok(parent) = std::env::var(CONFINED) else {
            let name = "worker::confine::tests::a_confined_process_can_signal_itself_and_no_other";
            let mut again = Command::new(std::env::current_exe().unwrap());
            let status = again.args([name, "--exact"]).env(CONFINED, std::process::id().to_string()).status().unwrap();
            assert_eq!(status.code(), Some(0));
            return;
        };
        let parent: i64 = parent.parse().unwrap();
        confine(Role::Call).unwrap();
        let call = |number: i64, [one, two, three]: [i64; 3]| {
            // SAFETY: no pointers are passed, and no descriptor that is in use is changed.
            unsafe { libc::syscall(number, one, two, three) == 0 }
        };
        let this = std::process::id().into();
        // SAFETY: it has no arguments.
        let thread = unsafe { libc::syscall(libc::SYS_gettid) };
        let found = [
            call(libc::SYS_tgkill, [this, thread, 0]),
            call(libc::SYS_tgkill, [parent, parent, 0]),
            call(libc::SYS_kill, [parent, 0, 0]),
            call(libc::SYS_fcntl, [0, libc::F_SETOWN.into(), parent]),
            call(libc::SYS_ioctl, [0, 0x5421, 0]),
            call(libc::SYS_getppid, [0, 0, 0]),
            std::fs::File::open("/proc/self/status").is_ok(),
            std::net::UdpSocket::bind("127.0.0.1:0").is_ok(),
        ];
        // Threads of the test's frame cannot end in the usual way any more.
        let as_it_should_be = found == [true, false, false, false, false, false, false, false];
        std::process::exit(if as_it_should_be { 0 } else { 7 });
    }
}
