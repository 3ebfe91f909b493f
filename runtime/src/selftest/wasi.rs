//! What the suite's guests that import WASI are made of.

/// As much of WASI 0.2 as they use, and one function that there is not.
pub const WIT: &str = include_str!("wasi.wit");

/// Core imports by the names that the bodies of `parse` use.
pub const IMPORTS: &str = r#"
    (import "wasi:clocks/wall-clock@0.2.6" "now" (func $wall (param i32)))
    (import "wasi:clocks/wall-clock@0.2.6" "fly" (func $fly))
    (import "wasi:clocks/monotonic-clock@0.2.6" "now" (func $now (result i64)))
    (import "wasi:clocks/monotonic-clock@0.2.6" "subscribe-duration" (func $in (param i64) (result i32)))
    (import "wasi:io/poll@0.2.6" "[method]pollable.block" (func $block (param i32)))
    (import "wasi:io/poll@0.2.6" "poll" (func $poll (param i32 i32 i32)))
    (import "wasi:io/streams@0.2.6" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
    (import "wasi:io/streams@0.2.6" "[method]output-stream.blocking-write-and-flush" (func $write (param i32 i32 i32 i32)))
    (import "wasi:cli/stdin@0.2.6" "get-stdin" (func $stdin (result i32)))
    (import "wasi:cli/stdout@0.2.6" "get-stdout" (func $stdout (result i32)))
    (import "wasi:cli/exit@0.2.6" "exit" (func $exit (param i32)))
    (import "wasi:cli/environment@0.2.6" "get-environment" (func $environment (param i32)))
    (import "wasi:cli/environment@0.2.6" "get-arguments" (func $arguments (param i32)))
    (import "wasi:random/random@0.2.6" "get-random-bytes" (func $bytes (param i64 i32)))
    (import "wasi:random/random@0.2.6" "get-random-u64" (func $random (result i64)))
    (import "wasi:filesystem/preopens@0.2.6" "get-directories" (func $folders (param i32)))
    (import "wasi:sockets/instance-network@0.2.6" "instance-network" (func $network (result i32)))
    (import "wasi:sockets/ip-name-lookup@0.2.6" "resolve-addresses" (func $resolve (param i32 i32 i32 i32)))
    (import "wasi:sockets/tcp-create-socket@0.2.6" "create-tcp-socket" (func $tcp (param i32 i32)))
    (import "wasi:sockets/tcp-create-socket@0.2.6" "create-udp-socket" (func $lists (param i32 i32 i32)))
    (import "wasi:sockets/tcp-create-socket@0.2.6" "resolve-addresses" (func $number (result i32)))"#;

/// `$say`: adds an attribute `said` with that number to the answer, which lies in memory as the component model lays it
/// out: nodes of 32 bytes from 40000 on.
pub const SAY: &str = r#"
    (data (i32.const 900) "said")
    (func $say (param i64) (local $at i32)
        (local.set $at (i32.add (i32.const 40000) (i32.mul (i32.load (i32.const 520)) (i32.const 32))))
        (i32.store (i32.const 516) (i32.const 40000))
        (i32.store (i32.const 520) (i32.add (i32.load (i32.const 520)) (i32.const 1)))
        (i32.store (i32.add (local.get $at) (i32.const 8)) (i32.const 900))
        (i32.store (i32.add (local.get $at) (i32.const 12)) (i32.const 4))
        (i32.store8 (i32.add (local.get $at) (i32.const 16)) (i32.const 2))
        (i64.store (i32.add (local.get $at) (i32.const 24)) (local.get 0)))"#;
