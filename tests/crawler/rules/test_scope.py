"""Scope: tables of scope, URL and rule; then what no link can do."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
import tldextract
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.rules import scope as scopes
from orbweaver.crawler.rules.scope import embed_refusal_of, merge, ports_of, refusal_of, scope_for, site_of
from orbweaver.crawler.rules.urls import canonicalise, join
from orbweaver.model import AccessProfile, Embeds, Limits, Scope, ScopeKind

HOST, SITE, PATH = ScopeKind.HOST, ScopeKind.SITE, ScopeKind.PATH


@pytest.mark.parametrize(
    ("kind", "reported", "url", "is_allowed", "rule"),
    [
        # host: the name and its port, either scheme
        (HOST, "http://www.example.com/a", "http://www.example.com/", True, "host"),
        (HOST, "http://www.example.com/a", "https://www.example.com/b?c", True, "host"),
        (HOST, "http://www.example.com/a", "http://example.com/", False, "host"),
        (HOST, "http://example.com/a", "http://www.example.com/", False, "host"),
        (HOST, "http://example.com/a", "http://example.com.example.net/", False, "host"),
        (HOST, "http://example.com/a", "http://notexample.com/", False, "host"),
        (HOST, "http://example.com/a", "http://example.com:8080/", False, "port"),
        (HOST, "http://example.com:8080/a", "http://example.com:8080/b", True, "host"),
        (HOST, "http://example.com:8080/a", "https://example.com:8080/b", True, "host"),
        (HOST, "http://example.com:8080/a", "http://example.com/b", False, "port"),
        (HOST, "http://192.0.2.1/a", "http://192.0.2.2/a", False, "host"),
        (HOST, "http://[2001:db8::1]/", "http://[2001:db8::1]/b", True, "host"),
        (HOST, "http://[2001:db8::1]/", "http://[2001:db8::1]:81/b", False, "port"),
        (HOST, "http://[2001:db8::1]/", "http://[2001:db8::2]/", False, "host"),
        # site: the registrable domain, private suffixes included, on reported ports
        (SITE, "http://www.example.com/a", "https://cdn.example.com/b", True, "site"),
        (SITE, "http://www.example.com/a", "http://example.com/", True, "site"),
        (SITE, "http://www.example.com/a", "http://example.net/", False, "site"),
        (SITE, "http://www.example.co.uk/a", "http://other.co.uk/", False, "site"),
        (SITE, "http://a.github.io/", "http://b.github.io/", False, "site"),
        (SITE, "http://a.github.io/", "http://github.io/", False, "site"),
        (SITE, "http://a.github.io/", "http://c.a.github.io/", True, "site"),
        (SITE, "http://www.example.com/a", "http://www.example.com:8080/", False, "port"),
        (SITE, "http://www.example.com:8080/a", "http://cdn.example.com:8080/", True, "site"),
        (SITE, "http://www.example.com:8080/a", "https://www.example.com/", True, "site"),
        (SITE, "http://192.0.2.1/", "http://192.0.2.1/b", True, "site"),
        (SITE, "http://192.0.2.1/", "http://3.192.0.2.1.example/", False, "site"),
        (SITE, "http://localhost/", "http://localhost/b", True, "site"),
        (SITE, "http://localhost/", "http://other/", False, "site"),
        # path: the host, and below the directory of the reported URL
        (PATH, "http://example.com/a/b.html", "http://example.com/a/c.jpg", True, "path"),
        (PATH, "http://example.com/a/b.html", "https://example.com/a/d/e?f", True, "path"),
        (PATH, "http://example.com/a/b.html", "http://example.com/a/", True, "path"),
        (PATH, "http://example.com/a/b.html", "http://example.com/a", False, "path"),
        (PATH, "http://example.com/a/b.html", "http://example.com/ab/", False, "path"),
        (PATH, "http://example.com/a/b.html", "http://example.com/", False, "path"),
        (PATH, "http://example.com/a/b.html", "http://example.com/?/a/", False, "path"),
        (PATH, "http://example.com/a?/b/c", "http://example.com/x", True, "path"),
        (PATH, "http://example.com/a/b.html", "http://www.example.com/a/b.html", False, "host"),
        (PATH, "http://example.com/a/b.html", "http://example.com:81/a/b.html", False, "port"),
        (PATH, "http://example.com/a/b", "http://example.com/a/..%2Fc", False, "path"),
        (PATH, "http://example.com/a/b", "http://example.com/a/b%2F..%2F..%2Fc", False, "path"),
        (PATH, "http://example.com/a/b", "http://example.com/a/..%5Cc", False, "path"),
        (PATH, "http://example.com/a/b", "http://example.com/a/..;x=1/c", False, "path"),
        (PATH, "http://example.com/a/b", "http://example.com/a/..c", True, "path"),
        (PATH, "http://example.com/a/b", "http://example.com/a/c?d=/../", True, "path"),
    ],
)
def test_a_url_is_in_scope_or_the_rule_says_why_not(
    kind: ScopeKind, reported: str, url: str, is_allowed: bool, rule: str
) -> None:
    refusal = refusal_of(scope_for(kind, reported, Limits()), url)
    assert (refusal is None) is is_allowed
    if refusal is not None:
        assert refusal.rule == rule
        assert refusal.reason


@pytest.mark.parametrize(
    ("path", "is_allowed"), [("/a", True), ("/a/", True), ("/a/b", True), ("/ab", False), ("/", False)]
)
def test_a_prefix_without_a_slash_ends_at_one(path: str, is_allowed: bool) -> None:
    scope = Scope(kind=PATH, name="example.com", prefixes=("http://example.com/a",))
    assert (refusal_of(scope, f"http://example.com{path}") is None) is is_allowed


@pytest.mark.parametrize(
    ("hostname", "site"),
    [
        ("www.example.com", "example.com"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("co.uk", "co.uk"),
        ("www.a.github.io", "a.github.io"),
        ("github.io", "github.io"),
        ("a_b.example.com", "example.com"),
        ("www.xn--fa-hia.de", "xn--fa-hia.de"),
        ("www.xn--85x722f.xn--55qx5d.cn", "xn--85x722f.xn--55qx5d.cn"),
        ("192.0.2.1", "192.0.2.1"),
        ("[2001:db8::1]", "[2001:db8::1]"),
        ("localhost", "localhost"),
    ],
)
def test_a_site_is_what_one_owner_registers(hostname: str, site: str) -> None:
    assert site_of(hostname) == site


def test_the_suffix_list_is_neither_fetched_nor_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("touched the network or the disk cache")

    monkeypatch.setattr("requests.Session.send", refuse)
    monkeypatch.setattr(tldextract.cache, "_make_dir", refuse)
    scopes._suffix_list.cache_clear()
    site_of.cache_clear()
    assert site_of("www.example.com") == "example.com"


def test_scopes_of_one_name_are_merged() -> None:
    strict = Limits(max_pages=1)
    merged = merge(
        [
            scope_for(PATH, "http://example.com/b/1", Limits(max_files=5)),
            scope_for(PATH, "http://example.com/a/2", strict),
            scope_for(PATH, "http://example.com/b/3", strict),
        ]
    )
    assert merged.prefixes == ("http://example.com/a/", "http://example.com/b/")
    assert (merged.limits.max_pages, merged.limits.max_files) == (1, 5)
    sites = merge(scope_for(SITE, f"http://example.com:{port}/", Limits()) for port in (8080, 81))
    assert sites.ports == (80, 81, 443, 8080)


def test_a_host_scope_has_the_ports_of_its_name() -> None:
    assert scope_for(HOST, "https://example.com/", Limits()).ports == (80, 443)
    assert scope_for(HOST, "https://example.com:8443/", Limits()).ports == (8443,)


def test_scopes_of_different_names_are_not_merged() -> None:
    with pytest.raises(ValueError, match="same kind and name"):
        merge([scope_for(HOST, f"http://{name}/", Limits()) for name in ("example.com", "example.net")])


@given(
    st.lists(st.sampled_from(["/", "\\", ".", "..", "%2e", "%2f", ";", "a", "b", "?", "#", "@", "//", ":"])).map(
        "".join
    )
)
def test_no_link_leaves_a_path_scope(reference: str) -> None:
    scope = scope_for(PATH, "http://example.com/a/b/c.html", Limits())
    try:
        url = join("http://example.com/a/b/c.html", reference)
    except UrlRefused:
        return
    parts = urlsplit(url)
    is_below = parts.netloc == "example.com" and parts.path.startswith("/a/b/")
    if refusal_of(scope, url) is None:
        assert is_below
        assert ".." not in [part.partition(";")[0] for part in parts.path.replace("%2F", "/").split("/")]
    else:
        assert not is_below or ".." in parts.path


@pytest.mark.parametrize(
    "path",
    ["/a/%252e%252e/s", "/a/..%252fs", "/a/..%253bx/s", "/a/..%00/s", "/a/%C0%AE%C0%AE/s", "/a/%25252e%25252e/s"],
)
def test_a_path_that_some_server_reads_as_a_parent_is_out_of_a_path_scope(path: str) -> None:
    one = scope_for(ScopeKind.PATH, "http://example.com/a/", Limits())
    assert refusal_of(one, canonicalise(f"http://example.com{path}")) is not None


@pytest.mark.parametrize("path", ["/a/..c", "/a/100%25", "/a/caf%E9.jpg", "/a/x%2520y", "/a/b;c"])
def test_ordinary_escapes_stay_in_a_path_scope(path: str) -> None:
    one = scope_for(ScopeKind.PATH, "http://example.com/a/", Limits())
    assert refusal_of(one, canonicalise(f"http://example.com{path}")) is None


# --- embeds ---


@pytest.mark.parametrize(
    ("embeds", "url", "rule"),
    [
        (Embeds.OFF, "http://cdn.example.com/a.jpg", "off"),
        (Embeds.SAME_SITE, "http://cdn.example.com/a.jpg", None),
        (Embeds.SAME_SITE, "https://www.example.com/a.jpg", None),
        (Embeds.SAME_SITE, "http://cdn.example.net/a.jpg", "site"),
        (Embeds.SAME_SITE, "http://cdn.example.com:8080/a.jpg", "port"),
        (Embeds.ANY, "http://cdn.example.net/a.jpg", None),
        (Embeds.ANY, "http://cdn.example.net:22/a.jpg", "port"),
    ],
)
def test_what_a_page_shows_from_elsewhere_is_fetched_as_far_as_the_scope_says(
    embeds: Embeds, url: str, rule: str | None
) -> None:
    scope = scope_for(PATH, "http://www.example.com:8080/board/", Limits()).model_copy(update={"embeds": embeds})
    page = "http://www.example.com:8080/board/1"
    refusal = embed_refusal_of(scope, url, page)
    assert (refusal and refusal.rule) == rule
    if rule is None:
        for other in (None, "http://www.example.com:8080/", "http://www.example.com/board/1", url):
            assert (embed_refusal_of(scope, url, other) or ("",))[0] == "referrer"


def test_the_sandbox_opens_the_ports_of_the_web_for_embeds_only() -> None:
    scope = scope_for(HOST, "http://www.example.com:8080/", Limits())
    assert ports_of(scope) == (8080,)
    for embeds in (Embeds.SAME_SITE, Embeds.ANY):
        assert ports_of(scope.model_copy(update={"embeds": embeds})) == (80, 443, 8080)


def test_of_merged_scopes_the_narrowest_terms_hold() -> None:
    first = scope_for(HOST, "http://example.com/a", Limits())
    soon, late = datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC)
    merged = merge(
        [
            first.model_copy(update={"embeds": Embeds.ANY, "expires_at": late}),
            first.model_copy(update={"embeds": Embeds.SAME_SITE, "expires_at": soon}),
            first.model_copy(update={"embeds": Embeds.ANY}),
        ]
    )
    assert (merged.embeds, merged.expires_at) == (Embeds.SAME_SITE, soon)


@pytest.mark.parametrize(
    "change", [{"authority": "a hotline"}, {"access": AccessProfile(proxy="http://proxy.example")}]
)
def test_scopes_under_different_terms_are_not_merged(change: dict[str, object]) -> None:
    scope = scope_for(HOST, "http://example.com/", Limits())
    with pytest.raises(ValueError, match="same authority and access"):
        merge([scope, scope.model_copy(update=change)])
    other = scope.model_copy(update=change)
    assert merge([other, other.model_copy(update={"limits": Limits(max_pages=1)})]).model_dump() == {
        **other.model_dump(),
        "limits": Limits(max_pages=1).model_dump(),
    }
