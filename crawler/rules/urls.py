r"""THE one place where URLs are parsed: canonical form, links, defanged spellings.

Two parsers that disagree can be attacked: the host of `http://INTERNAL:8888\@PUBLIC/` is PUBLIC for one and INTERNAL
for another. So text becomes a canonical URL once, here, and later readers may split it at the "/" after the host.
A canonical URL is ASCII and valid by RFC 3986, has a scheme of http or https, a host and a path, and nothing
that could be spelt otherwise: no userinfo, default port, fragment, dot segment, or escape that is not needed.
How a request spells what a canonical URL says: spelt_urls.py.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.rules.hostnames import canonicalise_host

MAX_URL_LENGTH: Final = 4096
# Userinfo, fragment and dot segments are removed, so the text may be longer than the URL, within reason.
MAX_TEXT_LENGTH: Final = 64 * 1024
# Schemes that pages use and we do not follow; any other text before a colon is the page's own.
KNOWN_SCHEMES = frozenset({"about", "blob", "data", "file", "ftp", "javascript", "mailto", "sms", "tel", "ws", "wss"})
DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_C0_AND_SPACE = "".join(map(chr, range(0x21)))
_TAB_AND_NEWLINES = str.maketrans("", "", "\t\r\n")

_UNRESERVED = r"A-Za-z0-9\-._~"
_IN_PATH = _UNRESERVED + r"!$&'()*+,;=:@/"
_IN_QUERY = _IN_PATH + "?"
_ESCAPE = "%[0-9A-Fa-f]{2}"
# Escapes in upper case, of anything but an unreserved character.
_FINAL_ESCAPE = "%(?!2[DE]|3[0-9]|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])[0-9A-F]{2}"

# Most links on most pages are canonical once joined; this says so in one match. It may miss canonical URLs (IPv6
# addresses, port 443 of http), which then cost a full parse, but must never match any other text.
_NAME = r"(?:[a-z0-9_-]{1,63}+\.)*[a-z][a-z0-9_-]{0,62}+"
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_PORT = "(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_CANONICAL = re.compile(
    rf"https?://(?![^/]{{254}})(?:{_NAME}|{_OCTET}(?:\.{_OCTET}){{3}})(?::(?!80/|443/){_PORT})?"
    rf"(?:/(?!\.\.?(?:[/?]|\Z))(?:[{_IN_PATH.removesuffix('/')}]++|{_FINAL_ESCAPE})*)+"
    rf"(?:\?(?:[{_IN_QUERY}]++|{_FINAL_ESCAPE})+)?"
)
# Nor do most relative links need a parser: a path without dot segments, in canonical spelling, and perhaps a query.
_SEGMENT = rf"(?!\.)(?:[{_IN_PATH.replace(':', '').replace('/', '')}]++|{_FINAL_ESCAPE})*"
_PLAIN_REFERENCE = re.compile(
    rf"(?P<relative>(?!//)(?P<root>/)?(?:{_SEGMENT})(?:/{_SEGMENT})*(?:\?(?:[{_IN_QUERY}]++|{_FINAL_ESCAPE})+)?)"
    r"(?:\#.*+)?",
    re.DOTALL,
)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*+):")
_PARTS = re.compile(r"(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?")
_BLANK = re.compile(r"[\x00-\x20\x7f]")
_TO_ESCAPE_IN_PATH = re.compile(f"{_ESCAPE}|[^{_IN_PATH}]")
_TO_ESCAPE_IN_QUERY = re.compile(f"{_ESCAPE}|[^{_IN_QUERY}]")
# A reference that is empty, or only a query or fragment, is the page's own path.
_NOT_PLAIN = frozenset({"", "?", "#"})
_IS_UNRESERVED = re.compile(f"[{_UNRESERVED}]").fullmatch


def canonicalise(text: str) -> str:
    """Return the one spelling of an absolute http or https URL; raises UrlRefused.

    >>> canonicalise("HTTP://user@Example.COM.:80/a/../%7euser?#top")
    'http://example.com/~user'
    """
    if len(text) <= MAX_URL_LENGTH and _CANONICAL.fullmatch(text):
        return text
    return _parse(text)


def is_canonical(text: str) -> bool:
    """Whether a text is a URL in its one spelling."""
    try:
        return canonicalise(text) == text
    except UrlRefused:
        return False


def _parse(text: str) -> str:
    return _below(*split(text))


def split(text: str, *, is_link: bool = False) -> tuple[str, str, str | None]:
    """Return the canonical root of an absolute URL, and its path and query as written; raises UrlRefused.

    Only in the query of a link may there be a backslash.
    """
    if len(text) > MAX_TEXT_LENGTH:
        raise UrlRefused(f"longer than {MAX_TEXT_LENGTH} characters")
    text = text.strip(_C0_AND_SPACE)
    _require_unicode(text)
    scheme, rest = _split_scheme(text)
    if "\\" in text and not is_link:
        raise UrlRefused("backslash, which parsers read differently")
    if not rest.startswith("//"):
        raise UrlRefused("no // after the scheme")
    parts = _PARTS.match(rest, 2)
    assert parts is not None  # every group may be empty
    authority = _canonicalise_authority(scheme, parts["authority"])
    return f"{scheme}://{authority}", parts["path"], parts["query"]


def _require_unicode(text: str) -> None:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise UrlRefused("not valid Unicode") from None


def _below(root: str, path: str, query: str | None) -> str:
    """Return the canonical URL of a path and a query on a host whose `root` is canonical; raises UrlRefused."""
    path = _TO_ESCAPE_IN_PATH.sub(_escape, path) or "/"
    if "/." in path:
        path = remove_dot_segments(path)
    url = root + path
    if query:
        url += "?" + _TO_ESCAPE_IN_QUERY.sub(_escape, query)
    if len(url) > MAX_URL_LENGTH:
        raise UrlRefused(f"longer than {MAX_URL_LENGTH} characters")
    return url


def _split_scheme(text: str) -> tuple[str, str]:
    """Return the scheme in lower case and what follows its colon; raises UrlRefused."""
    match = _SCHEME.match(text)
    # "example.com:8080/a" and "localhost:8080" are host and port, typed without the scheme.
    if match is None or "." in match[1] or match[1].lower() == "localhost":
        raise UrlRefused("no scheme")
    scheme = match[1].lower()
    if scheme not in DEFAULT_PORTS:
        raise UrlRefused(_other_scheme(scheme))
    return scheme, text[match.end() :]


def _canonicalise_authority(scheme: str, authority: str) -> str:
    if _BLANK.search(authority):
        raise UrlRefused("control character or space in the host")
    host_and_port = authority.rpartition("@")[2]
    host, colon, port = host_and_port.rpartition(":")
    if not colon or host_and_port.endswith("]"):
        host, port = host_and_port, ""
    host = canonicalise_host(host)
    if not port:
        return host
    number = _port_number(port)
    return host if number == DEFAULT_PORTS[scheme] else f"{host}:{number}"


def _port_number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise UrlRefused("port is not a number")
    digits = text.lstrip("0")
    if not digits or len(digits) > 5 or int(digits) > 0xFFFF:
        raise UrlRefused("port is not between 1 and 65535")
    return int(digits)


def _escape(match: re.Match[str]) -> str:
    text = match[0]
    if len(text) == 1:
        return percent_encoded(match)
    # RFC 3986, 6.2.2: escapes in upper case, and none where none is needed.
    plain = chr(int(text[1:], 16))
    return plain if _IS_UNRESERVED(plain) else text.upper()


def percent_encoded(match: re.Match[str]) -> str:
    """Return what was matched in the escapes of its UTF-8."""
    return "".join(f"%{byte:02X}" for byte in match[0].encode())


def remove_dot_segments(path: str) -> str:
    """Do what RFC 3986, 5.2.4 does, for a path that starts with "/"."""
    segments = path.split("/")[1:]
    kept: list[str] = []
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)


def join(base: str, reference: str) -> str:
    r"""Return the canonical URL of a link found on the page at `base` (canonical); raises UrlRefused.

    This is RFC 3986, 5.2 with what browsers add, because pages are written for them: tabs and line ends
    vanish, backslashes before the query are slashes, `///host` is `//host`, on an http page `http:a` is `a`
    and `https:a` is `https://a`.

    >>> join("http://example.com/a/b?c", "..\\d e.jpg#top")
    'http://example.com/d%20e.jpg'
    """
    if len(reference) > MAX_TEXT_LENGTH:
        raise UrlRefused(f"longer than {MAX_TEXT_LENGTH} characters")
    plain = _PLAIN_REFERENCE.fullmatch(reference)
    root, directory = _root_and_directory(base)
    if plain is not None and reference[:1] not in _NOT_PLAIN:
        url = (root if plain["root"] else directory) + plain["relative"]
        if len(url) <= MAX_URL_LENGTH:
            return url
    if len(reference) <= MAX_URL_LENGTH and _CANONICAL.fullmatch(reference):
        return reference
    return _below(*resolve(base, base[len(root) :], reference))


def resolve(base: str, base_spelling: str, reference: str) -> tuple[str, str, str | None]:
    """Return the canonical root of a link, and its path and query as written; raises UrlRefused.

    `base_spelling` is path and query of the page at `base`.
    """
    root = root_of(base)
    reference = reference.translate(_TAB_AND_NEWLINES).strip(_C0_AND_SPACE).partition("#")[0]
    scheme = base[: base.index(":")]
    match = _SCHEME.match(reference)
    if match is not None:
        written_scheme = match[1].lower()
        if written_scheme not in DEFAULT_PORTS:
            raise UrlRefused(_other_scheme(written_scheme))
        if written_scheme != scheme:
            path, mark, query = reference[match.end() :].partition("?")
            path = path.replace("\\", "/").lstrip("/")
            return split(f"{written_scheme}://{path}{mark}{query}", is_link=True)
        reference = reference[match.end() :]
    path, mark, query = reference.partition("?")
    path = path.replace("\\", "/")
    if path.startswith("//"):
        return split(f"{scheme}://{path.lstrip('/')}{mark}{query}", is_link=True)
    base_path, base_mark, base_query = base_spelling.partition("?")
    if not path and not mark:
        return root, base_path, base_query if base_mark else None
    if not path:
        path = base_path
    elif not path.startswith("/"):
        path = base_path[: base_path.rindex("/") + 1] + path
    _require_unicode(reference)
    # What was before a fragment, or after another scheme's colon, may still end with blanks.
    if mark:
        return root, path, query.rstrip(_C0_AND_SPACE)
    return root, path.rstrip(_C0_AND_SPACE), None


def root_of(url: str) -> str:
    """Return scheme and host of a canonical URL, without the slash that follows."""
    return url[: url.index("/", len("http://") + 1)]


@lru_cache(maxsize=64)
def _root_and_directory(url: str) -> tuple[str, str]:
    """Return a canonical URL up to its host, and up to the last slash of its path."""
    start = url.index("/", len("http://") + 1)
    path_end = url.find("?")
    return url[:start], url[: url.rindex("/", 0, None if path_end < 0 else path_end) + 1]


def host_of(url: str) -> str:
    """Return the host of a canonical URL, with its port when that is not the default."""
    start = url.index("/") + 2
    return url[start : url.index("/", start)]


def hostname_of(url: str) -> str:
    """Return the host of a canonical URL without its port; an IPv6 literal keeps its brackets."""
    host = host_of(url)
    name, colon, _ = host.rpartition(":")
    return host if not colon or host.endswith("]") else name


def port_of(url: str) -> int:
    """Return the TCP port of a canonical URL."""
    host = host_of(url)
    _, colon, port = host.rpartition(":")
    return DEFAULT_PORTS[url[: url.index(":")]] if not colon or host.endswith("]") else int(port)


def path_of(url: str) -> str:
    """Return the path of a canonical URL, without its query."""
    return url[url.index("/", len("http://") + 1) :].partition("?")[0]


# Spellings that people and tools use so that a URL cannot be clicked. Before the path they may have brackets of any
# kind. In the path only square brackets count, which a canonical URL cannot have; "(.)" may be part of a file's name.
# Of http and ftp.
SPELT_SCHEMES: Final = r"h[tx*0_-]{2}p|h[tx]{1,3}p|httx|meow|f[tx*]p"
_SPELT_SCHEME = re.compile(
    rf"(?:\[(?P<bracketed>{SPELT_SCHEMES})(?P<t>s?)\]|(?P<name>{SPELT_SCHEMES})(?P<s>s?|\[s\]))"
    r"(?:\[://\]|\(://\)|\{://\}|(?::|\[:\]|\(:\)|\{:\})(?://|\[//\]|\[/\]\[/\]|\[/\]/|/\[/\]))",
    re.IGNORECASE,
)
_AUTHORITY_END = re.compile(r"[\[({]/[\])}]|[/?#]")
_SPELT_IN_AUTHORITY = re.compile(r"[\[({](\.|dot|:|@|at)[\])}]|[\[({\\](\.)|(\.)[\])}]", re.IGNORECASE)
_SPELT_IN_PATH = re.compile(r"\[(\.|dot|:|/)\]|\\(\.)", re.IGNORECASE)
_SPELT_SLASH = re.compile(r"[\[({]/[\])}]")
_SPELLINGS = {"dot": ".", "at": "@"}


def refang(text: str) -> str:
    """Undo the spellings that make a URL unclickable; any other text is returned as it is.

    >>> refang("hXXps[:]//www[.]example(dot)com[/]a[.]jpg")
    'https://www.example.com/a.jpg'
    """
    text = text.strip(_C0_AND_SPACE)
    match = _SPELT_SCHEME.match(text)
    scheme, rest = ("", text) if match is None else (f"{_scheme_of(match)}://", text[match.end() :])
    end = _AUTHORITY_END.search(rest)
    cut = len(rest) if end is None else end.start()
    authority = _SPELT_IN_AUTHORITY.sub(_spell_out, rest[:cut])
    tail = _SPELT_SLASH.sub("/", rest[cut:], count=1) if end is not None and len(end[0]) > 1 else rest[cut:]
    if text.lower().startswith(scheme + authority.lower()) and tail == rest[cut:]:
        return text
    path_end = min((tail.find(mark) for mark in "?#" if mark in tail), default=len(tail))
    path = _SPELT_IN_PATH.sub(_spell_out, tail[:path_end])
    return scheme + authority + path + tail[path_end:].replace("[.]", ".")


def assume_scheme(text: str) -> str:
    """Put http:// before a text that begins with `www.`; return any other text as it is.

    A host that serves only TLS redirects from there to itself.

    >>> assume_scheme("WWW.example.com/a"), assume_scheme("example.com/a")
    ('http://WWW.example.com/a', 'example.com/a')
    """
    return f"http://{text}" if text[:4].lower() == "www." else text


def _scheme_of(match: re.Match[str]) -> str:
    name = match["name"] or match["bracketed"]
    return ("ftp" if name[0] in "fF" else "http") + (match["s"] or match["t"] or "").strip("[]").lower()


def _spell_out(match: re.Match[str]) -> str:
    spelt: str = next(filter(None, match.groups()))
    return _SPELLINGS.get(spelt.lower(), spelt)


def defang(url: str) -> str:
    """Return a URL for people, which no terminal or mail program makes clickable; refang() undoes it.

    >>> defang("https://www.example.com/a.jpg")
    'hxxps://www[.]example[.]com/a.jpg'
    """
    scheme, mark, rest = url.partition("://")
    if not mark:
        return url
    end = _AUTHORITY_END.search(rest)
    cut = len(rest) if end is None else end.start()
    return scheme.replace("tt", "xx") + mark + rest[:cut].replace(".", "[.]") + rest[cut:]


def _other_scheme(scheme: str) -> str:
    """Return a reason that names a scheme only when it is a known one: any other text could be content of the page."""
    return f"scheme {scheme if scheme in KNOWN_SCHEMES else 'unknown'} is not http or https"
