#!/usr/bin/env bash
# Everything that must hold: format, lints, licences of dependencies, unit tests, the filters, and the product from end to end.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_host_toolchain
need_guest_toolchain

say "format"
cargo fmt --all --check

say "shape of the tree"
scripts/check-shape.sh

build_runtime
build_filters
"$runtime" build tests/guests/constructor tests/guests/contract_0_1_0 --output tests/guests
build_wasi_guest

say "lints"
cargo clippy --release --locked --quiet --workspace --all-targets -- -D warnings

say "documentation"
RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" cargo doc --release --locked --quiet --workspace --no-deps --document-private-items

say "tests (those of the MongoDB store need Go, for a server to test on, or TAHOE_TEST_MONGODB_URI, and say which they found)"
cargo test --release --locked --quiet --workspace

say "the SDK for filters in Python, and the filter that is written with it, natively"
if "${PYTHON:-python3}" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    export PYTHONDONTWRITEBYTECODE=1
    (cd filters/sdk-python && "${PYTHON:-python3}" -m unittest discover --quiet -s tests)
    (cd filters/threatfox && PYTHONPATH=../sdk-python "${PYTHON:-python3}" -m unittest discover --quiet -s tests)
else
    say "no Python 3.11 or later here: SKIPPED"
fi

say "the report of speed: that it can be made, not what it says"
report=$(scripts/bench.sh --quick)
for table in Parts Whole "Through the binary" Growth "Against the original" Targets; do
    [[ $report == *$'\n'"== $table"* ]] || fail "scripts/bench.sh --quick prints no table $table:"$'\n'"$report"
done

say "licences and sources of dependencies"
scripts/check-dependencies.sh

say "all good"
