//! A filter for the records of Cowrie, an SSH and Telnet honeypot.
//!
//! Each record belongs to a session; most become an event in it, with the attacker's address. The files follow
//! Cowrie's families of events: `shell` (logins and commands), `forward` (`direct-tcpip`), `transfer` (files),
//! `client` (what a client says of itself). `draft` has what all of them need. By an option the documents are those of
//! an older program instead: `compat` says in what they differ.
//!
//! README.md has all event ids and what becomes of them.

mod client;
mod compat;
mod draft;
mod forward;
mod shell;
mod transfer;

use compat::Mapping;
use cowrie_event::{Event, Kind};
use draft::Draft;
use filter_sdk::text::quoted;
use filter_sdk::{Answer, Category, Emits, Filter, Host, Record, Rejection};

/// What this filter is.
pub const FILTER: Filter = Filter {
    id: "d2076b75-715e-4e4d-ae0a-a291cc6d90b7",
    name: "cowrie",
    version: env!("CARGO_PKG_VERSION"),
    description: "Sessions, logins, commands, forwards, file transfers and client traits from Cowrie honeypots.",
    accepts: &["cowrie", "unr_honeypot"],
    options: &[compat::OPTION],
    emits: &[
        Emits::sessions(&["cowrie_session"]),
        Emits::events(&["file_download", "file_upload", "login", "network_traffic", "shell_command", "ssh"]),
        Emits::objects(&["attacker", "credential", "dst", "file", "src", "ssh_client_size", "ssh_key", "ssh_key_exchange"]),
        Emits::attributes(&["filename", "hostname", "ipv4", "ipv6", "output_file_path", "port", "protocol", "sha256", "url"]),
        Emits::attributes(&[
            "data",
            "ja4",
            "ja4h",
            "method",
            "password",
            "sensor",
            "sesnor",
            "sessionid",
            "shell_command",
            "success",
            "username",
        ]),
        Emits::attributes(&["comp_algo", "encr_algo", "hassh", "kex_algo", "mac_algo", "pub_key_algo"]),
        Emits::attributes(&["fingerprint", "height", "key_type", "public_key", "ssh_client_env", "ssh_version", "width"]),
    ],
    asserts: &[Category::Malicious],
    parse,
};

filter_sdk::export!(FILTER, arena);

fn parse(record: &Record, host: &Host) -> Result<Answer, Rejection> {
    let event = Event::read(record)?;
    let mapping = Mapping::chosen(host);
    let mut draft = Draft::new(record, &event, host, mapping)?;
    match event.kind {
        Some(_) if !mapping.knows(&event) => {}
        Some(Kind::Connect) => draft.session_began(),
        Some(Kind::Closed) => draft.session_ended()?,
        Some(Kind::Login { success }) => shell::login(&mut draft, success)?,
        Some(Kind::Command { success }) => shell::command(&mut draft, success)?,
        Some(Kind::ForwardRequest) => forward::request(&mut draft)?,
        Some(Kind::ForwardData) => forward::data(&mut draft)?,
        Some(Kind::ForwardJa4) => forward::trait_of_traffic(&mut draft, "ja4")?,
        Some(Kind::ForwardJa4h) => forward::trait_of_traffic(&mut draft, "ja4h")?,
        Some(Kind::Download { success }) => transfer::download(&mut draft, success)?,
        Some(Kind::Upload) => transfer::upload(&mut draft)?,
        Some(Kind::KeyExchange) => client::key_exchange(&mut draft)?,
        Some(Kind::TerminalSize) => client::terminal_size(&mut draft)?,
        Some(Kind::Variable) => client::variable(&mut draft)?,
        Some(Kind::Version) => client::version(&mut draft)?,
        Some(Kind::Fingerprint) => client::fingerprint(&mut draft)?,
        Some(Kind::ForwardElsewhere | Kind::Other) => {}
        None => host.warn(&format!("unknown event id {}: only its session is stored", quoted(&event.id))),
    }
    Ok(draft.answer)
}
