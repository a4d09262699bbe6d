"""A page whose connection ends too early is said, and what came of it is read for links; no cut file is hashed."""

from __future__ import annotations

import gzip
import os

from contained import crawl
from orbweaver.crawler.bodies.digests import digests_of
from raw_server import RawServer

HTML = "Content-Type: text/html\r\n"
NAMES = ("length", "pieces", "chunked", "gzip", "tiny", "style", "playlist", "late")
PICTURES = {name: b"\x89PNG\r\n\x1a\n" + os.urandom(200) for name in NAMES}


def head(lines: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode()


def page(name: str, more: str = "") -> bytes:
    return f"<!doctype html><img src='/{name}.png'>{more}<img src='/cut".encode()


def test_the_links_of_a_page_that_was_cut_are_followed_and_it_is_a_failure() -> None:
    packed = gzip.compress(page("gzip", os.urandom(2_000).hex()))
    answers = {
        "/length": [head(f"{HTML}Content-Length: 99999\r\n") + page("length")],
        "/pieces": [head(f"{HTML}Content-Length: 99999\r\n"), page("pieces", "<p>a" * 2_000), b"x.png"],
        "/chunked": [head(f"{HTML}Transfer-Encoding: chunked\r\n") + b"fff\r\n" + page("chunked")],
        "/gzip": [head(f"{HTML}Content-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n") + packed[:-500]],
        "/tiny": [head(f"{HTML}Content-Length: 50\r\n") + b"<img src=/tiny.png>"],
        "/style": [head("Content-Type: text/css\r\nContent-Length: 999\r\n") + b"a { background: url(/style.png) } b"],
        "/playlist": [
            head("Content-Type: application/vnd.apple.mpegurl\r\nContent-Length: 999\r\n")
            + b"#EXTM3U\n#EXTINF:1,\n/playlist.png\n"
        ],
        "/picture": [head("Content-Type: image/png\r\nContent-Length: 999\r\n") + PICTURES["length"]],
        "/nothing": [head(f"{HTML}Content-Length: 999\r\n")],
        "/robots.txt": [head("Content-Type: text/plain\r\nContent-Length: 0\r\n")],
        **{f"/{name}.png": [head(f"Content-Length: {len(body)}\r\n") + body] for name, body in PICTURES.items()},
    }
    cut = ["length", "pieces", "chunked", "gzip", "tiny", "style", "playlist", "picture", "nothing"]
    with RawServer(answers) as server:
        found = crawl(*(server.url + name for name in cut))
    seen = {one.digests for one in found.sightings}
    assert [name for name, body in PICTURES.items() if digests_of(body) not in seen] == ["late"]
    assert seen == {digests_of(body) for name, body in PICTURES.items() if name != "late"}
    failures = {one.url.removeprefix(server.url): (one.outcome, one.reason) for one in found.skips if one.is_failure}
    assert {name: outcome for name, (outcome, _) in failures.items()} == dict.fromkeys(cut, "incomplete")
    followed = {name for name, (_, reason) in failures.items() if "the links in what came were followed" in reason}
    assert followed == set(cut) - {"picture", "nothing"}
    assert {one.outcome for one in found.reported} == {"incomplete"}


def test_a_page_that_falls_silent_leads_on_and_robots_txt_that_is_cut_allows_nothing() -> None:
    answers = {
        "/late": [head(f"{HTML}Content-Length: 99999\r\n") + page("late"), b"", b"", b"", b"", b"", b"", b""],
        "/late.png": [head(f"Content-Length: {len(PICTURES['late'])}\r\n") + PICTURES["late"]],
    }
    with RawServer(answers) as server:
        found = crawl(f"{server.url}late", stall_timeout=0.3)
    assert [one.digests for one in found.sightings] == [digests_of(PICTURES["late"])]
    assert [(one.outcome, one.is_failure) for one in found.skips] == [("timeout", True)]
    answers["/robots.txt"] = [head("Content-Type: text/plain\r\nContent-Length: 99\r\n") + b"User-agent: *\nAllow: /\n"]
    with RawServer(answers) as server:
        found = crawl(f"{server.url}late")
    assert found.sightings == []
    assert found.skips[0].is_failure
