"""URLs: vectors from url_vectors.json, and the promises that hold for every text."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.rules import urls

VECTORS = json.loads((Path(__file__).parent / "url_vectors.json").read_text())
RFC_3986_BASE = "http://a/b/c/d;p?q"

ALPHABET = list("aZ0%2eE4F./\\?#:@[]()-_~ \t\nxdothp*&=;") + ["%2F", "%41", "..", "xn--", "ä", "ß", "。", "１", "\0"]
text = st.lists(st.sampled_from(ALPHABET), max_size=40).map("".join) | st.text(max_size=40)
host = (
    st.from_regex(r"[a-zA-Z0-9_-]{1,8}(\.[a-zA-Z0-9_-]{1,8}){0,3}\.?", fullmatch=True)
    | st.ip_addresses(v=4).map(str)
    | st.ip_addresses(v=6).map(lambda address: f"[{address}]")
    | st.integers(0, 2**32).map(str)
    | text
)
port = st.just("") | st.integers(0, 70_000).map(lambda number: f":{number}")
url_like = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["http://", "https://", "HTTP://", "http:", "", "ftp://"]),
    host,
    port,
    st.just("") | text.map(lambda path: f"/{path}"),
    st.just("") | text.map(lambda query: f"?{query}"),
)


def canonical_or_none(value: str) -> str | None:
    try:
        return urls.canonicalise(value)
    except UrlRefused:
        return None


canonical = url_like.map(canonical_or_none).filter(bool)


@pytest.mark.parametrize(("value", "expected"), [pytest.param(a, b, id=n) for n, a, b in VECTORS["canonical"]])
def test_a_url_has_one_spelling(value: str, expected: str) -> None:
    assert urls.canonicalise(value) == expected
    assert urls.canonicalise(expected) == expected


@pytest.mark.parametrize(("value", "reason"), VECTORS["refused"], ids=lambda value: ascii(value[:40]))
def test_what_is_no_url_is_refused_with_a_reason(value: str, reason: str) -> None:
    with pytest.raises(UrlRefused) as refused:
        urls.canonicalise(value)
    assert refused.value.reason == reason


@pytest.mark.parametrize(("reference", "expected"), VECTORS["join"], ids=lambda value: ascii(value[:40]))
def test_a_link_is_resolved_as_browsers_do(reference: str, expected: str) -> None:
    if expected.startswith("refused: "):
        with pytest.raises(UrlRefused) as refused:
            urls.join(RFC_3986_BASE, reference)
        assert refused.value.reason == expected.removeprefix("refused: ")
    else:
        assert urls.join(RFC_3986_BASE, reference) == expected


@pytest.mark.parametrize(("value", "expected"), VECTORS["refang"], ids=lambda value: ascii(value[:40]))
def test_defanged_spellings_are_undone_and_others_left_alone(value: str, expected: str) -> None:
    assert urls.refang(value) == expected


@given(url_like)
def test_canonicalising_twice_changes_nothing(value: str) -> None:
    once = canonical_or_none(value)
    if once is not None:
        assert urls.canonicalise(once) == once
        assert urls._parse(once) == once
        assert len(once) <= urls.MAX_URL_LENGTH


@given(url_like)
@example("http://example.com/%2E")
@example("http://example.com/a/..?b")
@example("http://example.com/.\n")
@example("http://example.com:80/")
@example("https://example.com:443/")
@example("http://example.com:0/")
@example("http://example.com:081/")
@example("http://example.com:65536/")
@example("http://256.1.1.1/")
@example("http://01.1.1.1/")
@example("http://1.1.1/")
@example("http://1.1.1.1.1/")
def test_the_fast_path_takes_only_what_the_parser_leaves_alone(value: str) -> None:
    if urls._CANONICAL.fullmatch(value):
        assert urls._parse(value) == value


@pytest.mark.parametrize("host", ["127.0.0.1", "255.10.99.200:8490", "example.com:65535", "example.com:81"])
def test_addresses_and_ports_need_no_parser(host: str) -> None:
    assert urls._CANONICAL.fullmatch(f"http://{host}/a?b")


@given(canonical)
def test_other_parsers_read_a_canonical_url_as_we_do(url: str) -> None:
    parts = urlsplit(url)
    assert parts.scheme in {"http", "https"}
    assert parts.netloc == urls.host_of(url)
    assert parts.hostname == urls.hostname_of(url).strip("[]")
    assert (parts.port or urls.DEFAULT_PORTS[parts.scheme]) == urls.port_of(url)
    assert parts.path == urls.path_of(url)
    assert url.isascii()
    assert parts.username is None
    assert not parts.fragment


@given(canonical)
def test_defanging_is_undone_exactly(url: str) -> None:
    shown = urls.defang(url)
    assert shown.startswith("hxxp")
    assert urls.canonicalise(urls.refang(shown)) == url


@given(canonical)
def test_refang_leaves_a_canonical_url_alone(url: str) -> None:
    assert urls.refang(url) == url


@given(canonical, text)
def test_a_link_gives_a_canonical_url_or_is_refused(base: str, reference: str) -> None:
    try:
        url = urls.join(base, reference)
    except UrlRefused:
        return
    assert urls.canonicalise(url) == url


@given(st.text())
def test_no_text_raises_anything_else(value: str) -> None:
    canonical_or_none(value)
    urls.refang(value)
    urls.defang(value)


@pytest.mark.parametrize(
    ("url", "host", "hostname", "port"),
    [
        ("http://example.com/a:1/", "example.com", "example.com", 80),
        ("https://example.com:8443/", "example.com:8443", "example.com", 8443),
        ("https://[2001:db8::1]/", "[2001:db8::1]", "[2001:db8::1]", 443),
        ("http://[2001:db8::1]:81/", "[2001:db8::1]:81", "[2001:db8::1]", 81),
        ("http://a/", "a", "a", 80),
    ],
)
def test_a_canonical_url_is_cut_into_host_and_port(url: str, host: str, hostname: str, port: int) -> None:
    assert (urls.host_of(url), urls.hostname_of(url), urls.port_of(url)) == (host, hostname, port)


def test_a_url_is_defanged_in_scheme_and_host_only() -> None:
    assert urls.defang("https://www.example.com:81/a.b?c.d") == "hxxps://www[.]example[.]com:81/a.b?c.d"
    assert urls.defang("http://[2001:db8::1]/a.b") == "hxxp://[2001:db8::1]/a.b"


_PIECES = ["a", "b.c", "..", ".", "/", "//", "?", "#", "%20", "%41", "%zz", ":", "\\", "http", "x y", "é", "&", "="]


@given(
    base=st.sampled_from(["http://e.com/", "https://e.com/a/b/c", "http://e.com/a/?q=1/2/3", "http://[::1]:99/x/y?/"]),
    pieces=st.lists(st.sampled_from(_PIECES), max_size=7),
)
def test_a_link_is_read_alike_whether_or_not_it_needs_the_whole_parser(base: str, pieces: list[str]) -> None:
    def read(reference: str) -> str:
        try:
            return urls.join(base, reference)
        except UrlRefused as error:
            return error.reason

    reference = "".join(pieces)
    assert read(reference) == read("\t" + reference)  # a tab vanishes, and no fast way has one
