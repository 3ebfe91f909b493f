//! The mapping of the Cybex-P Analytics Module of 2021, for archives that must go on joining with what it stored.
//!
//! It differs from the default in names and in what it looks at:
//!
//! | what | default | `cybexp-2021` |
//! |---|---|---|
//! | sensor in the session's key | `sensor` | `sesnor` |
//! | the attacker's address | `ipv4` or `ipv6`, in one spelling | `ipv4`, as written |
//! | a forward's target | `ipv4`, `ipv6` or `hostname` | `url`, as written |
//! | a forward's source | `src` | not kept |
//! | the name of a downloaded file | the last segment of the path | all behind the last `/`, be it nothing |
//! | how a file was uploaded, and where it lies | SFTP and SCP | SFTP |
//! | keys in a login | kept | not kept |
//! | the method of a login | its protocol | `ssh` |
//! | events that it did not know, and the ids of 2015 | mapped | their session only |
//!
//! What the module could not read at all (a login without a password, a download without a URL) gets the default row, with
//! these names.

use cowrie_event::{Event, Kind};
use filter_sdk::{Host, OptionSpec, text::strip};

/// The option that chooses the mapping.
pub(crate) const OPTION: OptionSpec = OptionSpec {
    key: "compat",
    description: "Whose documents to make: our own, or exactly those of the Cybex-P Analytics Module of 2021.",
    default: "none",
    allowed: &["none", CYBEXP_2021],
    secret: false,
};

const CYBEXP_2021: &str = "cybexp-2021";

/// A mapping of Cowrie's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mapping {
    /// All that Cowrie says.
    Full,
    /// That of the Analytics Module.
    CybexP2021,
}

impl Mapping {
    pub(crate) fn chosen(host: &Host) -> Self {
        if host.option(OPTION.key).as_deref() == Some(CYBEXP_2021) { Self::CybexP2021 } else { Self::Full }
    }

    pub(crate) fn is_full(self) -> bool {
        self == Self::Full
    }

    /// The name of the sensor in a session's key.
    pub(crate) fn sensor(self) -> &'static str {
        if self.is_full() { "sensor" } else { "sesnor" }
    }

    /// Whether an event is more than its session.
    pub(crate) fn knows(self, event: &Event<'_>) -> bool {
        let mapped = matches!(
            event.kind,
            Some(
                Kind::Connect
                    | Kind::Closed
                    | Kind::Login { .. }
                    | Kind::Command { .. }
                    | Kind::ForwardRequest
                    | Kind::ForwardData
                    | Kind::Download { .. }
                    | Kind::Upload
            )
        );
        // Of the ids of 2015 the module knew none.
        self.is_full() || (mapped && event.id.starts_with("cowrie."))
    }
}

/// The name of the file behind a URL.
pub(crate) fn file_name(url: &str) -> &str {
    strip(url).rsplit('/').next().unwrap_or_default()
}
