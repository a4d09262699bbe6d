"""robots.txt is read as RFC 9309 says, and no file can make the reading slow."""

from __future__ import annotations

import pytest
from calibration import LINEAR, measured
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.rules import robots
from orbweaver.crawler.rules.robots import MOST_BYTES, MOST_DELAY_SECONDS, judge, product_token
from orbweaver.settings import Settings

OURS = Settings().user_agent
HOST = "http://h.example"
LONGEST_URL = HOST + "/" + "a" * 2_000
DENY_ALL = b"User-agent: *\nDisallow: /\n"


def allows(body: bytes | str, path: str, user_agent: str = OURS) -> bool:
    return judge(200, body.encode() if isinstance(body, str) else body).allows(HOST + path, user_agent)


# --- what no file, or no readable one, means ---


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 418, 451, 499])
def test_a_file_that_is_not_there_allows_everything(status: int) -> None:
    read = judge(status, DENY_ALL)
    assert read.is_readable
    assert read.allows(f"{HOST}/a", OURS)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_file_that_is_redirected_too_often_allows_everything(status: int) -> None:
    assert judge(status, b"").allows(f"{HOST}/a", OURS)


@pytest.mark.parametrize("status", [None, 429, 500, 502, 503, 504, 599, 100, 999])
def test_a_file_that_cannot_be_read_now_allows_nothing(status: int | None) -> None:
    read = judge(status, b"User-agent: *\nAllow: /\n")
    assert not read.is_readable
    assert not read.allows(f"{HOST}/a", OURS)
    assert read.delay_seconds(OURS) is None
    assert read.sitemaps == ()
    assert "could not be read" in read.refusal


@pytest.mark.parametrize("body", [b"", b"\n\n", b"# nothing\n", b"<!DOCTYPE html><title>Not found</title>", b"\0" * 99])
def test_a_file_that_says_nothing_allows_everything(body: bytes) -> None:
    assert judge(200, body).allows(f"{HOST}/a", OURS)


# --- rules ---


@pytest.mark.parametrize(
    ("body", "path", "is_allowed"),
    [
        # the longest rule wins, and of equal ones Allow (RFC 9309, 2.2.2)
        ("User-agent: *\nDisallow: /a\nAllow: /a/b", "/a/b/c", True),
        ("User-agent: *\nAllow: /a/b\nDisallow: /a", "/a/c", False),
        ("User-agent: *\nAllow: /a\nDisallow: /a", "/a", True),
        ("User-agent: *\nDisallow:", "/a", True),
        # wildcards and ends
        ("User-agent: *\nDisallow: /*.php$", "/x/y.php", False),
        ("User-agent: *\nDisallow: /*.php$", "/x/y.php?a=1", True),
        ("User-agent: *\nDisallow: /a*b*c", "/axxbxxcxx", False),
        ("User-agent: *\nDisallow: /a*b*c", "/axxcxxb", True),
        # query and escapes
        ("User-agent: *\nDisallow: /a?b=", "/a?b=c", False),
        ("User-agent: *\nDisallow: /%7Ejoe/", "/~joe/x", False),
        ("User-agent: *\nDisallow: /caf\u00e9", "/caf%C3%A9", False),
        # the file itself is always allowed
        ("User-agent: *\nDisallow: /", "/robots.txt", True),
        # our own group is meant for us, whatever everybody's says
        ("User-agent: *\nDisallow: /\n\nUser-agent: Orbweaver\nDisallow: /a", "/b", True),
        ("User-agent: ORBWEAVER\nDisallow: /a\n\nUser-agent: *\nAllow: /", "/a", False),
        ("User-agent: orbweaver/0.1\nDisallow: /a", "/a", False),
        ("User-agent: a\nUser-agent: orbweaver\nUser-agent: b\nDisallow: /a", "/a", False),
        ("User-agent: orbweaver\nDisallow: /a\nUser-agent: orbweaver\nDisallow: /b", "/b", False),
        # another robot's is not
        ("User-agent: orb\nDisallow: /", "/a", True),
        ("User-agent: orbweaverbot\nDisallow: /", "/a", True),
        ("User-agent: otherbot\nDisallow: /", "/a", True),
        ("User-agent: 0\nDisallow: /", "/a", True),
        ("User-agent: *bot\nDisallow: /", "/a", True),
        # what people write
        ("user agent : *\ndisallow : /a", "/a", False),
        ("Useragent: *\nDisalow: /a", "/a", False),
        ("\ufeffUser-agent: *\r\nDisallow: /a # not here\r\n", "/a", False),
        ("User-agent: *\rDisallow: /a\r", "/a", False),
        ("User-agent: * # everybody\nDisallow: /a", "/a", False),
        ("Disallow: /a", "/a", True),
        ("User-agent:\nDisallow: /a", "/a", True),
    ],
)
def test_rules_are_read_as_the_standard_says(body: str, path: str, is_allowed: bool) -> None:
    assert allows(body, path) is is_allowed


@pytest.mark.parametrize(
    "body",
    [
        "User-agent: *\nDisallow: /caf\u00e9\nDisallow: /b".encode("latin-1"),
        "User-agent: *\nDisallow: /b".encode("utf-16"),
        b"User-agent: *\nDisallow: /b\n# \xff\xfe\xfa",
    ],
    ids=["latin-1", "utf-16", "no encoding"],
)
def test_a_file_in_any_encoding_is_read(body: bytes) -> None:
    assert not allows(body, "/b")
    assert allows(body, "/c")


def test_bytes_that_are_not_utf8_are_compared_as_a_url_carries_them() -> None:
    assert not allows(b"User-agent: *\nDisallow: /caf\xe9/", "/caf%E9/a")


# --- our name ---


@pytest.mark.parametrize(
    ("user_agent", "token"),
    [
        (OURS, "orbweaver"),
        ("Orbweaver/0.1", "orbweaver"),
        ("Mozilla/5.0 (compatible; Hotline-Bot/2.1; +https://hotline.example)", "hotline-bot"),
        ("hotline_bot", "hotline_bot"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "orbweaver"),
        ("Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1)", "orbweaver"),
        ("Opera/9.80 (X11)", "orbweaver"),
        ("", "orbweaver"),
        ("123", "orbweaver"),
    ],
)
def test_the_name_in_robots_is_that_of_our_user_agent(user_agent: str, token: str) -> None:
    assert product_token(user_agent) == token


def test_one_file_answers_for_several_names() -> None:
    read = judge(200, b"User-agent: hotline-bot\nDisallow: /a\nCrawl-delay: 3\n\nUser-agent: orbweaver\nDisallow: /b")
    assert not read.allows(f"{HOST}/a", "hotline-bot/1")
    assert read.allows(f"{HOST}/a", OURS)
    assert not read.allows(f"{HOST}/b", OURS)
    assert (read.delay_seconds("hotline-bot/1"), read.delay_seconds(OURS)) == (3, None)


# --- delays and sitemaps ---


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("5", 5),
        ("0.5", 0.5),
        ("0", 0),
        ("86400", MOST_DELAY_SECONDS),
        ("9" * 400, None),
        ("inf", None),
        ("nan", None),
        ("-1", None),
        ("soon", None),
    ],
)
def test_the_delay_is_the_one_asked_for_up_to_a_limit(said: str, seconds: float | None) -> None:
    assert judge(200, f"User-agent: *\nCrawl-delay: {said}".encode()).delay_seconds(OURS) == seconds


def test_another_robots_delay_is_not_ours() -> None:
    assert judge(200, b"User-agent: otherbot\nCrawl-delay: 9").delay_seconds(OURS) is None


def test_sitemaps_are_offered_whoever_they_stand_under() -> None:
    body = b"Sitemap: http://h.example/1.xml\nUser-agent: otherbot\nDisallow: /\nSITEMAP: /2.xml\n"
    assert judge(200, body).sitemaps == ("http://h.example/1.xml", "/2.xml")


# --- limits ---


def test_more_than_the_limit_is_not_read_and_no_rule_is_cut() -> None:
    filler = b"# " + b"x" * 97 + b"\n"
    rule = b"Disallow: /private/a\n"
    head = b"User-agent: *\nDisallow: /first\n"
    body = head + filler * ((MOST_BYTES - len(head)) // len(filler))
    body += b"#" * (MOST_BYTES - len(body) - 20) + b"\n" + rule

    assert len(body) > MOST_BYTES
    assert not allows(body, "/first")
    assert allows(body, "/private/a")
    assert allows(body, "/private")


def test_a_file_that_is_one_endless_line_is_read_as_nothing() -> None:
    assert allows(b"User-agent: *" + b"x" * MOST_BYTES, "/a")


HOSTILE = {
    "names before rules": b"".join(b"User-agent: x%d\n" % number for number in range(15_000))
    + b"User-agent: *\n"
    + b"Disallow: /a\n" * 19_000,
    "rules that search the whole URL": b"User-agent: *\n" + b"".join(b"Disallow: /*%dz\n" % n for n in range(25_000)),
    "rules of many wildcards": b"User-agent: *\n" + (b"Disallow: /" + b"*a" * 24 + b"b\n") * 8_000,
    "rules of nothing else": b"User-agent: *\n" + (b"Disallow: /" + b"*a" * 2_000 + b"b\n") * 120,
    "stars": b"User-agent: *\n" + (b"Disallow: /" + b"*" * 2_000 + b"b$\n") * 240,
    "dollars": b"User-agent: *\n" + (b"Disallow: /" + b"$" * 2_000 + b"\n") * 240,
    "escapes": b"User-agent: *\n" + b"".join(b"Disallow: /%d*%s\n" % (n, b"%41" * 15) for n in range(8_000)),
    "spaces": b"User-agent:" + b" " * (MOST_BYTES - 100) + b"*\n",
    "a name of spaces and dashes": b"user" + b" -" * (MOST_BYTES // 2 - 10) + b"agen",
    "line ends": b"\r" * MOST_BYTES,
    "groups": b"User-agent: *\nDisallow: /%d\n" * 12_000,
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_file_makes_the_reading_slow(body: bytes) -> None:
    with measured() as cost:
        read = judge(200, body)
        for _ in range(20):
            read.allows(LONGEST_URL, OURS)
    assert cost.units < LINEAR  # without the limits, a file of this size takes minutes


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_a_file_costs_for_each_url_is_bounded(body: bytes) -> None:
    lines = robots._lines_of(body)
    assert len(lines) <= robots.MOST_LINES
    assert sum(line.count("*") for line in lines) <= robots.MOST_WILDCARDS + 2 * robots.MAX_URL_LENGTH


LINES = st.lists(
    st.one_of(
        st.text(max_size=40),
        st.builds(
            lambda field, colon, value: field + colon + value,
            st.sampled_from(["User-agent", "Disallow", "Allow", "Crawl-delay", "Sitemap", "user agent"]),
            st.sampled_from([":", ": ", " ", "::"]),
            st.one_of(st.sampled_from(["*", "orbweaver", "/", "/*$", "1/5m 0900-1700"]), st.text(max_size=30)),
        ),
    ),
    max_size=12,
)


@given(
    st.one_of(st.binary(max_size=300), LINES.map(lambda lines: "\n".join(lines).encode("utf-8", "surrogatepass"))),
    st.sampled_from(["/", "/a?b=%C3%A9", "/%ff", "/a*$"]),
    st.text(max_size=60),
)
def test_no_file_breaks_the_reading(body: bytes, path: str, user_agent: str) -> None:
    read = judge(200, body)

    assert read.allows(HOST + path, user_agent) in {True, False}
    delay = read.delay_seconds(user_agent)
    assert delay is None or 0 <= delay <= MOST_DELAY_SECONDS
    assert all(isinstance(sitemap, str) for sitemap in read.sitemaps)
