//! Addresses and URLs, as the archive writes them.

use std::net::{IpAddr, Ipv6Addr};

use crate::text::{is_space, strip};

/// The IP address that `text` names: white space around it ignored, the zone of a scoped address (`%eth0`) cut off,
/// an IPv4 address in IPv6 form (`::ffff:192.0.2.1`) unmapped. `None` for anything else: a host name, an address with
/// a port.
pub fn ip(text: &str) -> Option<IpAddr> {
    let text = strip(text);
    let address = text.split_once('%').map_or(text, |(address, _zone)| address);
    // Host names are common where an address is expected, and long ones cost time: no address has a letter beyond `f`.
    if !address.bytes().all(|b| b.is_ascii_hexdigit() || b == b'.' || b == b':') {
        return None;
    }
    let ip = address.parse().ok()?;
    Some(match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    })
}

/// The sub-type of an address: `ipv4` or `ipv6`.
pub const fn ip_sub_type(ip: IpAddr) -> &'static str {
    match ip {
        IpAddr::V4(_) => "ipv4",
        IpAddr::V6(_) => "ipv6",
    }
}

/// An address in its one form: dotted decimal, or RFC 5952.
pub fn ip_text(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => Ipv6Addr::to_string(&v6),
    }
}

/// The URL in a line or a field, white space and byte order marks around it removed; `None` if it does not begin with
/// a scheme, `[A-Za-z][A-Za-z0-9+.-]*://`. Nothing else is asked of it, and nothing in it is changed.
pub fn url(text: &str) -> Option<&str> {
    let url = text.trim_matches(|c| is_space(c) || c == '\u{feff}');
    let (scheme, _) = url.split_once("://")?;
    let mut letters = scheme.bytes();
    let well_formed =
        letters.next()?.is_ascii_alphabetic() && letters.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'.' | b'-'));
    well_formed.then_some(url)
}

/// The last segment of a URL's path, without query and fragment; `None` if it is empty, as in `http://example.com/`.
pub fn url_file_name(url: &str) -> Option<&str> {
    let (_, after_scheme) = url.split_once("://")?;
    let (_, path) = after_scheme.split(['?', '#']).next()?.split_once('/')?;
    last_segment(path)
}

/// What is behind the last `/` of a path, or all of it; `None` if that is nothing, or white space.
pub fn last_segment(path: &str) -> Option<&str> {
    path.rsplit('/').next().filter(|name| !strip(name).is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<(&'static str, String)> {
        ip(text).map(|ip| (ip_sub_type(ip), ip_text(ip)))
    }

    #[test]
    fn one_address_has_one_form() {
        assert_eq!(shown(" 192.0.2.1\n"), Some(("ipv4", "192.0.2.1".to_owned())));
        assert_eq!(shown("::ffff:192.0.2.1"), Some(("ipv4", "192.0.2.1".to_owned())));
        assert_eq!(shown("::FFFF:C000:0201"), Some(("ipv4", "192.0.2.1".to_owned())));
        assert_eq!(shown("fe80::1%eth0"), Some(("ipv6", "fe80::1".to_owned())));
        assert_eq!(shown("2001:0DB8:0:0:1:0:0:1"), Some(("ipv6", "2001:db8::1:0:0:1".to_owned())));
        assert_eq!(shown("2001:db8:0:1:1:1:1:1"), Some(("ipv6", "2001:db8:0:1:1:1:1:1".to_owned())));
        assert_eq!(shown("::192.0.2.1"), Some(("ipv6", "::c000:201".to_owned())));
    }

    #[test]
    fn what_is_no_address_is_none() {
        for text in [
            "",
            "mail.example.com",
            "192.0.2.1:22",
            "[2001:db8::1]:22",
            "192.0.2",
            "192.0.2.256",
            "192.0.2.01",
            "0x7f.1",
            "face",
            ":",
        ] {
            assert_eq!(ip(text), None, "{text}");
        }
    }

    #[test]
    fn a_url_begins_with_a_scheme() {
        assert_eq!(url(" \u{feff}http://example.com/a b \r\n"), Some("http://example.com/a b"));
        assert_eq!(url("svn+ssh://example.com"), Some("svn+ssh://example.com"));
        for text in
            ["stdin", "/tmp/x.sh", "://example.com", "1http://example.com", "see http://example.com", "http:/example.com", ""]
        {
            assert_eq!(url(text), None, "{text}");
        }
    }

    #[test]
    fn a_file_name_is_the_end_of_the_path() {
        assert_eq!(url_file_name("http://example.com/bins/a.sh?x=1/2#y/z"), Some("a.sh"));
        assert_eq!(url_file_name("http://example.com/p/a%2fb"), Some("a%2fb"));
        for none in [
            "http://example.com",
            "http://example.com/",
            "http://example.com/p/",
            "http://example.com/ ?x",
            "http://example.com?f=/a.sh",
            "http://example.com#/a.sh",
            "/a.sh",
        ] {
            assert_eq!(url_file_name(none), None, "{none}");
        }
    }
}
