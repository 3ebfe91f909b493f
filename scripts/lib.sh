# Sourced by the other scripts: finds the repository, and installs what is missing. Says what it installs.

set -euo pipefail

# Where the user stands: paths that are given to a script are meant from there.
caller=$PWD
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

# One target directory for everything, so that nothing is built twice.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target}"
runtime="$CARGO_TARGET_DIR/release/runtime"

say() { printf '== %s\n' "$*"; }

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Installs Debian packages, as root or through sudo.
apt_install() {
    command -v apt-get >/dev/null || fail "$* is missing, and there is no apt-get to install it with"
    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || fail "$* is missing; install it as root: apt-get install $*"
        as_root=(sudo)
    fi
    say "installing with apt-get: $*"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

need_host_toolchain() {
    if ! command -v cargo >/dev/null && [ -x "$HOME/.cargo/bin/cargo" ]; then
        PATH="$HOME/.cargo/bin:$PATH"
    fi
    command -v cargo >/dev/null || fail "Rust is missing: install version $(rust_version) or later with rustup"
    command -v cc >/dev/null || apt_install gcc libc6-dev
}

rust_version() { sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml; }

# Filters are built for WebAssembly. With rustup that is one command; where its server is out of reach, Debian's own
# Rust brings the sources of std, and `runtime build` builds that first.
need_guest_toolchain() {
    local target=wasm32-unknown-unknown
    [ -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ] && return
    [ -d "$(/usr/bin/rustc --print sysroot 2>/dev/null)/lib/rustlib/src/rust/library/std" ] && command -v wasm-ld-19 >/dev/null && return
    if command -v rustup >/dev/null; then
        say "installing with rustup: the target $target"
        timeout 120 rustup target add "$target" 2>/dev/null && return
        say "rustup could not; taking Debian's Rust for the filters"
    fi
    apt_install rustc-web rust-web-src cargo-web lld-19
}

build_runtime() {
    say "building the runtime (the first time takes some minutes of two cores: it compiles a WebAssembly engine)"
    local quiet=()
    [ -t 2 ] || quiet=(--quiet)
    cargo build --release --locked "${quiet[@]}" --bin runtime
}

build_filters() {
    say "building the filters"
    "$runtime" build filters/cowrie filters/sighting filters/email filters/openphish_feed filters/phishtank_feed --output filters
    build_python_filters
}

# Filters in Python need Python, and once a package index. Where one of them is missing this is said, and their fixtures are
# skipped; whatever else goes wrong is an error.
build_python_filters() {
    rm -f filters/threatfox.wasm
    if ! "${PYTHON:-python3}" -c 'import ensurepip, venv' 2>/dev/null; then
        say "no Python here that can make virtual environments (on Debian: apt-get install python3-venv): filters in Python will be SKIPPED"
        return 0
    fi
    local output
    if output=$("$runtime" build filters/threatfox --output filters 2>&1); then
        printf '%s\n' "$output"
    elif [[ $output == *"pip could not install"* ]]; then
        say "pip could not install what builds filters in Python, which needs a package index: they will be SKIPPED"
    else
        fail "$output"
    fi
}

# A guest for tests that imports WASI, since Rust's own std does for that target. Only rustup has it; without it, the test
# of that guest says that it was skipped.
build_wasi_guest() {
    local target=wasm32-wasip2
    rm -f tests/guests/language_runtime.wasm
    if [ ! -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ]; then
        command -v rustup >/dev/null && say "installing with rustup: the target $target" && timeout 120 rustup target add "$target" 2>/dev/null || {
            say "Rust has no target $target here: the test of a real guest with WASI will be SKIPPED"
            return 0
        }
    fi
    cargo build --release --locked --quiet --lib --target "$target" --package language_runtime
    cp "$CARGO_TARGET_DIR/$target/release/language_runtime.wasm" tests/guests/
}
