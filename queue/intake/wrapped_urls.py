"""URLs that stand inside another one: what mail gateways and large sites put around each link that is copied there.

The link leads to their own host, which would be fetched in place of the reported one; what was reported is inside. A
mail gateway's link in which no URL can be read is refused: nobody reports the gateway.

Sources: Microsoft, "Safe Links in Microsoft Defender for Office 365"; Proofpoint, "URL Decoder" (v1 to v3); Check
Point, "Click-Time Protection"; the links themselves of Cisco, Sophos, Barracuda, Trend Micro and others.
"""

from __future__ import annotations

import base64
import binascii
import re
import string
from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from orbweaver.queue.errors import NotCertain

# The host, the path, and the parameter with the URL.
_BY_PARAMETER: Final = (
    (re.compile(r"(?:www\.)?google\.[a-z.]{2,6}"), re.compile(r"/url"), "q"),
    (re.compile(r"(?:www\.)?google\.[a-z.]{2,6}"), re.compile(r"/url|/imgres"), "url"),
    (re.compile(r"www\.google\.[a-z.]{2,6}"), re.compile(r"/imgres"), "imgurl"),
    (re.compile(r"lm?\.(?:facebook|instagram)\.com"), re.compile(r"/l\.php|/"), "u"),
    (re.compile(r"(?:www\.)?youtube\.com"), re.compile(r"/redirect"), "q"),
    (re.compile(r"(?:m\.)?vk\.com"), re.compile(r"/away(?:\.php)?"), "to"),
    (re.compile(r"slack-redir\.net"), re.compile(r"/link"), "url"),
    (re.compile(r"(?:www\.)?linkedin\.com"), re.compile(r"/redir/redirect"), "url"),
    (re.compile(r"steamcommunity\.com"), re.compile(r"/linkfilter/?"), "(?:u|url)"),
    (re.compile(r"t\.umblr\.com"), re.compile(r"/redirect"), "z"),
)
# Gateways: each link of these is one around another.
_GATEWAY: Final = re.compile(
    r"(?:[\w-]+\.)*safelinks\.protection\.(?:outlook\.com|office365\.us|partner\.outlook\.cn)"
    r"|urldefense(?:\.proofpoint)?\.(?:com|us)"
    r"|(?:protect-[\w-]+\.mimecast|(?:[\w-]+\.)*mimecastprotect)\.com"
    r"|linkprotect\.cudasvc\.com|linklock\.titanhq\.com|secure-web\.cisco\.com|scanmail\.trustwave\.com"
    r"|(?:[\w-]+\.)+protection\.sophos\.com|protect\d*\.fireeye\.com"
    r"|clicktime\.(?:symantec\.com|cloud\.postoffice\.net)|(?:[\w-]+[.-])*ctp\.trendmicro\.com"
    r"|link\.edgepilot\.com|url\.emailprotection\.link|urlsand\.(?:esvalabs\.)?com|protection\.greathorn\.com"
    r"|(?:[\w-]+\.)*avanan\.click|avanan\.url-protection\.com|protect\.checkpoint\.com"
    r"|deref-(?:gmx|web|mail)\.(?:net|de|com)"
)
# What stands in front of the URL in Proofpoint's third form, and in Check Point's.
MARKS_BEFORE_A_URL: Final = ("/v3/__", "/___")
_PROOFPOINT_V2: Final = re.compile(
    r"https?://urldefense\.(?:proofpoint\.)?com/v2/url\?(?:[^#]*&)?u=([^&#]+)", re.IGNORECASE
)
_PROOFPOINT_V3: Final = re.compile(
    r"https?://urldefense\.(?:proofpoint\.)?(?:com|us)/v3/__(.+?)__;([\w-]*)=*!", re.IGNORECASE
)
_CHECK_POINT: Final = re.compile(r"https?://[\w.-]+/(?:[\w-]+/)*___(.+?)___(?:\.|\Z)", re.IGNORECASE)
_ESCAPED_IN_PATH: Final = re.compile(r"/(?=https?(?:%3A|:)(?:%2F|/){2})", re.IGNORECASE)
_WEB: Final = re.compile(r"https?:/{1,2}(?=[^/\s])", re.IGNORECASE)
# Of Proofpoint's third form: a star stands for one character, two stars and a letter for as many as the letter says.
_LEFT_OUT: Final = re.compile(r"\*(?:\*([\w-]))?")
_RUN_LETTERS: Final = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
_SHORTEST_RUN: Final = 2
_MOST_WRAPPINGS: Final = 8

NOT_READABLE: Final = "a mail gateway's link, in which the URL cannot be read; write the URL as it was in the mail"


def unwrapped(url: str) -> str | None:
    """Return the URL that a link of a known service has inside; None for any other URL. Raises NotCertain.

    >>> unwrapped("https://eur01.safelinks.protection.outlook.com/?url=http%3A%2F%2Fexample.com%2Fa.jpg&data=05")
    'http://example.com/a.jpg'
    >>> unwrapped("https://urldefense.com/v3/__http://example.com/a*b__;Kw!!x!y$")
    'http://example.com/a+b'
    """
    found = None
    for _ in range(_MOST_WRAPPINGS):  # a mail passes several gateways
        inside = _inside(found or url)
        if inside is None:
            return found
        found = inside
    raise NotCertain(NOT_READABLE)


def _inside(url: str) -> str | None:
    second = _PROOFPOINT_V2.match(url)
    if second is not None:
        return _readable(_web_url(unquote(second[1].replace("-", "%").replace("_", "/"))))
    third = _PROOFPOINT_V3.match(url)
    if third is not None:
        return _readable(_web_url(_with_left_out(third[1], third[2])))
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return None
    if _GATEWAY.fullmatch(host) and parts.path + parts.query not in ("", "/"):
        urls = {inside: None for value in _values(url, parts.path, parts.query) if (inside := _web_url(value))}
        return _readable(next(iter(urls)) if len(urls) == 1 else None)
    for hosts, paths, parameter in _BY_PARAMETER:
        if hosts.fullmatch(host) and paths.fullmatch(parts.path):
            for name, value in parse_qsl(parts.query):
                if re.fullmatch(parameter, name) and (inside := _web_url(value)) is not None:
                    return inside
    return None


def _values(url: str, path: str, query: str) -> Iterator[str]:
    """Yield what may be the URL inside a gateway's link: its parameters, in base64 too, and the end of its path."""
    marked = _CHECK_POINT.match(url)
    if marked is not None:
        yield marked[1]
        return
    escaped = _ESCAPED_IN_PATH.search(path)
    if escaped is not None:
        yield unquote(path[escaped.end() :])
    for _, value in parse_qsl(query):
        yield value
        try:
            yield base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True).decode()
        except ValueError:
            continue


def _with_left_out(text: str, encoded: str) -> str:
    """Return Proofpoint's text with the characters that it left out, which stand in base64 behind it."""
    try:
        characters = iter(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode())
    except (binascii.Error, UnicodeDecodeError):
        raise NotCertain(NOT_READABLE) from None

    def put_back(mark: re.Match[str]) -> str:
        length = 1 if mark[1] is None else _SHORTEST_RUN + _RUN_LETTERS.find(mark[1])
        run = "".join(character for character, _ in zip(characters, range(length), strict=False))
        if len(run) != length:
            raise NotCertain(NOT_READABLE)
        return run

    return _LEFT_OUT.sub(put_back, text)


def _readable(url: str | None) -> str:
    if url is None:
        raise NotCertain(NOT_READABLE)
    return url


def _web_url(text: str) -> str | None:
    scheme = _WEB.match(text)
    return None if scheme is None else f"{text[: text.index(':')]}://{text[scheme.end() :]}"
