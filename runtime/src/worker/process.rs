//! A child process, as its parent sees it.

use std::io::{self, BufReader, BufWriter, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::child::Role;
use super::wire;

/// How long a child may take to read what it is sent, or to begin.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts children.
#[derive(Clone, Debug)]
pub struct Launcher {
    executable: PathBuf,
}

impl Launcher {
    /// Starts this binary again.
    ///
    /// # Errors
    /// When it cannot tell where it lies.
    pub fn new() -> io::Result<Self> {
        // The file that runs, even if another one lies in its place by now.
        let running = PathBuf::from("/proc/self/exe");
        let executable = if running.exists() { running } else { std::env::current_exe()? };
        Ok(Self { executable })
    }

    /// Starts another binary that has the command `child`: the `runtime` binary, for programs that use this library.
    #[must_use]
    pub fn of(executable: PathBuf) -> Self {
        Self { executable }
    }

    /// Starts a child.
    pub(super) fn start(&self, role: Role) -> io::Result<Process> {
        let (ours, theirs) = UnixStream::pair()?;
        let role = match role {
            Role::Compile => "compile",
            Role::Call => "call",
        };
        let child = Command::new(&self.executable)
            .args(["child", role])
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Of its own: a terminal's ctrl-c is for the parent, which lets calls come to an end.
            .process_group(0)
            .spawn()?;
        ours.set_read_timeout(Some(PATIENCE))?;
        ours.set_write_timeout(Some(PATIENCE))?;
        let output = BufWriter::new(ours.try_clone()?);
        Ok(Process { child, input: BufReader::with_capacity(64 * 1024, ours), output, within: PATIENCE, buffer: Vec::new() })
    }
}

/// A running child. Ended when it is dropped.
pub(super) struct Process {
    child: Child,
    input: BufReader<UnixStream>,
    output: BufWriter<UnixStream>,
    within: Duration,
    buffer: Vec<u8>,
}

impl Process {
    pub(super) fn send(&mut self, value: &impl Serialize) -> io::Result<()> {
        wire::send(&mut self.output, value)
    }

    pub(super) fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        wire::send_bytes(&mut self.output, bytes)
    }

    /// What was sent goes.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }

    /// From now on, how long to wait for a value.
    pub(super) fn wait_for(&mut self, within: Duration) -> io::Result<()> {
        if within != self.within {
            self.input.get_ref().set_read_timeout(Some(within))?;
            self.within = within;
        }
        Ok(())
    }

    /// The next value, of at most so many bytes.
    pub(super) fn receive<T: DeserializeOwned>(&mut self, most: u64) -> io::Result<T> {
        match wire::receive(&mut self.input, most, &mut self.buffer)? {
            Some(value) => Ok(value),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// The next bytes.
    pub(super) fn receive_bytes(&mut self, most: u64) -> io::Result<Vec<u8>> {
        if wire::receive_bytes(&mut self.input, most, &mut self.buffer)? {
            Ok(std::mem::take(&mut self.buffer))
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    /// Ends the child, if it has not ended, and says how it came to that error.
    pub(super) fn obituary(mut self, error: &io::Error) -> String {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                return format!("gave no answer within {} s", self.within.as_secs());
            }
            io::ErrorKind::InvalidData => return format!("answered nonsense: {error}"),
            _ => {}
        }
        // Its end of the socket is closed: it has ended, or is about to.
        let status = match self.child.wait() {
            Ok(status) => status,
            Err(error) => return format!("ended: {error}"),
        };
        match status.signal() {
            Some(libc::SIGKILL) => "was killed (out of memory?)".to_owned(),
            Some(libc::SIGABRT) => "aborted (out of the memory that it may have?)".to_owned(),
            Some(libc::SIGXCPU) => "took more processor time than allowed".to_owned(),
            Some(signal) => format!("died of signal {signal}"),
            None => format!("ended with {status}"),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
