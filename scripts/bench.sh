#!/usr/bin/env bash
# Speed, as one report of ratios from one run on this machine: what each step of a record's way costs, the whole way with and
# without the sandbox and through the binary, archives of different sizes, and, where there is one, the program before this one.
# Figures of two machines, or of a busy one, say nothing. docs/performance.md explains the tables.
#
#   scripts/bench.sh            four minutes once it is built, half a gigabyte of disk in TMPDIR
#   scripts/bench.sh --large    also a million records: longer, three gigabytes
#   scripts/bench.sh --quick    small numbers, in seconds: only shows that everything still runs
#
# With ORIGINAL, a command that runs the original's worker, and BENCH_MONGODB_URI, a server for databases that are made and
# dropped: both programs on that, with BENCH_ORIGINAL_RECORDS records or 1000.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

for argument in "$@"; do
    [[ $argument =~ ^--(quick|large)$ ]] || fail "expected --quick or --large, found $argument"
done

need_host_toolchain
need_guest_toolchain
build_runtime
for filter in cowrie sighting email openphish_feed phishtank_feed; do
    # One of them is missing: all are built.
    [ -e "filters/$filter.wasm" ] || { build_filters && break; }
done
say "building the benchmarks"
cargo bench --quiet --locked --package tahoe-runtime --bench performance --no-run

say "machine: $(nproc) cores, $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1), Linux $(uname -r), load $(cut -d ' ' -f 1-3 /proc/loadavg)"
say "$("$runtime" --version), $(git describe --always --dirty 2>/dev/null || echo 'no git'), $(rustc --version)"
cargo bench --quiet --locked --package tahoe-runtime --bench performance -- "$@"
say "load at the end: $(cut -d ' ' -f 1-3 /proc/loadavg)"
