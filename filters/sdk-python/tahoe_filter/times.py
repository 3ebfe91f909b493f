"""Times of ISO 8601, in the forms that sources write."""

import re
from datetime import datetime

from .rejection import Rejected, quoted

_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2}):([0-9]{2})"
    r"(?:\.([0-9]{1,9}))?(?:Z|([+-])([0-9]{2}):?([0-9]{2}))?"
)
_EPOCH = datetime(1970, 1, 1)
_DAY_SECONDS = 86_400


def parse(text: str) -> float:
    """Reads a time as seconds since 1970-01-01T00:00:00Z.

    The forms are `2024-03-09T12:34:56`, with a blank in place of the `T`, a fraction of 1 to 9 digits (cut to
    microseconds) and a zone (`Z`, `+01:00`, `-0830`; UTC without one). White space around it is ignored. Second 60 is
    read where a leap second can be, at the end of a day in UTC, and is then the first moment of the next.

    Raises `Rejected` for anything else, and for a day or an hour that does not exist.
    """
    # Longer than any time: the pattern need not look.
    found = _TIME.fullmatch(text.strip()) if len(text) < 1_000 else None
    micros = _micros(found) if found else None
    if micros is None:
        raise Rejected(f"expected a time such as 2024-03-09T12:34:56.789Z, found {quoted(text.strip())}")
    # Exact up to the year 2255, and later times are out of every record's bounds.
    return micros / 1_000_000


def _micros(found: "re.Match[str]") -> int | None:
    year, month, day, hour, minute, second = (int(part) for part in found.group(1, 2, 3, 4, 5, 6))
    fraction, sign, offset_hours, offset_minutes = found.group(7, 8, 9, 10)
    offset = 0
    if sign:
        if offset_hours > "23" or offset_minutes > "59":
            return None
        offset = (int(offset_hours) * 60 + int(offset_minutes)) * (-60 if sign == "-" else 60)
    if hour > 23 or minute > 59 or second > 60:
        return None
    # The calendar repeats every 400 years, and Python's begins with year 1.
    shift = 400 if year == 0 else 0
    try:
        midnight = datetime(year + shift, month, day)
    except ValueError:
        return None
    days = (midnight - _EPOCH).days - (146_097 if shift else 0)
    seconds = days * _DAY_SECONDS + hour * 3_600 + minute * 60 + second - offset
    if second == 60 and seconds % _DAY_SECONDS != 0:
        return None
    return seconds * 1_000_000 + int((fraction or "0")[:6].ljust(6, "0"))
