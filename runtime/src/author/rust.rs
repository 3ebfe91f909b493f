//! From an author's crate to a component: finds a toolchain, runs the author's own build, wraps what comes out.

use std::fs;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use wit_component::ComponentEncoder;

const TARGET: &str = "wasm32-unknown-unknown";

/// Small stacks make instances cheap: what a guest has touched is what the next instance must find reset. With vectors of fixed
/// width a guest searches and compares sixteen bytes at a time, in the same way on every machine.
const RUSTFLAGS: &str = "-C link-arg=-zstack-size=65536 -C target-feature=+simd128";

/// The profile of guests, given to cargo so that it holds in any workspace: a panic is a trap, symbols stay for
/// backtraces.
const PROFILE: [&str; 7] = [
    "profile.wasm.inherits=\"release\"",
    "profile.wasm.opt-level=3",
    "profile.wasm.lto=true",
    "profile.wasm.codegen-units=1",
    "profile.wasm.panic=\"abort\"",
    "profile.wasm.debug=false",
    "profile.wasm.strip=\"debuginfo\"",
];

/// A cargo and a rustc that can build for WebAssembly.
struct Toolchain {
    cargo: PathBuf,
    rustc: PathBuf,
    /// The target's std is not installed, its source is: cargo builds it first.
    build_std: bool,
}

impl Toolchain {
    /// Looks for the target's std, with the toolchain in use first and the system's own second; then for the source
    /// of std.
    fn find() -> anyhow::Result<Self> {
        let named =
            |variable: &str, default: &str| std::env::var_os(variable).map_or_else(|| PathBuf::from(default), PathBuf::from);
        let candidates = [
            (named("CARGO", "cargo"), named("RUSTC", "rustc")),
            (PathBuf::from("/usr/bin/cargo"), PathBuf::from("/usr/bin/rustc")),
        ];
        for build_std in [false, true] {
            let inside =
                if build_std { "lib/rustlib/src/rust/library/std".to_owned() } else { format!("lib/rustlib/{TARGET}/lib") };
            for (cargo, rustc) in &candidates {
                if sysroot(rustc).is_some_and(|sysroot| sysroot.join(&inside).is_dir()) {
                    return Ok(Self { cargo: cargo.clone(), rustc: rustc.clone(), build_std });
                }
            }
        }
        bail!(
            "no Rust toolchain here can build for {TARGET}. With rustup: `rustup target add {TARGET}`. Without, on Debian: `apt-get \
             install rustc-web rust-web-src cargo-web lld-19`"
        )
    }

    fn cargo(&self) -> Command {
        let mut cargo = Command::new(&self.cargo);
        cargo.env("RUSTC", &self.rustc).env("RUSTFLAGS", RUSTFLAGS).env_remove("RUSTUP_TOOLCHAIN");
        if self.build_std {
            cargo.env("RUSTC_BOOTSTRAP", "1");
            if Path::new("/usr/bin/wasm-ld-19").exists() {
                cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld-19");
            }
        }
        cargo
    }
}

fn sysroot(rustc: &Path) -> Option<PathBuf> {
    let output = Command::new(rustc).args(["--print", "sysroot"]).env_remove("RUSTUP_TOOLCHAIN").output().ok()?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    crate_types: Vec<String>,
}

/// Builds the filter crate in `directory` and returns its component.
pub(super) fn build(directory: &Path, offline: bool) -> anyhow::Result<Vec<u8>> {
    let manifest = directory.join("Cargo.toml");
    let manifest = fs::canonicalize(&manifest).with_context(|| format!("cannot find {}", manifest.display()))?;
    let toolchain = Toolchain::find()?;
    let metadata = metadata(&toolchain, &manifest)?;
    let package = metadata.packages.iter().find(|package| package.manifest_path == manifest);
    let package = package.with_context(|| format!("{} is a workspace, not a crate", manifest.display()))?;
    let library = package.targets.iter().find(|target| target.crate_types.iter().any(|kind| kind == "cdylib"));
    let library = library.with_context(|| {
        format!("{}: a filter needs `[lib] crate-type = [\"cdylib\"]`, so that the build leaves a module", manifest.display())
    })?;

    let mut cargo = toolchain.cargo();
    cargo.args(["build", "--lib", "--profile", "wasm", "--target", TARGET, "--package", &package.id]);
    cargo.arg("--manifest-path").arg(&manifest);
    for setting in PROFILE {
        cargo.args(["--config", setting]);
    }
    if !std::io::stderr().is_terminal() {
        cargo.arg("--quiet");
    }
    if offline {
        cargo.arg("--offline");
    }
    if toolchain.build_std {
        if !metadata.target_directory.join(TARGET).join("wasm").exists() {
            tracing::info!("the first build takes a minute or two: it compiles the standard library for {TARGET}");
        }
        cargo.arg("-Zbuild-std=std,panic_abort");
    }
    if !cargo.status().with_context(|| format!("cannot run {}", toolchain.cargo.display()))?.success() {
        bail!("building {} failed", directory.display());
    }
    let module = metadata.target_directory.join(TARGET).join("wasm").join(format!("{}.wasm", library.name.replace('-', "_")));
    wrap(&fs::read(&module).with_context(|| format!("the build left no {}", module.display()))?)
}

/// Wraps a core module, built against the contract's bindings, into a component. Fails if the module carries no contract, or
/// imports what no interface of it explains (such as an old WASI).
fn wrap(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    let encoder = ComponentEncoder::default().validate(true).module(module).and_then(|mut encoder| encoder.encode());
    encoder.context("the module is no filter: it was not built against cybexp:tahoe, or it imports more than that")
}

fn metadata(toolchain: &Toolchain, manifest: &Path) -> anyhow::Result<Metadata> {
    let mut cargo = toolchain.cargo();
    cargo.args(["metadata", "--format-version", "1", "--no-deps", "--manifest-path"]).arg(manifest);
    let output = cargo.output().with_context(|| format!("cannot run {}", toolchain.cargo.display()))?;
    if !output.status.success() {
        bail!("{}: {}", manifest.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    serde_json::from_slice(&output.stdout).context("cargo metadata gave what cannot be read")
}
