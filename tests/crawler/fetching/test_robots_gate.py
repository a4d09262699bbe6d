"""robots.txt is asked for once a host, before anything else, and obeyed unless the scope's authority says otherwise."""

from __future__ import annotations

import os
import time

import pytest
from contained import crawl
from orbweaver.model import AccessProfile, RobotsControl
from raw_server import RawServer
from synthetic_host import Resource, SyntheticHost

PNG = b"\x89PNG\r\n\x1a\n" + os.urandom(3_000)
RECORD = {"access": AccessProfile(robots=RobotsControl.RECORD), "authority": "a synthetic order"}


def site(robots: Resource) -> dict[str, Resource]:
    page = Resource("text/html", b'<a href="/private/a.png">a</a><a href="/b.png">b</a>')
    image = Resource("image/png", PNG)
    return {"/": page, "/private/a.png": image, "/b.png": image, "/robots.txt": robots}


def rules(*lines: str) -> Resource:
    return Resource("text/plain", "\n".join(lines).encode())


DISALLOW = rules("User-agent: *", "Disallow: /private/")


def test_what_robots_txt_refuses_is_not_fetched_and_said_and_no_failure() -> None:
    with SyntheticHost(site(DISALLOW)) as host:
        crawled = crawl(host.url)
        assert (host.paths, host.robots_requests) == (["/", "/b.png"], 1)
    skip = crawled.skip_of(host.url + "private/a.png")
    assert (skip.outcome, skip.rule, skip.is_failure) == ("robots", "fetch.robots", False)


def test_a_reported_url_that_robots_txt_refuses_is_a_failure() -> None:
    with SyntheticHost(site(DISALLOW)) as host:
        crawled = crawl(host.url + "private/a.png")
        assert host.paths == []
    assert crawled.skip_of(host.url + "private/a.png").is_failure


def test_with_an_authority_it_is_fetched_and_recorded_what_robots_txt_would_have_refused() -> None:
    with SyntheticHost(site(DISALLOW)) as host:
        crawled = crawl(host.url, terms=RECORD)
    refused = {one.url: one.http.is_refused_by_robots for one in crawled.sightings}
    assert refused == {host.url + "private/a.png": True, host.url + "b.png": False}


@pytest.mark.parametrize("status", [404, 401, 403])
def test_a_host_without_robots_txt_is_open(status: int) -> None:
    with SyntheticHost(site(Resource("text/plain", b"no", status=status))) as host:
        assert set(crawl(host.url).urls) == {host.url + "private/a.png", host.url + "b.png"}


def test_a_host_whose_robots_txt_cannot_be_read_now_is_left_alone() -> None:
    with SyntheticHost(site(Resource("text/plain", b"busy", status=503))) as host:
        crawled = crawl(host.url)
        assert host.paths == []
    skip = crawled.skip_of(host.url)
    assert (skip.outcome, skip.is_failure) == ("robots", True)
    assert "could not be read" in skip.reason


def test_a_host_whose_robots_txt_is_no_answer_is_left_alone_unless_an_authority_says_otherwise() -> None:
    answers = {"/robots.txt": [b"220 mail.example ESMTP\r\n\r\n"]}
    with RawServer(answers) as server:
        skips = crawl(server.url, server.url + "a.png").skips
        assert {skip.outcome for skip in skips} == {"robots"}
        assert all("robots.txt could not be read" in skip.reason for skip in skips)
        assert {skip.outcome for skip in crawl(server.url, terms=RECORD).skips} == {"http_error"}


def test_a_host_that_cannot_be_reached_has_that_outcome_for_every_url() -> None:
    with SyntheticHost({}) as host:
        url = host.url
    assert {skip.outcome for skip in crawl(url, url + "a.png").skips} == {"unreachable"}
    assert {skip.outcome for skip in crawl(url, terms=RECORD).skips} == {"unreachable"}


def test_a_redirected_robots_txt_is_followed_within_the_scope_only() -> None:
    within = {**site(Resource(None, b"", {"Location": "/rules"}, 301)), "/rules": DISALLOW}
    with SyntheticHost(within) as host:
        assert crawl(host.url).urls == [host.url + "b.png"]
    with SyntheticHost({"/rules": DISALLOW}) as other:
        beyond = site(Resource(None, b"", {"Location": other.url + "rules"}, 301))
        with SyntheticHost(beyond) as host:
            assert len(crawl(host.url).urls) == 2
        assert other.paths == []


def test_an_endless_robots_txt_is_cut_and_its_head_obeyed() -> None:
    lines = b"User-agent: *\nDisallow: /private/\n" + b"# words and words\n" * 200_000
    with SyntheticHost(site(Resource("text/plain", lines))) as host:
        assert crawl(host.url).urls == [host.url + "b.png"]


def test_the_crawl_delay_passes_between_two_requests() -> None:
    with SyntheticHost(site(rules("User-agent: *", "Crawl-delay: 0.4"))) as host:
        began = time.monotonic()
        assert len(crawl(host.url).urls) == 2
    assert time.monotonic() - began >= 3 * 0.4  # robots.txt, the page and two files


def test_our_own_name_is_the_one_that_counts() -> None:
    named = rules("User-agent: *", "Disallow: /", "User-agent: Orbweaver", "Disallow: /private/")
    with SyntheticHost(site(named)) as host:
        assert crawl(host.url).urls == [host.url + "b.png"]
