//! The child's side: does what it is asked, until the socket closes.

use std::collections::HashMap;
use std::io::{self, BufReader, BufWriter, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::confine::{close_inherited, confine};
use super::wire::{self, Request};
use crate::limits::Limits;
use crate::sandbox::{Options, Program, Sandbox, compile};

/// What a child process is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// Compiles one component, and ends.
    Compile,
    /// Gives filters records.
    Call,
}

/// The largest frame from the parent: what many records, or a filter's machine code, may take.
const MOST: u64 = u32::MAX as u64;

/// How long a result may wait for the next one before it is sent: some ten of those that take least, so that the parent has
/// something to do while the next are made, and is not woken for each.
const HOLD: Duration = Duration::from_micros(250);

/// Stack for calls: the guest's half megabyte, and room for the host above it.
const STACK_BYTES: usize = 4 * 1024 * 1024;

/// Serves the parent, over the socket that is its standard input.
///
/// # Errors
/// The socket's; a parent that ends is none.
pub fn serve(role: Role) -> io::Result<()> {
    close_inherited();
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    match role {
        Role::Compile => {
            confine(role)?;
            compile_one(&socket)
        }
        Role::Call => {
            // Threads and files of the engine come before the walls.
            let sandbox = Sandbox::new(1).map_err(|error| io::Error::other(format!("{error:#}")))?;
            let serving = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
                confine(role)?;
                answer_calls(&Arc::new(sandbox), &socket)
            })?;
            serving.join().unwrap_or_else(|_| Err(io::Error::other("panicked")))
        }
    }
}

/// A component comes; back come the refusal or the imports, then the machine code.
fn compile_one(mut socket: &UnixStream) -> io::Result<()> {
    let mut buffer = Vec::new();
    if !wire::receive_bytes(&mut socket, Limits::COMPONENT_BYTES, &mut buffer)? {
        return Ok(());
    }
    let (result, artifact) = match compile(&buffer) {
        Ok(compiled) => (Ok(compiled.imports), compiled.artifact),
        Err(refusal) => (Err(refusal), Vec::new()),
    };
    wire::send(&mut socket, &result)?;
    wire::send_bytes(&mut socket, &artifact)
}

fn answer_calls(sandbox: &Arc<Sandbox>, socket: &UnixStream) -> io::Result<()> {
    let (mut input, mut output) = (BufReader::new(socket), BufWriter::with_capacity(64 * 1024, socket));
    let mut programs: HashMap<u32, (Program, Options)> = HashMap::new();
    let (mut buffer, mut artifact) = (Vec::new(), Vec::new());
    let unknown = || io::Error::new(io::ErrorKind::InvalidData, "no such filter was loaded");
    while wire::receive_bytes(&mut input, MOST, &mut buffer)? {
        match wire::decode::<Request<'_>>(&buffer)? {
            Request::Load { filter, profile, limits, options } => {
                wire::receive_bytes(&mut input, MOST, &mut artifact)?;
                let loaded = match sandbox.program(std::mem::take(&mut artifact).into(), profile, *limits) {
                    Ok(program) => {
                        programs.insert(filter, (program, options));
                        Ok(())
                    }
                    Err(refusal) => Err(refusal),
                };
                wire::send(&mut output, &loaded)?;
            }
            Request::Describe { filter } => {
                let (program, _) = programs.get(&filter).ok_or_else(unknown)?;
                wire::send(&mut output, &program.describe())?;
            }
            Request::Call { filter, records, fuel } => {
                let (program, options) = programs.get(&filter).ok_or_else(unknown)?;
                let mut sent = Instant::now();
                for record in records {
                    wire::send(&mut output, &program.call_within(&record, options, fuel.unwrap_or(u64::MAX)))?;
                    if sent.elapsed() > HOLD {
                        output.flush()?;
                        sent = Instant::now();
                    }
                }
            }
        }
        output.flush()?;
    }
    Ok(())
}
