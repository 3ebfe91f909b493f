//! The address of a store on a MongoDB server: what of it may be shown, and what not.

use std::time::Duration;

use mongodb::options::{Acknowledgment, ClientOptions, ConnectionString, WriteConcern};

use super::patience::{ANSWER, Patience};
use crate::store::StoreError;

/// The database of the original's default configuration.
const DEFAULT_DATABASE: &str = "tahoe_db";

/// How long to look for a server, unless the address says. The caller waits and tries again, and should be able to
/// stop.
const SELECTION_TIMEOUT: Duration = Duration::from_secs(5);

/// What people may see of an address, and what must never be seen.
#[derive(Clone, Debug)]
pub(super) struct Address {
    shown: String,
    /// The password as written and as decoded; in no text that leaves this module.
    secrets: Vec<String>,
}

impl Address {
    pub(super) fn new(uri: &str) -> Self {
        // Credentials end at the last @ before the path. The driver's own errors are scrubbed of both spellings.
        let (scheme, rest) = uri.split_once("://").unwrap_or(("mongodb", uri));
        let (before, options) = rest.split_once('?').map_or((rest, None), |(before, options)| (before, Some(options)));
        let (user, place) = match before.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            // An @ behind the first ? may be in an option, or the ? in a password that should have been escaped.
            None => rest.rsplit_once('@').map_or((None, before), |(user, _)| (Some(user), "")),
        };
        let mut secrets = Vec::new();
        let mut shown = format!("{scheme}://");
        if let Some(user) = user {
            let (name, password) = user.split_once(':').map_or((user, None), |(name, password)| (name, Some(password)));
            shown.push_str(name);
            if let Some(password) = password {
                shown.push_str(":***");
                secrets.extend([password.to_owned(), decoded(password)]);
            }
            shown.push('@');
        }
        shown.push_str(place);
        // Options may hold secrets of their own (`tlsCertificateKeyFilePassword`, a session token): not shown, but
        // scrubbed.
        for option in options.into_iter().flat_map(|options| options.split('&')) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let name = name.to_ascii_lowercase();
            if name.contains("password") || name.contains("properties") || name.contains("token") {
                secrets.extend([value.to_owned(), decoded(value)]);
            }
        }
        secrets.retain(|secret| !secret.is_empty());
        // The longest first: one may be part of another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self { shown, secrets }
    }

    /// The address without what is secret.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// A text without what is secret.
    pub(super) fn scrub(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "***"))
    }
}

/// `%40` becomes `@`; what is no such escape stays as it is.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(value) if byte == b'%' => {
                out.push(value);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// What the driver needs to know: everything that the address says, and what must be so for the promises to hold.
pub(super) struct Target {
    pub(super) options: ClientOptions,
    pub(super) database: String,
    pub(super) concern: WriteConcern,
    /// How long to wait for an answer.
    pub(super) patience: Patience,
}

pub(super) fn parse(uri: &str, address: &Address) -> Result<Target, StoreError> {
    let failed = |error: mongodb::error::Error| {
        let text = address.scrub(&error.kind.to_string());
        match error.kind.as_ref() {
            mongodb::error::ErrorKind::DnsResolve { .. } | mongodb::error::ErrorKind::Io(_) => StoreError::Transient(text),
            _ => StoreError::Permanent(format!("{} is no address of a MongoDB server: {text}", address.shown())),
        }
    };
    let mut parsed = ConnectionString::parse(uri).map_err(failed)?;
    #[expect(deprecated, reason = "the driver refuses an address that has it; heeded here, where 0 is no limit elsewhere")]
    let limit = parsed.socket_timeout.take().filter(|limit| !limit.is_zero());
    let patience = Patience::new(limit.unwrap_or(ANSWER))?;
    let mut options = patience.wait(ClientOptions::parse(parsed)).map_err(failed)?;
    options.server_selection_timeout.get_or_insert(SELECTION_TIMEOUT);
    options.app_name.get_or_insert_with(|| "tahoe-runtime".to_owned());
    // A write that one server alone has can be undone by an election, and a mark would stand without its documents.
    let mut concern = options.write_concern.take().unwrap_or_default();
    if matches!(concern.w, None | Some(Acknowledgment::Nodes(0))) {
        concern.w = Some(Acknowledgment::Majority);
    }
    options.write_concern = Some(concern.clone());
    let database = options.default_database.clone().filter(|name| !name.is_empty());
    Ok(Target { database: database.unwrap_or_else(|| DEFAULT_DATABASE.to_owned()), options, concern, patience })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_in_no_text_in_neither_spelling() {
        let address = Address::new(
            "mongodb://me:p%40ss@db.example:27017,other/tahoe_db?authSource=admin&tlsCertificateKeyFilePassword=xyzzy",
        );
        assert_eq!(address.shown(), "mongodb://me:***@db.example:27017,other/tahoe_db");
        assert_eq!(address.scrub("p@ss and p%40ss and xyzzy"), "*** and *** and ***");
        assert_eq!(Address::new("mongodb://localhost/").shown(), "mongodb://localhost/");
        assert_eq!(Address::new("mongodb://me:se?cr@et@host/db").shown(), "mongodb://me:***@");
    }

    #[test]
    fn an_address_that_the_driver_refuses_is_an_error_without_the_password() {
        for uri in [
            "mongodb://me:sec/ret@host/db",
            "mongodb://me:secret@host/db?w=-3",
            "mongodb://me:secret@:port/db",
            "mongodb://me:secret@",
        ] {
            let address = Address::new(uri);
            let Err(error) = parse(uri, &address) else { continue };
            assert!(!error.to_string().contains("secret") && !error.to_string().contains("sec/ret"), "{error}");
        }
    }

    #[test]
    fn the_database_is_that_of_the_address_or_the_originals() {
        let database = |uri: &str| parse(uri, &Address::new(uri)).unwrap().database;
        assert_eq!(database("mongodb://localhost"), "tahoe_db");
        assert_eq!(database("mongodb://localhost/other?w=1"), "other");
        let concern = |uri: &str| parse(uri, &Address::new(uri)).unwrap().concern.w;
        assert_eq!(concern("mongodb://localhost/?w=0"), Some(Acknowledgment::Majority));
        assert_eq!(concern("mongodb://localhost/?w=2"), Some(Acknowledgment::Nodes(2)));
    }
}
