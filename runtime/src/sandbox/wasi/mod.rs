//! WASI 0.2 for guests that cannot do without: a world in which there is nothing.
//!
//! Runtimes of languages (Python, JavaScript, Go, Rust's std) import WASI whatever a program does. They get interfaces
//! that answer, and nothing behind them: no files, no sockets, no arguments, an empty environment, an input that has
//! ended. The clock stands at the record's time of arrival, random bytes follow from the record ([`world`]), output goes
//! to the capped log. So the promise holds for them too: the answer depends on component, settings and record alone.
//!
//! **Why not the engine's own WASI.** It does much more than is wanted here, and what is wanted it does otherwise: its
//! clock, its poll (which sleeps in real time, where neither fuel nor epoch interrupts it), its random bytes and its
//! output would all have to be replaced, and none of them takes fuel. What remained is files and sockets that are always
//! refused, at the price of an asynchronous runtime inside the process that runs guests, of the crates for both, and of
//! code that advisories are about every few months. Where there is neither file nor socket, some forty functions can be
//! called at all; they are in [`functions`], make no system call and hold no resource: a handle is a number, so there is
//! no table of the host's to fill.
//!
//! **Why by hand.** What is linked is what the component imports, by the names and the version that it uses; the engine
//! compares types. Functions that cannot be called for want of a file or a socket, or that are of a later 0.2, are
//! linked as an end of the call that names them.

mod functions;
mod world;

use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker};

use super::call::State;
use crate::verdict::FailureKind;

pub(super) use world::{Stream, World};

/// The interfaces that there are stubs of.
const INTERFACES: [&str; 27] = [
    "cli/environment",
    "cli/exit",
    "cli/stderr",
    "cli/stdin",
    "cli/stdout",
    "cli/terminal-input",
    "cli/terminal-output",
    "cli/terminal-stderr",
    "cli/terminal-stdin",
    "cli/terminal-stdout",
    "clocks/monotonic-clock",
    "clocks/wall-clock",
    "filesystem/preopens",
    "filesystem/types",
    "io/error",
    "io/poll",
    "io/streams",
    "random/insecure",
    "random/insecure-seed",
    "random/random",
    "sockets/instance-network",
    "sockets/ip-name-lookup",
    "sockets/network",
    "sockets/tcp",
    "sockets/tcp-create-socket",
    "sockets/udp",
    "sockets/udp-create-socket",
];

/// What a guest did that the stubs end its call for.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    /// Left by the back door.
    #[error("it exited with code {0}, where a filter returns an answer or a rejection")]
    Exit(u8),
    /// Called what is linked only so that it can be imported.
    #[error("it called {0}, which no filter gets")]
    NotGranted(String),
    /// The interface forbids an empty list.
    #[error("it polled nothing")]
    PolledNothing,
}

impl Ended {
    pub(super) const fn kind(&self) -> FailureKind {
        match self {
            Self::NotGranted(_) => FailureKind::Link,
            Self::Exit(_) | Self::PolledNothing => FailureKind::Trap,
        }
    }
}

/// Whether an import is of WASI, of whatever version.
pub(super) fn is_wasi(import: &str) -> bool {
    import.starts_with("wasi:")
}

/// The interface that an import asks for, such as `io/poll`, if there is a stub of it.
pub(super) fn interface(import: &str) -> Option<&'static str> {
    let (name, version) = import.strip_prefix("wasi:")?.split_once('@')?;
    // Versions after 0.2.0 add to it and change nothing.
    let patch = version.strip_prefix("0.2.")?;
    let released = !patch.is_empty() && patch.bytes().all(|byte| byte.is_ascii_digit());
    INTERFACES.into_iter().find(|known| released && *known == name)
}

/// Links what the component imports of WASI.
pub(super) fn link(linker: &mut Linker<State>, engine: &Engine, component: &Component) -> wasmtime::Result<()> {
    for (import, item) in component.component_type().imports(engine) {
        let (Some(interface), ComponentItem::ComponentInstance(imported)) = (interface(import), item.ty) else { continue };
        let mut instance = linker.instance(import)?;
        for (name, item) in imported.exports(engine) {
            match item.ty {
                ComponentItem::ComponentFunc(kind) => functions::define(&mut instance, interface, name, &kind)?,
                ComponentItem::Resource(_) => functions::define_resource(&mut instance, name)?,
                // Types need no definition; of anything else the engine says that it is missing.
                _ => {}
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_of_any_0_2_are_known_and_those_of_other_packages_and_versions_are_not() {
        for known in ["wasi:io/poll@0.2.0", "wasi:io/poll@0.2.12"] {
            assert_eq!(interface(known), Some("io/poll"), "{known}");
        }
        for unknown in [
            "wasi:http/types@0.2.0",
            "wasi:io/poll@0.3.0",
            "wasi:io/poll@0.2.0-rc-2023-11-10",
            "wasi:io/poll@0.2.",
            "wasi:io/poll",
            "io/poll@0.2.0",
            "wasi_snapshot_preview1",
            "other:io/poll@0.2.0",
        ] {
            assert_eq!(interface(unknown), None, "{unknown}");
        }
    }
}
