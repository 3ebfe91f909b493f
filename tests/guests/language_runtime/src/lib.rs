//! A filter for tests that has the standard library of Rust ask for everything that WASI has, and answers with what it
//! was told. Built for `wasm32-wasip2`, where that library is the runtime that comes with the language.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::io::Read as _;
use std::net::{TcpStream, UdpSocket};
use std::time::{Duration, Instant, SystemTime};

use filter_sdk::{Answer, Emits, Filter, Host, Object, Record, Rejection};

/// What this filter is.
pub const FILTER: Filter = Filter {
    id: "00000000-0000-4000-8000-00000000c0df",
    name: "language_runtime",
    version: env!("CARGO_PKG_VERSION"),
    description: "For tests: asks for everything that WASI has, and says what it was told.",
    accepts: &["sighting"],
    options: &[],
    emits: &[Emits::attributes(&["*"])],
    asserts: &[],
    parse,
};

filter_sdk::export!(FILTER);

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "to see where it goes")]
fn parse(record: &Record, _: &Host) -> Result<Answer, Rejection> {
    let fields = Object::parse(&record.data, &["do"])?;
    let what = fields.required_text("do")?;
    let mut answer = Answer::new(record.limits());
    let mut say = |name: &str, value: String| {
        answer.attribute(name, value);
    };
    match &*what {
        "ask" => {
            let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            say("clock", format!("{:.3}", since_1970.as_secs_f64()));
            let before = Instant::now();
            std::thread::sleep(Duration::from_secs(3_600));
            say("slept", format!("{:?}", before.elapsed()));
            say("hashed", RandomState::new().hash_one("text").to_string());
            let order: HashSet<u32> = (0..20).collect();
            say("order", order.iter().map(u32::to_string).collect::<Vec<_>>().join(" "));
            say("environment", std::env::vars_os().count().to_string());
            say("arguments", std::env::args_os().count().to_string());
            say("file_read", std::fs::read("/etc/passwd").is_ok().to_string());
            say("file_written", std::fs::write("file", "text").is_ok().to_string());
            say("connected", TcpStream::connect("192.0.2.1:80").is_ok().to_string());
            say("named", TcpStream::connect("host.example:80").is_ok().to_string());
            say("bound", UdpSocket::bind("127.0.0.1:0").is_ok().to_string());
            let mut input = Vec::new();
            say("input", format!("{} bytes", std::io::stdin().read_to_end(&mut input).unwrap_or(usize::MAX)));
            say("thread", std::thread::Builder::new().spawn(|| {}).is_ok().to_string());
            println!("to standard output");
            eprintln!("to standard error");
        }
        "wait" => loop {
            std::thread::sleep(Duration::MAX);
        },
        "flood" => (0..10_000).for_each(|line| println!("line {line}")),
        "exit" => std::process::exit(3),
        "panic" => panic!("as told"),
        _ => return Err(Rejection::new("nothing to do")),
    }
    Ok(answer)
}
