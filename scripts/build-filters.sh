#!/usr/bin/env bash
# Builds the runtime and the filters of this repository to filters/NAME.wasm.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_host_toolchain
need_guest_toolchain
build_runtime
build_filters
