#!/usr/bin/env bash
# Rewrites the expected documents of all fixtures with what the filters make of their records now, for review with
# `git diff fixtures`. A case of a new record needs only `raw`, and `options` if the filter is to have some.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_host_toolchain
need_guest_toolchain
build_runtime
build_filters

say "running every filter over its fixtures"
for filter in filters/*.wasm; do
    "$runtime" test "$filter" "fixtures/$(basename "$filter" .wasm)" --update | tail -n 1
done
git diff --stat -- fixtures
