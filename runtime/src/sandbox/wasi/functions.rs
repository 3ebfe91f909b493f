//! What a guest can call of WASI. Every function takes its price from the fuel, and none makes a system call.

use wasmtime::StoreContextMut;
use wasmtime::component::types::{ComponentFunc, Type};
use wasmtime::component::{ComponentNamedList, ComponentType, Lift, LinkerInstance, Lower, Resource, ResourceType, Val};

use super::Ended;
use super::world::Stream;
use crate::sandbox::call::{State, charge};

type Context<'a> = StoreContextMut<'a, State>;
type Instance<'a> = LinkerInstance<'a, State>;

/// Something that is ready, always.
enum Pollable {}
/// An input that has ended.
enum Input {}
/// Standard output, or standard error.
enum Output {}
/// A network that leads nowhere.
enum Network {}
/// Errors, files, sockets, terminals: no handle of these is ever made.
enum Nothing {}

#[derive(ComponentType, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

#[derive(ComponentType, Lower)]
#[component(variant)]
#[expect(dead_code, reason = "the type has this case; streams here never fail")]
enum StreamError {
    #[component(name = "last-operation-failed")]
    Failed(Resource<Nothing>),
    #[component(name = "closed")]
    Closed,
}

/// How many bytes a stream says that it takes at once. It takes more too.
const WRITABLE: u64 = 64 * 1024;

/// Defines a resource. Nothing is kept for a handle, so nothing is done when it is dropped.
pub(super) fn define_resource(linker: &mut Instance<'_>, name: &str) -> wasmtime::Result<()> {
    let kind = match name {
        "pollable" => ResourceType::host::<Pollable>(),
        "input-stream" => ResourceType::host::<Input>(),
        "output-stream" => ResourceType::host::<Output>(),
        "network" => ResourceType::host::<Network>(),
        _ => ResourceType::host::<Nothing>(),
    };
    linker.resource(name, kind, |_, _| Ok(()))
}

/// Defines a function of an interface; one that has no meaning here ends the call when it is called.
pub(super) fn define(linker: &mut Instance<'_>, interface: &str, name: &str, kind: &ComponentFunc) -> wasmtime::Result<()> {
    match interface {
        "cli/environment" | "cli/exit" | "cli/stdin" | "cli/stdout" | "cli/stderr" => define_process(linker, interface, name),
        "clocks/wall-clock" | "clocks/monotonic-clock" => define_clock(linker, interface, name),
        "random/random" | "random/insecure" | "random/insecure-seed" => define_random(linker, interface, name),
        "io/poll" => define_poll(linker, interface, name),
        "io/streams" => define_stream(linker, interface, name),
        _ if has_a_price(kind) => define_nothing(linker, interface, name),
        _ => not_granted(linker, interface, name),
    }
}

/// Whether parameters are of the kinds that [`refusing`] takes a price for. The component says what they are, and may say
/// lists of lists.
fn has_a_price(kind: &ComponentFunc) -> bool {
    kind.params().all(|(_, parameter)| matches!(parameter, Type::Enum(_) | Type::String | Type::Borrow(_)))
}

/// A function whose price does not depend on what it is given.
fn plain<Parameters, Returned>(
    linker: &mut Instance<'_>,
    name: &str,
    function: impl Fn(&mut State, Parameters) -> wasmtime::Result<Returned> + Send + Sync + 'static,
) -> wasmtime::Result<()>
where
    Parameters: ComponentNamedList + Lift + 'static,
    Returned: ComponentNamedList + Lower + 'static,
{
    linker.func_wrap(name, move |mut context: Context<'_>, parameters: Parameters| {
        charge(&mut context, 0)?;
        function(context.data_mut(), parameters)
    })
}

/// A function that returns what cannot be written in types of ours without all of the interface.
fn refusing(linker: &mut Instance<'_>, name: &str, answer: fn() -> Val) -> wasmtime::Result<()> {
    linker.func_new(name, move |mut context, _, parameters, results| {
        charge(&mut context, 0)?;
        for parameter in parameters {
            match parameter {
                // What was lent for the call must be given back before it ends.
                Val::Resource(lent) => lent.resource_drop(&mut context)?,
                Val::String(text) => charge(&mut context, text.len())?,
                _ => {}
            }
        }
        results.iter_mut().for_each(|result| *result = answer());
        Ok(())
    })
}

/// A function that is there to be imported.
fn not_granted(linker: &mut Instance<'_>, interface: &str, name: &str) -> wasmtime::Result<()> {
    let called = format!("wasi:{interface} {name}");
    linker.func_new(name, move |_, _, _, _| Err(Ended::NotGranted(called.clone()).into()))
}

fn define_process(linker: &mut Instance<'_>, interface: &str, name: &str) -> wasmtime::Result<()> {
    match name {
        "get-environment" => plain(linker, name, |_, (): ()| Ok((Vec::<(String, String)>::new(),))),
        "get-arguments" => plain(linker, name, |_, (): ()| Ok((Vec::<String>::new(),))),
        "initial-cwd" => plain(linker, name, |_, (): ()| Ok((None::<String>,))),
        "exit" => {
            plain(linker, name, |_, (status,): (Result<(), ()>,)| Err::<(), _>(Ended::Exit(u8::from(status.is_err())).into()))
        }
        "exit-with-code" => plain(linker, name, |_, (code,): (u8,)| Err::<(), _>(Ended::Exit(code).into())),
        "get-stdin" => plain(linker, name, |_, (): ()| Ok((Resource::<Input>::new_own(0),))),
        "get-stdout" => plain(linker, name, |_, (): ()| Ok((Resource::<Output>::new_own(Stream::Stdout.number()),))),
        "get-stderr" => plain(linker, name, |_, (): ()| Ok((Resource::<Output>::new_own(Stream::Stderr.number()),))),
        _ => not_granted(linker, interface, name),
    }
}

fn define_clock(linker: &mut Instance<'_>, interface: &str, name: &str) -> wasmtime::Result<()> {
    let pollable = || Ok((Resource::<Pollable>::new_own(0),));
    match (interface, name) {
        ("clocks/wall-clock", "now") => plain(linker, name, |state, (): ()| {
            let (seconds, nanoseconds) = state.world().wall();
            Ok((Datetime { seconds, nanoseconds },))
        }),
        ("clocks/wall-clock", "resolution") => plain(linker, name, |_, (): ()| Ok((Datetime { seconds: 0, nanoseconds: 1 },))),
        (_, "now") => plain(linker, name, |state, (): ()| Ok((state.world().monotonic(),))),
        (_, "resolution") => plain(linker, name, |_, (): ()| Ok((1_u64,))),
        (_, "subscribe-instant") => plain(linker, name, move |state, (instant,): (u64,)| {
            state.world().wait(instant);
            pollable()
        }),
        (_, "subscribe-duration") => plain(linker, name, move |state, (duration,): (u64,)| {
            let instant = state.world().monotonic().saturating_add(duration);
            state.world().wait(instant);
            pollable()
        }),
        _ => not_granted(linker, interface, name),
    }
}

fn define_random(linker: &mut Instance<'_>, interface: &str, name: &str) -> wasmtime::Result<()> {
    match name {
        "get-random-bytes" | "get-insecure-random-bytes" => {
            linker.func_wrap(name, |mut context: Context<'_>, (count,): (u64,)| {
                // Within the budget first, so that the host makes no more than that.
                let count = context.data_mut().grant_random(count)?;
                charge(&mut context, count)?;
                Ok((context.data_mut().world().random(count),))
            })
        }
        "get-random-u64" | "get-insecure-random-u64" => plain(linker, name, |state, (): ()| {
            state.grant_random(8)?;
            Ok((state.world().random_u64(),))
        }),
        "insecure-seed" => plain(linker, name, |state, (): ()| {
            state.grant_random(16)?;
            Ok(((state.world().random_u64(), state.world().random_u64()),))
        }),
        _ => not_granted(linker, interface, name),
    }
}

/// Everything is ready at once: nothing here takes time, and nobody may wait in a place that fuel does not reach.
fn define_poll(linker: &mut Instance<'_>, interface: &str, name: &str) -> wasmtime::Result<()> {
    match name {
        "[method]pollable.ready" => plain(linker, name, |_, (_,): (Resource<Pollable>,)| Ok((true,))),
        "[method]pollable.block" => plain(linker, name, |_, (_,): (Resource<Pollable>,)| Ok(())),
        "poll" => linker.func_wrap(name, |mut context: Context<'_>, (pollables,): (Vec<Resource<Pollable>>,)| {
            charge(&mut context, pollables.len().saturating_mul(4))?;
            if pollables.is_empty() {
                return Err(Ended::PolledNothing.into());
            }
            Ok(((0_u32..).take(pollables.len()).collect::<Vec<u32>>(),))
        }),
        _ => not_granted(linker, interface, name),
    }
}

fn define_stream(linker: &mut Instance<'_>, interface: &str, name: &str) -> wasmtime::Result<()> {
    type Answer<T> = (Result<T, StreamError>,);
    match name {
        "[method]input-stream.read" | "[method]input-stream.blocking-read" => {
            plain(linker, name, |_, (_, _): (Resource<Input>, u64)| Ok::<Answer<Vec<u8>>, _>((Err(StreamError::Closed),)))
        }
        "[method]input-stream.skip" | "[method]input-stream.blocking-skip" => {
            plain(linker, name, |_, (_, _): (Resource<Input>, u64)| Ok::<Answer<u64>, _>((Err(StreamError::Closed),)))
        }
        "[method]input-stream.subscribe" => {
            plain(linker, name, |_, (_,): (Resource<Input>,)| Ok((Resource::<Pollable>::new_own(0),)))
        }
        "[method]output-stream.subscribe" => {
            plain(linker, name, |_, (_,): (Resource<Output>,)| Ok((Resource::<Pollable>::new_own(0),)))
        }
        "[method]output-stream.check-write" => {
            plain(linker, name, |_, (_,): (Resource<Output>,)| Ok::<Answer<u64>, _>((Ok(WRITABLE),)))
        }
        "[method]output-stream.flush" | "[method]output-stream.blocking-flush" => {
            plain(linker, name, |_, (_,): (Resource<Output>,)| Ok::<Answer<()>, _>((Ok(()),)))
        }
        "[method]output-stream.write" | "[method]output-stream.blocking-write-and-flush" => {
            linker.func_wrap(name, |mut context: Context<'_>, (stream, bytes): (Resource<Output>, Vec<u8>)| {
                charge(&mut context, bytes.len())?;
                context.data_mut().write(Stream::of(stream.rep()), &bytes)?;
                Ok::<Answer<()>, _>((Ok(()),))
            })
        }
        // Zeroes say nothing to anybody: they are paid for, and not written.
        "[method]output-stream.write-zeroes" | "[method]output-stream.blocking-write-zeroes-and-flush" => {
            linker.func_wrap(name, |mut context: Context<'_>, (_, count): (Resource<Output>, u64)| {
                charge(&mut context, usize::try_from(count).unwrap_or(usize::MAX))?;
                context.data_mut().output(count)?;
                Ok::<Answer<()>, _>((Ok(()),))
            })
        }
        "[method]output-stream.splice" | "[method]output-stream.blocking-splice" => {
            plain(linker, name, |_, (_, _, _): (Resource<Output>, Resource<Input>, u64)| {
                Ok::<Answer<u64>, _>((Err(StreamError::Closed),))
            })
        }
        _ => not_granted(linker, interface, name),
    }
}

/// Files, sockets and terminals: those functions that can be called without having one say that there is none.
fn define_nothing(linker: &mut Instance<'_>, interface: &str, name: &str) -> wasmtime::Result<()> {
    let denied = || Val::Result(Err(Some(Box::new(Val::Enum("access-denied".to_owned())))));
    match name {
        "get-directories" => refusing(linker, name, || Val::List(Vec::new())),
        "get-terminal-stdin" | "get-terminal-stdout" | "get-terminal-stderr" => refusing(linker, name, || Val::Option(None)),
        "create-tcp-socket" | "create-udp-socket" | "resolve-addresses" => refusing(linker, name, denied),
        "instance-network" => plain(linker, name, |_, (): ()| Ok((Resource::<Network>::new_own(0),))),
        _ => not_granted(linker, interface, name),
    }
}
