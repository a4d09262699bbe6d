"""Tells whether the link of a case works for a while only: then an absence at it says nothing about the file. Pure.

File hosts answer 404 for a link that has expired, and the usual example of nginx's secure_link answers 410.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from orbweaver.model import Case, LeftOut

# A link with one of these works for a while only.
EXPIRING: Final = frozenset({LeftOut.SIGNATURE, LeftOut.TOKEN, LeftOut.TIME, LeftOut.SESSION})
# Seconds since 1970, from 2001 on, that stand alone in a URL: /secure/HASH/1767225600/a.jpg
_SECONDS: Final = re.compile(r"(?<![0-9A-Za-z])[1-3][0-9]{9}(?![0-9A-Za-z])")
# lighttpd's mod_secdownload: /TOKEN/TIME/a.jpg, the time in hexadecimal digits, when the link was made.
_MADE_AT: Final = re.compile(r"/(?:[0-9a-f]{32}|[0-9A-Za-z_-]{27}|[0-9A-Za-z_-]{43})/(?P<seconds>[0-9a-f]{8})/")
# A link that was made so long before it was seen has no such time in it: it would have expired.
_LONGEST: Final = timedelta(days=30)


def may_have_expired(case: Case, at: datetime) -> bool:
    """Whether the newest link of a case may have worked until some moment before `at` only.

    It has a part that gives access for a while; or a random part that changed while the file stayed; or the time when
    it ends, or when it was made.
    """
    reasons = set() if case.place is None else {*case.place.left_out.values()}
    if EXPIRING & reasons or (LeftOut.RANDOM in reasons and case.newest_url != case.url):
        return True
    url, seen_at = case.newest_url, case.last_seen.timestamp()
    if any(seen_at <= int(found) <= at.timestamp() for found in _SECONDS.findall(url)):
        return True
    made_at = (int(found["seconds"], 16) for found in _MADE_AT.finditer(url))
    return any(abs(seen_at - seconds) <= _LONGEST.total_seconds() for seconds in made_at)
