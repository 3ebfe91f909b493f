#!/usr/bin/env bash
# Fuzzes each filter's parser for so many seconds (default: 120), starting from the fixtures: scripts/fuzz.sh [SECONDS [FILTER…]]
# Needs a nightly toolchain; installs cargo-fuzz. What it finds lies in target/fuzz/artifacts, and it ends with an error.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

seconds=${1:-120}
filters=("${@:2}")
[ ${#filters[@]} -gt 0 ] || filters=(cowrie email openphish_feed phishtank_feed sighting)

need_host_toolchain
command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz
corpus="$CARGO_TARGET_DIR/fuzz/corpus"
(cd tests/fuzz && cargo +nightly run --release --quiet --bin seeds -- "$corpus")
for filter in "${filters[@]}"; do
    say "$filter, $seconds seconds"
    log="$CARGO_TARGET_DIR/fuzz/$filter.log"
    artifacts="$CARGO_TARGET_DIR/fuzz/artifacts/$filter"
    mkdir -p "$artifacts"
    # Not optimised for speed and watched at every step, a parser takes many times as long as it does in a filter.
    cargo +nightly fuzz run --fuzz-dir tests/fuzz --target-dir "$CARGO_TARGET_DIR/fuzz" "$filter" "$corpus/$filter" -- \
        -max_total_time="$seconds" -timeout=60 -rss_limit_mb=4096 -max_len=65536 -artifact_prefix="$artifacts/" \
        -print_final_stats=1 >"$log" 2>&1 || fail "$filter: see $log and $artifacts"
    grep 'stat::number_of_executed_units' "$log"
done
