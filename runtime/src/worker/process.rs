//! A child process, as its parent sees it.

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::child::Role;
use super::wire;

/// How long a child may take to read what it is sent, or to begin.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a child that has closed its socket may take to end, and how often it is looked at meanwhile.
const ENDING: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(5);

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
        let output = BufWriter::new(Timed::new(ours.try_clone()?));
        let input = BufReader::with_capacity(64 * 1024, Timed::new(ours));
        Ok(Process { child, input, output, within: PATIENCE, buffer: Vec::new() })
    }
}

/// One side of a socket, with a time by which what is being sent or received must be over. The socket's own timeout is
/// for each read alone: who sends a byte now and then could be waited for without end.
struct Timed {
    socket: UnixStream,
    until: Instant,
}

impl Timed {
    fn new(socket: UnixStream) -> Self {
        Self { socket, until: Instant::now() + PATIENCE }
    }

    fn in_time<T>(&self, value: T) -> io::Result<T> {
        if Instant::now() > self.until { Err(io::ErrorKind::TimedOut.into()) } else { Ok(value) }
    }
}

impl Read for Timed {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.socket.read(bytes).and_then(|count| self.in_time(count))
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes).and_then(|count| self.in_time(count))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// A running child. Ended when it is dropped.
pub(super) struct Process {
    child: Child,
    input: BufReader<Timed>,
    output: BufWriter<Timed>,
    within: Duration,
    buffer: Vec<u8>,
}

impl Process {
    pub(super) fn send(&mut self, value: &impl Serialize) -> io::Result<()> {
        // Whoever answers before it is asked makes up what it says.
        if !self.input.buffer().is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "more than it was asked for"));
        }
        self.output.get_mut().until = Instant::now() + PATIENCE;
        wire::send(&mut self.output, value)
    }

    pub(super) fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.output.get_mut().until = Instant::now() + PATIENCE;
        wire::send_bytes(&mut self.output, bytes)
    }

    /// What was sent goes.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }

    /// From now on, how long to wait for a value.
    pub(super) fn wait_for(&mut self, within: Duration) -> io::Result<()> {
        if within != self.within {
            self.input.get_ref().socket.set_read_timeout(Some(within))?;
            self.within = within;
        }
        Ok(())
    }

    /// The next value, of at most so many bytes.
    pub(super) fn receive<T: DeserializeOwned>(&mut self, most: u64) -> io::Result<T> {
        self.input.get_mut().until = Instant::now() + self.within;
        match wire::receive(&mut self.input, most, &mut self.buffer)? {
            Some(value) => Ok(value),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// The next bytes.
    pub(super) fn receive_bytes(&mut self, most: u64) -> io::Result<Vec<u8>> {
        self.input.get_mut().until = Instant::now() + self.within;
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
        let status = match self.ended() {
            Ok(Some(status)) => status,
            Ok(None) => return "closed its socket and went on".to_owned(),
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

impl Process {
    /// Its end of the socket is closed: it has ended, or is about to. Unless something in it closed that end and goes on.
    fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        let until = Instant::now() + ENDING;
        loop {
            match self.child.try_wait()? {
                None if Instant::now() < until => std::thread::sleep(LOOK),
                status => return Ok(status),
            }
        }
    }
}

impl Process {
    /// Whether it has ended by itself. What is left of it in the system's table goes.
    pub(super) fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process that has the place of a child, and does with its socket what it likes.
    fn escaped(script: &str) -> Process {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).stdin(OwnedFd::from(theirs.try_clone().unwrap())).stdout(OwnedFd::from(theirs));
        let (child, within) = (shell.spawn().unwrap(), Duration::from_millis(300));
        ours.set_read_timeout(Some(within)).unwrap();
        let output = BufWriter::new(Timed::new(ours.try_clone().unwrap()));
        Process { child, input: BufReader::new(Timed::new(ours)), output, within, buffer: Vec::new() }
    }

    fn obituary(script: &str) -> String {
        let mut process = escaped(script);
        let error = process.receive::<String>(100).unwrap_err();
        process.obituary(&error)
    }

    #[test]
    fn a_process_that_sends_a_byte_now_and_then_is_not_waited_for_without_end() {
        assert!(obituary("printf '\\050\\0\\0\\0'; while :; do printf a; sleep 0.1; done").contains("gave no answer"));
    }

    #[test]
    fn a_process_that_closes_its_socket_and_lives_on_is_ended() {
        assert_eq!(obituary("exec <&- >&-; exec sleep 1000"), "closed its socket and went on");
    }

    #[test]
    fn what_was_sent_before_it_was_asked_for_is_no_answer() {
        let mut process = escaped("printf '\\02\\0\\0\\0\\01a\\02\\0\\0\\0\\01b'; exec sleep 1000");
        assert_eq!(process.receive::<String>(100).unwrap(), "a");
        let error = process.send(&"next").unwrap_err();
        assert!(process.obituary(&error).contains("more than it was asked for"));
    }
}
