//! Who sent a message, and from where.

use std::net::IpAddr;

use filter_sdk::net;
use mail_parser::HeaderName;

use crate::message::Mail;
use crate::{Parts, is_blank};

/// Fields in which a mail service says where a message came from, the most reliable first.
const SAID_BY_SERVICES: [&str; 3] = ["X-Mailgun-Sending-Ip", "X-Originating-IP", "X-Sender-IP"];

/// Adds the mailboxes of `From`. The first gets the sending address: with a name it is `src`, and what is not all known is
/// `from`, so that no sender is lost.
pub(crate) fn add(mail: &Mail<'_>, parts: &mut Parts) {
    let address = sending_address(mail);
    let shown = address.map(|ip| (net::ip_sub_type(ip), net::ip_text(ip)));
    let mut shown = shown.as_ref().map(|(sub_type, text)| (*sub_type, Some(text.as_str())));
    for mailbox in mail.addresses(&HeaderName::From) {
        let [name, email] = [mailbox.name(), mailbox.address()].map(|text| text.filter(|text| !is_blank(text)));
        if name.is_none() && email.is_none() {
            continue;
        }
        let ip = shown.take();
        let sub_type = if name.is_some() && email.is_some() && ip.is_some() { "src" } else { "from" };
        parts.object(sub_type, &[("name", name), ("email_addr", email), ip.unwrap_or(("ipv4", None))]);
    }
    if let Some(ip) = shown {
        parts.object("from", &[ip]);
    }
}

/// The address that the message was sent from, as far as its headers tell.
fn sending_address(mail: &Mail<'_>) -> Option<IpAddr> {
    let said = SAID_BY_SERVICES.iter().find_map(|name| mail.raw_headers(name).find_map(|value| bare(&value)));
    said.or_else(|| mail.raw_headers("Received-SPF").find_map(|value| client_ip(&value)))
        .or_else(|| mail.raw_headers("Received").find_map(|value| first_public(&value)))
}

/// An address that is the whole value, perhaps in brackets.
fn bare(value: &str) -> Option<IpAddr> {
    let value = value.trim().trim_start_matches('[').trim_end_matches(']');
    net::ip(without_tag(value))
}

/// `[IPv6:2001:db8::1]` is how SMTP writes an address of that kind.
fn without_tag(text: &str) -> &str {
    match text.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("ipv6:") => text.get(5..).unwrap_or_default(),
        _ => text,
    }
}

/// What stands behind `client-ip=`.
fn client_ip(value: &str) -> Option<IpAddr> {
    let (_, after) = value.split_once("client-ip=")?;
    let end = after.find(|c: char| c == ';' || c.is_whitespace()).unwrap_or(after.len());
    bare(after.get(..end)?.trim_matches('"'))
}

/// The first address of the internet among those that name the sending side: what comes behind `by` is the receiver's.
fn first_public(value: &str) -> Option<IpAddr> {
    let from = value.split_whitespace().take_while(|word| !word.eq_ignore_ascii_case("by"));
    let mut addresses =
        from.flat_map(|word| word.split(['[', ']', '(', ')', ',', ';', '='])).filter_map(|piece| net::ip(without_tag(piece)));
    addresses.find(is_public)
}

fn is_public(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            let shared = first == 100 && (64..128).contains(&second);
            !(v4.is_loopback() || v4.is_link_local() || v4.is_multicast() || v4.is_unspecified() || v4.is_private() || shared)
        }
        IpAddr::V6(v6) => {
            let first = v6.segments()[0];
            let link_local = first & 0xffc0 == 0xfe80;
            let unique_local = first & 0xfe00 == 0xfc00;
            !(v6.is_loopback() || v6.is_multicast() || v6.is_unspecified() || link_local || unique_local)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_public_address_before_by_is_the_senders() {
        for (value, expected) in [
            ("from a.example (a.example [10.1.2.3]) by mx.example [198.51.100.9]; Fri", None),
            ("from a.example (HELO x) (198.51.100.7) by mx.example with ESMTP", Some("198.51.100.7")),
            ("from [10.0.0.1] (b.example [IPv6:2001:db8::7])\r\n\tby mx.example", Some("2001:db8::7")),
            ("from [127.0.0.1] (unknown [100.64.0.1])\n BY mx.example", None),
            ("from [fe80::1] ([fd00::1]) ([198.51.100.8])", Some("198.51.100.8")),
            ("by mx.example [198.51.100.9]", None),
            ("", None),
        ] {
            assert_eq!(first_public(value).map(net::ip_text).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn an_address_may_be_in_brackets_with_a_tag() {
        for value in ["192.0.2.1", " [192.0.2.1]\r\n", "[::ffff:192.0.2.1]"] {
            assert_eq!(bare(value).map(net::ip_text).as_deref(), Some("192.0.2.1"));
        }
        assert_eq!(bare("[IPv6:2001:db8::1]").map(net::ip_text).as_deref(), Some("2001:db8::1"));
        assert_eq!(client_ip("pass client-ip=\"192.0.2.1\"; x").map(net::ip_text).as_deref(), Some("192.0.2.1"));
        assert_eq!(client_ip("fail (no ip)"), None);
    }
}
