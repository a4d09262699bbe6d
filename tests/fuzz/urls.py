"""URLs: canonical form, links, defanged spellings, scope. Input: lines of UTF-8, a page's URL and what it links to."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.rules import urls
from orbweaver.crawler.rules.scope import refusal_of, scope_for
from orbweaver.crawler.rules.spelt_urls import SpeltUrl, is_spelling_of, sent_as, spell
from orbweaver.model import Limits, ScopeKind

from fuzz.promises import in_time_for

PAGE = "http://a.example.com:81/b/c/d;p?q"
TOKENS = (
    *(b"http://", b"https://", b"HTTP:", b"ftp:", b"//", b"///", b"\\", b"/", b"?", b"#", b"@", b":", b"[", b"]", b"%"),
    *(b"%2e", b"%2F", b"%5c", b"%00", b"%c0%ae", b"..", b"/./", b"/../", b";", b"&", b"=", b" ", b"\t", b"\0", b"\n"),
    *(b"example.com", b"a.example.com", b"localhost", b"127.1", b"0x7f.1", b"2130706433", b"[::1]", b"[::ffff:7f00:1]"),
    *(b":80", b":443", b":81", b":65536", b"xn--", b"xn--fa-hia", "ß".encode(), "。".encode(), "１".encode()),
    *(b"hxxp", b"[.]", b"[://]", b"(dot)", b"[/]", b"\xed\xa0\x80", "\u202e".encode(), "\u00ad".encode()),
)


def check(data: bytes) -> None:
    base, *references = data.decode("utf-8", "surrogateescape" if data[:1] == b"\xed" else "replace").split("\n")
    with in_time_for(data):
        page = _check_text(base) or PAGE
        for reference in references[:20]:
            _check_text(reference)
            _check_link(page, reference)


def _check_text(text: str) -> str | None:
    """Return the canonical URL of a text, after every promise about it was checked, if it has one."""
    assert isinstance(urls.refang(text), str)
    assert isinstance(urls.defang(text), str)
    try:
        url = urls.canonicalise(text)
    except UrlRefused as refused:
        _check_reason(refused.reason, text)
        return None
    _check_canonical(url)
    return url


def _check_reason(reason: str, text: str) -> None:
    assert len(text) < 30 or text not in reason, "a reason quotes what it refuses"


def _check_link(page: str, reference: str) -> None:
    try:
        url = urls.join(page, reference)
    except UrlRefused:
        return
    _check_canonical(url)
    assert urls.join(page, url) == url
    _check_spelling(spell(SpeltUrl(page), reference))


def _check_spelling(spelt: SpeltUrl) -> None:
    sent = sent_as(*spelt)
    assert spelt.spelling is None or is_spelling_of(spelt.spelling, spelt.url)
    assert sent is None or (
        sent.startswith("/") and sent.isascii() and sent.isprintable() and not set(sent) & set(" #")
    )
    if spelt.spelling is not None:
        # A link to the same page, from there, is spelt in the same way.
        assert spell(spelt, "") == spelt


def _check_canonical(url: str) -> None:
    assert urls.canonicalise(url) == url
    assert url.isascii()
    assert url.isprintable()
    assert len(url) <= urls.MAX_URL_LENGTH
    assert not set(url) & set(' "<>\\^`{|}#'), "a character that RFC 3986 has not"
    assert urls.canonicalise(urls.refang(urls.defang(url))) == url
    assert urls.join(url, "") == url
    parts = urlsplit(url)
    assert (parts.netloc, parts.path) == (urls.host_of(url), urls.path_of(url))
    assert parts.hostname == urls.hostname_of(url).strip("[]")
    assert (parts.port or urls.DEFAULT_PORTS[parts.scheme]) == urls.port_of(url)
    assert (parts.username, parts.fragment) == (None, "")
    assert not {".", ".."} & {unquote(segment) for segment in parts.path.split("/")}
    _check_scope(url)


def _check_scope(url: str) -> None:
    for kind in ScopeKind:
        scope = scope_for(kind, url, Limits())
        refusal = refusal_of(scope, url)
        # A path that hides a parent directory is refused even where it was reported.
        assert refusal is None or (kind is ScopeKind.PATH and "hides" in refusal.reason), refusal
        # The same URL in another spelling is the same URL.
        assert refusal_of(scope, urls.canonicalise(_spelt_otherwise(url))) == refusal
        if "elsewhere" not in url:
            assert refusal_of(scope, "http://elsewhere.invalid/") is not None


def _spelt_otherwise(url: str) -> str:
    scheme, _, rest = url.partition("://")
    authority, _, path = rest.partition("/")
    path = re.sub(r"(?<!%)(?<!%[0-9A-F])[a-z]", lambda letter: f"%{ord(letter[0]):02x}", path)
    return f" {scheme.upper()}://user:secret@{authority.upper()}/x/../{path}#fragment\n"
