"""What the author of a filter imports.

A filter is one function: it takes a record, as an organisation archived it, and the operator's options, and returns the
documents that it finds in it, or raises `Rejected` with the reason. It is plain Python: the same function runs in a unit
test and, built for WebAssembly, inside the runtime's sandbox.

    from tahoe_filter import Attribute, Emits, Event, Filter, Rejected, fields, times

    def parse(record, options):
        if not isinstance(record.data, dict):
            raise Rejected("expected an object")
        time = record.event_time(times.parse(fields.required_text(record.data, "time")))
        address = Attribute("ipv4", fields.required_text(record.data, "address"))
        return [Event("sighting", time, [address], category="malicious", malicious=[address])]

    FILTER = Filter(
        id="0f1c2d3e-4a5b-4c6d-8e7f-9a0b1c2d3e4f",
        name="seen",
        version="0.1.0",
        description="Addresses that a sensor saw.",
        accepts=["seen"],
        emits=Emits(events=["sighting"], attributes=["ipv4"]),
        asserts=["malicious"],
        parse=parse,
    )

| module      | what is in it                                                                 |
|-------------|-------------------------------------------------------------------------------|
| `documents` | `Attribute`, `Object`, `Event`, `Session`                                     |
| `filter`    | `Filter`, what it says of itself, and `Record`                                |
| `answer`    | `Answer`: documents on their way to the host, within its limits               |
| `fields`    | single values of a record, by the archive's rules                             |
| `json_text` | JSON inside a record, entry by entry                                          |
| `times`     | ISO 8601                                                                      |
| `net`       | addresses and URLs                                                            |
| `log`       | lines for the operator                                                        |
| `limits`    | what the host accepts for an input of this length                             |
| `testing`   | running a filter natively: goldens, and a check against the contract          |
"""

from . import fields, json_text, limits, log, net, times
from .answer import Answer
from .documents import Attribute, Event, Object, Scalar, Session
from .filter import Emits, Filter, Option, Record
from .rejection import Rejected

__all__ = [
    "Answer",
    "Attribute",
    "Emits",
    "Event",
    "Filter",
    "Object",
    "Option",
    "Record",
    "Rejected",
    "Scalar",
    "Session",
    "fields",
    "json_text",
    "limits",
    "log",
    "net",
    "times",
]
