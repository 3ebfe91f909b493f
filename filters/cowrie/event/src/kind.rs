//! Event ids and what they mean.

/// What a Cowrie event tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A client connected.
    Connect,
    /// A client is gone.
    Closed,
    /// A login was tried.
    Login {
        /// Whether the honeypot let it in.
        success: bool,
    },
    /// A command line was entered, or a command of it was looked up.
    Command {
        /// Whether the honeypot knows the command; `None` for the line as entered.
        success: Option<bool>,
    },
    /// A client asks for a connection to a third party.
    ForwardRequest,
    /// What a client sends to a third party.
    ForwardData,
    /// The JA4 fingerprint of TLS sent to a third party.
    ForwardJa4,
    /// The JA4H fingerprint of HTTP sent to a third party.
    ForwardJa4h,
    /// The honeypot sends a forwarded connection elsewhere.
    ForwardElsewhere,
    /// A file was fetched from the network, or a client tried to.
    Download {
        /// Whether the file arrived.
        success: bool,
    },
    /// A client sent a file.
    Upload,
    /// The algorithms that a client offers.
    KeyExchange,
    /// The size of a client's terminal.
    TerminalSize,
    /// An environment variable from a client.
    Variable,
    /// A client's version string.
    Version,
    /// A client's public key.
    Fingerprint,
    /// A known event that says nothing about the attacker beyond its session.
    Other,
}

/// Cowrie's catalogue as of August 2026, all 48 ids.
static IDS: [(&str, Kind); 48] = [
    ("cowrie.abuseipdb.ratelimited", Kind::Other),
    ("cowrie.abuseipdb.reportedip", Kind::Other),
    ("cowrie.abuseipdb.reportfail", Kind::Other),
    ("cowrie.abuseipdb.started", Kind::Other),
    ("cowrie.abuseipdb.wakeup", Kind::Other),
    ("cowrie.client.fingerprint", Kind::Fingerprint),
    ("cowrie.client.kex", Kind::KeyExchange),
    ("cowrie.client.malformed_packet", Kind::Other),
    ("cowrie.client.size", Kind::TerminalSize),
    ("cowrie.client.var", Kind::Variable),
    ("cowrie.client.version", Kind::Version),
    ("cowrie.command.chpasswd", Kind::Other),
    ("cowrie.command.failed", Kind::Command { success: Some(false) }),
    ("cowrie.command.input", Kind::Command { success: None }),
    ("cowrie.command.success", Kind::Command { success: Some(true) }),
    ("cowrie.direct-tcpip.data", Kind::ForwardData),
    ("cowrie.direct-tcpip.ja4", Kind::ForwardJa4),
    ("cowrie.direct-tcpip.ja4h", Kind::ForwardJa4h),
    ("cowrie.direct-tcpip.redirect", Kind::ForwardElsewhere),
    ("cowrie.direct-tcpip.request", Kind::ForwardRequest),
    ("cowrie.direct-tcpip.tunnel", Kind::ForwardElsewhere),
    ("cowrie.greynoise.result", Kind::Other),
    ("cowrie.log.closed", Kind::Other),
    ("cowrie.log.open", Kind::Other),
    ("cowrie.login.failed", Kind::Login { success: false }),
    ("cowrie.login.success", Kind::Login { success: true }),
    ("cowrie.proxy.backend_connect_error", Kind::Other),
    ("cowrie.proxy.backend_connected", Kind::Other),
    ("cowrie.proxy.backend_disconnected", Kind::Other),
    ("cowrie.proxy.client_disconnect", Kind::Other),
    ("cowrie.proxy.ssh", Kind::Other),
    ("cowrie.reversedns.connect", Kind::Other),
    ("cowrie.reversedns.forward", Kind::Other),
    ("cowrie.session.closed", Kind::Closed),
    ("cowrie.session.connect", Kind::Connect),
    ("cowrie.session.file_download", Kind::Download { success: true }),
    ("cowrie.session.file_download.failed", Kind::Download { success: false }),
    ("cowrie.session.file_upload", Kind::Upload),
    ("cowrie.session.input", Kind::Other),
    ("cowrie.session.params", Kind::Other),
    ("cowrie.telnet.error", Kind::Other),
    ("cowrie.telnet.exploit_attempt", Kind::Other),
    ("cowrie.telnet.exploit_success", Kind::Other),
    ("cowrie.telnet.option", Kind::Other),
    ("cowrie.tunnelproxy-tcpip.data", Kind::Other),
    ("cowrie.urlhaus.submitted", Kind::Other),
    ("cowrie.virustotal.scanfile", Kind::Other),
    ("cowrie.virustotal.scanurl", Kind::Other),
];

/// The ids of 2015, until January 2016. The `KIPP` ids before them are not known to anyone's documentation.
static IDS_OF_2015: [(&str, Kind); 14] = [
    ("COW0001", Kind::Connect),
    ("COW0002", Kind::Login { success: true }),
    ("COW0003", Kind::Login { success: false }),
    ("COW0004", Kind::Other), // log.open
    ("COW0005", Kind::Command { success: Some(true) }),
    ("COW0006", Kind::Command { success: Some(false) }),
    ("COW0007", Kind::Download { success: true }),
    ("COW0008", Kind::Other), // session.input
    ("COW0009", Kind::Version),
    ("COW0010", Kind::TerminalSize),
    ("COW0011", Kind::Closed),
    ("COW0012", Kind::Other), // log.closed
    ("COW0013", Kind::Variable),
    ("COW0016", Kind::Fingerprint),
];

impl Kind {
    /// The meaning of an id; `None` if it is unknown.
    pub fn of(id: &str) -> Option<Self> {
        // Most lengths differ, and comparing those costs nothing: a binary search would compare the common beginning
        // of all ids again and again.
        IDS.iter().chain(&IDS_OF_2015).find(|(known, _)| *known == id).map(|(_, kind)| *kind)
    }

    /// All ids that are known, those of 2015 last.
    pub fn known() -> impl Iterator<Item = (&'static str, Self)> {
        IDS.iter().chain(&IDS_OF_2015).copied()
    }

    /// Whether the event's target is a third party that the client wants to reach through the honeypot.
    pub const fn is_forward(self) -> bool {
        matches!(self, Self::ForwardRequest | Self::ForwardData | Self::ForwardJa4 | Self::ForwardJa4h | Self::ForwardElsewhere)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_id_is_found() {
        assert!(IDS.is_sorted_by(|(a, _), (b, _)| a < b), "sorted, so that none is there twice");
        for (id, kind) in IDS.iter().chain(&IDS_OF_2015) {
            assert_eq!(Kind::of(id), Some(*kind), "{id}");
        }
    }

    #[test]
    fn ids_that_nobody_emits_are_unknown() {
        for id in [
            "cowrie.client.connect",
            "cowrie.log.opened",
            "cowrie.session.file_download_failed",
            "KIPP0003",
            "COW0014",
            "",
            "cowrie",
        ] {
            assert_eq!(Kind::of(id), None, "{id}");
        }
    }

    #[test]
    fn forwards_are_the_direct_tcpip_events() {
        for (id, kind) in &IDS {
            assert_eq!(kind.is_forward(), id.starts_with("cowrie.direct-tcpip."), "{id}");
        }
    }
}
