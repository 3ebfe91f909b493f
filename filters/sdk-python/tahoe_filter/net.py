"""Addresses and URLs, as the archive writes them."""

import ipaddress
import re

from .documents import Attribute

_ADDRESS = re.compile(r"[0-9A-Fa-f.:]{2,45}")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_HOST = re.compile(r"(?=.{1,253}\Z)[^\s/\\?#@:\[\]\"'<>]+")
_SPACE = "".join(c for c in map(chr, range(0x3001)) if c.isspace())


def ip(text: str) -> "ipaddress.IPv4Address | ipaddress.IPv6Address | None":
    """The IP address that a text names: white space around it ignored, the zone of a scoped address (`%eth0`) cut off,
    an IPv4 address in IPv6 form (`::ffff:192.0.2.1`) unmapped. `None` for anything else: a host name, an address with a
    port."""
    written = text.strip().partition("%")[0]
    # Host names are common where an address is expected: no address has a letter beyond `f`, or is as long.
    if not _ADDRESS.fullmatch(written):
        return None
    try:
        found = ipaddress.ip_address(written)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        return found.ipv4_mapped
    return found


def ip_attribute(text: str) -> Attribute | None:
    """The attribute of the address that a text names: `ipv4` or `ipv6`, in its one form. `None` if it names none."""
    found = ip(text)
    if found is None:
        return None
    # Some versions write the last 32 bits of `::192.0.2.1` with dots; the archive does not.
    if isinstance(found, ipaddress.IPv6Address):
        return Attribute("ipv6", _rfc_5952(found))
    return Attribute("ipv4", str(found))


def _rfc_5952(address: ipaddress.IPv6Address) -> str:
    written = address.compressed
    if "." not in written:
        return written
    head, _, tail = written.rpartition(":")
    a, b, c, d = (int(part) for part in tail.split("."))
    return str(ipaddress.IPv6Address(f"{head}:{a << 8 | b:x}:{c << 8 | d:x}").compressed)


def ip_and_port(text: str) -> "tuple[Attribute, int | None] | None":
    """The address, and the port if there is one, of `192.0.2.1:443`, `[2001:db8::1]:443` or an address alone."""
    written = text.strip()
    if written.startswith("["):
        address, closed, rest = written[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            return None
        port = rest[1:]
    elif written.count(":") == 1:
        address, _, port = written.partition(":")
    else:
        address, port = written, ""
    attribute = ip_attribute(address)
    if attribute is None:
        return None
    if not port:
        return attribute, None
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65_535):
        return None
    return attribute, int(port)


def url(text: str) -> str | None:
    """The URL in a line or a field, white space and byte order marks around it removed; `None` if it does not begin with
    a scheme, `[A-Za-z][A-Za-z0-9+.-]*://`. Nothing else is asked of it, and nothing in it is changed."""
    found = text.strip(_SPACE + "\ufeff")
    return found if _URL.match(found) else None


def hostname(text: str) -> str | None:
    """The host name that a text is, white space around it removed; `None` for what cannot be one. Nothing in it is
    changed: as for URLs, the archive keeps what was received."""
    found = text.strip()
    return found if _HOST.fullmatch(found) else None
