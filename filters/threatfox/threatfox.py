"""Dumps of ThreatFox: indicators that abuse.ch collects, each with the malware that it belongs to.

An indicator becomes a `threatfox_ioc` event at the time when it was first seen. URLs, addresses, host names and hashes are
the attributes that honeypots, mails and other feeds have, so that all of them meet.
"""

import re

from tahoe_filter import Attribute, Emits, Event, Filter, Object, Option, Rejected, fields, json_text, log, net, times

HASHES = {
    "md5_hash": ("md5", 32),
    "sha1_hash": ("sha1", 40),
    "sha256_hash": ("sha256", 64),
    "sha3_384_hash": ("sha3_384", 96),
}
"""The kinds of indicator that are hashes of a file: what the archive calls them, and how many digits they have."""

LOGGED_ENTRIES = 20
"""How many entries that are left out are named in the log."""

ENTRY_CHARACTERS = 100
FACT_CHARACTERS = 24
"""What an entry, and each fact in it, takes of a dump at least. A dump that packs more into its length was made to cost more
fuel than a record of its length has, and is not read to its end."""

MOST_PARTS = 64
"""How many tags, or other names of a malware, one indicator may have."""

_HEX = re.compile(r"[0-9A-Fa-f]+")


def parse(record, options):
    """Adds the entries that can be read, and logs those that cannot."""
    answer = record.answer()
    threshold = int(options["confidence"])
    count = left_out = 0
    reason = "it holds no JSON objects"
    source = source_of(record)
    spare = 10_000 + len(source)
    for count, element in enumerate(json_text.objects_in_lists(source), 1):
        spare -= ENTRY_CHARACTERS
        try:
            event = event_of(element, record, threshold)
            spare -= FACT_CHARACTERS * len(event.children)
            if spare < 0:
                log.warn(f"stopped at entry {count}: no dump of ThreatFox holds so much in so few characters")
                break
            if not answer.add(event):
                raise Rejected("the dump is more than the archive takes from a record of its length")
        except Rejected as rejected:
            left_out += 1
            if left_out <= LOGGED_ENTRIES:
                reason = f"entry {count}: {rejected.reason}"
                log.warn(f"left out {reason}")
            if spare < 0:
                break
    if left_out == count:
        raise Rejected(f"expected entries of ThreatFox in JSON, found none that can be read: {reason}")
    if left_out > LOGGED_ENTRIES:
        log.warn(f"left out {left_out} of {count} entries")
    return answer


def source_of(record):
    """The dump: the text that the record holds, or, where the archive took it in as JSON, the record itself."""
    text = record.data.get("data") if isinstance(record.data, dict) else None
    return text if isinstance(text, str) else record.text


def event_of(element, record, threshold):
    """The event of one entry."""
    entry = json_text.read(element.text)
    indicator, malicious = indicator_of(entry)
    first_seen = fields.filled_text(entry, "first_seen_utc") or fields.required_text(entry, "first_seen")
    children = [indicator, *facts_of(entry, element.key)]
    # Without one, it is what ThreatFox gives to those who say nothing.
    confidence = fields.whole_number(entry, "confidence_level")
    is_sure = not isinstance(confidence, (int, float)) or confidence >= threshold
    return Event(
        "threatfox_ioc",
        record.event_time(time_of(first_seen)),
        children,
        category="malicious" if is_sure else "unknown",
        malicious=malicious if is_sure else [],
    )


def indicator_of(entry):
    """The indicator itself, and the nodes of it that are malicious."""
    kind = fields.required_text(entry, "ioc_type")
    value = fields.filled_text(entry, "ioc_value") or fields.required_text(entry, "ioc")
    if kind == "url":
        url = net.url(value)
        if url is not None:
            attribute = Attribute("url", url)
            return attribute, [attribute]
    elif kind == "ip:port":
        found = net.ip_and_port(value)
        if found is not None:
            address, port = found
            target = Object("dst", [address] if port is None else [address, Attribute("port", port)])
            return target, [address, target]
    elif kind == "domain":
        name = net.hostname(value)
        if name is not None:
            attribute = net.ip_attribute(name) or Attribute("hostname", name)
            return attribute, [attribute]
    elif kind in HASHES:
        sub_type, digits = HASHES[kind]
        if len(value.strip()) == digits and _HEX.fullmatch(value.strip()):
            # Honeypots and mails have them in lower case.
            attribute = Attribute(sub_type, value.strip().lower())
            file = Object("file", [attribute])
            return file, [attribute, file]
    else:
        raise Rejected(f"expected a kind of indicator that is known, found {kind[:64]!r}")
    raise Rejected(f"expected {kind}, found {value[:64]!r}")


def facts_of(entry, key):
    """What ThreatFox says of an indicator."""
    found = []
    # In exports the id is the key of the entry, in answers of the API a field.
    identifier = fields.filled_text(entry, "id") or key
    if identifier is not None and identifier.isascii() and identifier.isdigit():
        found.append(Attribute("threatfox_id", identifier))
    found.extend(malware_of(entry))
    for sub_type in ("threat_type", "reporter", "reference"):
        text = fields.filled_text(entry, sub_type)
        if text is not None:
            found.append(Attribute(sub_type, text))
    confidence = fields.whole_number(entry, "confidence_level")
    if confidence is not None:
        found.append(Attribute("confidence_level", confidence))
    found.extend(Attribute("tag", tag) for tag in list_of(entry, "tags"))
    last_seen = fields.filled_text(entry, "last_seen_utc") or fields.filled_text(entry, "last_seen")
    if last_seen is not None:
        try:
            found.append(Attribute("last_seen_timestamp", time_of(last_seen)))
        except Rejected:
            # It is not worth the entry.
            pass
    return found


def malware_of(entry):
    """The family that an indicator belongs to, if it is known."""
    name = fields.filled_text(entry, "malware_printable")
    identifier = fields.filled_text(entry, "malware")
    parts = [Attribute("name", name)] if name is not None and name.strip() != "Unknown malware" else []
    if identifier is not None and identifier.strip() != "unknown":
        parts.append(Attribute("malpedia_id", identifier))
    if parts:
        parts.extend(Attribute("alias", alias) for alias in list_of(entry, "malware_alias"))
        yield Object("malware", parts)


def list_of(entry, key):
    """What is a list in answers of the API, and in exports a text with commas."""
    parts = [part.strip() for text in fields.texts(entry, key)[:MOST_PARTS] for part in text.split(",", MOST_PARTS)]
    return [part for part in dict.fromkeys(parts[:MOST_PARTS]) if part]


def time_of(text):
    """A time of ThreatFox: in UTC, which answers of the API say behind it."""
    return times.parse(text.strip().removesuffix(" UTC"))


FILTER = Filter(
    id="3b7e0c52-8f1d-4a96-9c2e-5d64a1f0b7e8",
    name="threatfox",
    version="0.1.0",
    description="Indicators in dumps of ThreatFox: exports and answers of the API, in JSON.",
    accepts=["threatfox_feed", "threatfox"],
    options=[
        Option(
            "confidence",
            "The confidence, in percent, from which an indicator counts as malicious; below it is unknown.",
            default="50",
            allowed=["0", "25", "50", "75", "100"],
        )
    ],
    emits=Emits(
        events=["threatfox_ioc"],
        objects=["dst", "file", "malware"],
        attributes=[
            "url",
            "ipv4",
            "ipv6",
            "port",
            "hostname",
            *(sub_type for sub_type, _ in HASHES.values()),
            "threatfox_id",
            "name",
            "malpedia_id",
            "alias",
            "threat_type",
            "reporter",
            "reference",
            "confidence_level",
            "tag",
            "last_seen_timestamp",
        ],
    ),
    asserts=["malicious", "unknown"],
    parse=parse,
)
