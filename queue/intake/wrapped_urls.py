"""URLs that stand inside another one: what mail gateways and large sites put around each link that is copied there.

The link leads to their own host, which would be fetched in place of the reported one; what was reported is inside. Only
services that write the URL legibly are here.

Sources: Microsoft, "Safe Links in Microsoft Defender for Office 365"; Proofpoint, "URL Decoder" (v1 to v3).
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from orbweaver.queue.errors import NotCertain

# The host, the path, and the parameter with the URL.
_BY_PARAMETER: Final = (
    (re.compile(r"(?:[\w-]+\.)*safelinks\.protection\.(?:outlook\.com|office365\.us)"), re.compile(r"/.*"), "url"),
    (re.compile(r"(?:www\.)?google\.[a-z.]{2,6}"), re.compile(r"/url"), "q"),
    (re.compile(r"(?:www\.)?google\.[a-z.]{2,6}"), re.compile(r"/url|/imgres"), "url"),
    (re.compile(r"www\.google\.[a-z.]{2,6}"), re.compile(r"/imgres"), "imgurl"),
    (re.compile(r"lm?\.(?:facebook|instagram)\.com"), re.compile(r"/l\.php|/"), "u"),
    (re.compile(r"(?:www\.)?youtube\.com"), re.compile(r"/redirect"), "q"),
    (re.compile(r"(?:m\.)?vk\.com"), re.compile(r"/away(?:\.php)?"), "to"),
    (re.compile(r"slack-redir\.net"), re.compile(r"/link"), "url"),
    (re.compile(r"linkprotect\.cudasvc\.com"), re.compile(r"/url"), "a"),
    (re.compile(r"urldefense\.proofpoint\.com"), re.compile(r"/v1/url"), "u"),
)
# What stands in front of the URL in Proofpoint's third form.
PROOFPOINT_MARK: Final = "/v3/__"
_PROOFPOINT_V2: Final = re.compile(
    r"https?://urldefense\.(?:proofpoint\.)?com/v2/url\?(?:[^#]*&)?u=([^&#]+)", re.IGNORECASE
)
_PROOFPOINT_V3: Final = re.compile(r"https?://urldefense\.(?:proofpoint\.)?com/v3/__(.+?)__;[^!]*!", re.IGNORECASE)
_WEB: Final = re.compile(r"https?:/{1,2}(?=[^/\s])", re.IGNORECASE)


def unwrapped(url: str) -> str | None:
    """Return the URL that a link of a known service has inside; None for any other URL. Raises NotCertain.

    >>> unwrapped("https://eur01.safelinks.protection.outlook.com/?url=http%3A%2F%2Fexample.com%2Fa.jpg&data=05")
    'http://example.com/a.jpg'
    >>> unwrapped("https://urldefense.com/v3/__http://example.com/a.jpg__;!!x!y$")
    'http://example.com/a.jpg'
    """
    second = _PROOFPOINT_V2.match(url)
    if second is not None:
        return _web_url(unquote(second[1].replace("-", "%").replace("_", "/")))
    third = _PROOFPOINT_V3.match(url)
    if third is not None:
        if "*" in third[1]:
            raise NotCertain("Proofpoint has left out characters of the URL; write the URL as it was in the mail")
        return _web_url(third[1])
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return None
    for hosts, paths, parameter in _BY_PARAMETER:
        if hosts.fullmatch(host) and paths.fullmatch(parts.path):
            for name, value in parse_qsl(parts.query):
                if name == parameter and (inside := _web_url(value)) is not None:
                    return inside
    return None


def _web_url(text: str) -> str | None:
    scheme = _WEB.match(text)
    return None if scheme is None else f"{text[: text.index(':')]}://{text[scheme.end() :]}"
