"""What a recrawl visits, in which order, where it stops, and what it says of each URL."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import threading
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from aiohttp import web
from contained import Crawled, Order, crawl, crawl_here, crawl_with, order, run, start
from hostile_server import Behaviour, HostileServer
from orbweaver.crawler.bodies.digests import digests_of
from orbweaver.crawler.errors import NotRecorded
from orbweaver.crawler.visiting.records.journal import BATCH_SIGHTINGS
from orbweaver.model import Limits, Report, ScopeKind, Sighting, Skip, Tally
from raw_server import RawServer
from synthetic_host import Resource, SyntheticHost

PNG = b"\x89PNG\r\n\x1a\n" + os.urandom(3_000)


def image() -> Resource:
    return Resource("image/png", b"\x89PNG\r\n\x1a\n" + os.urandom(500))


def page(text: str, **fields: object) -> Resource:
    return Resource("text/html", text.encode(), **fields)  # type: ignore[arg-type]


def links(*references: str) -> Resource:
    return page("".join(f'<a href="{one}">link</a>' for one in references))


# --- order ---


@pytest.mark.parametrize("connections", [3, 32])
def test_reported_urls_are_asked_for_before_anything_else(connections: int) -> None:
    reported = [f"/report-{number}" for number in range(120)]
    resources = {path: links(f"{path}-deeper", "/shared.png") for path in reported}
    with SyntheticHost(resources) as host:
        crawl(*(host.url + path[1:] for path in reported), host_connections=connections)
        asked = host.paths
    # What is on its way at the same time may overtake.
    assert set(reported) <= set(asked[: len(reported) + connections - 1])
    assert len(asked) == 2 * len(reported) + 1


def test_files_are_asked_for_before_further_pages() -> None:
    with SyntheticHost({"/": links("/more", "/a.png", "/b.png")}) as host:
        crawl(host.url, host_connections=1)
        assert host.paths == ["/", "/a.png", "/b.png", "/more"]


def test_a_url_is_fetched_once_however_often_it_is_linked_and_reported() -> None:
    resources = {
        "/": links("/a.png", "/a.png#top", "A/../a.png", "/two", "/"),
        "/two": links("/a.png", "/", "/two"),
        "/a.png": image(),
    }
    with SyntheticHost(resources) as host:
        found = crawl(host.url, host.url + "two", host.url)
        assert sorted(host.paths) == ["/", "/a.png", "/two"]
    assert found.urls == [host.url + "a.png"]


# --- what is followed ---


def test_every_way_to_refer_to_a_file_is_followed() -> None:
    text = """
        <base href="/deep/"><meta http-equiv=refresh content="5; url=next.html">
        <img srcset="small.png 1x, large.png 2x"><video src=film.mp4 poster=poster.jpg></video>
        <div style="background: url('back.png')"></div><style>p { background: url(style.png) }</style>
        <a href="other">page</a>
    """
    with SyntheticHost({"/": page(text)}) as host:
        crawl(host.url)
        assert set(host.paths) == {
            "/",
            *(
                f"/deep/{name}"
                for name in (
                    "next.html",
                    "small.png",
                    "large.png",
                    "film.mp4",
                    "poster.jpg",
                    "back.png",
                    "style.png",
                    "other",
                )
            ),
        }


def test_a_file_inside_a_page_is_a_sighting_at_the_page() -> None:
    encoded = base64.b64encode(PNG).decode()
    text = f'<img src="data:image/png;base64,{encoded}"><img src="data:image/png;base64,"><img src="data:,">'
    with SyntheticHost({"/": page(text)}) as host:
        found = crawl(Report(url=host.url, report_id="R-1"))
        assert host.paths == ["/"]
    (sighting,) = found.sightings
    assert (sighting.url, sighting.final_url) == (host.url, host.url)
    assert sighting.digests == digests_of(PNG)
    assert sighting.content_type == "image/png"
    assert sighting.http.embedded
    assert sighting.report_ids == ("R-1",)


def test_report_ids_and_referrers_are_inherited_along_the_links() -> None:
    resources = {"/one": links("/middle"), "/middle": links("/a.png"), "/a.png": image(), "/b.png": image()}
    with SyntheticHost(resources) as host:
        found = crawl(
            Report(url=host.url + "one", report_id="R-2"),
            Report(url=host.url + "one", report_id="R-1"),
            Report(url=host.url + "b.png", report_id="R-3", referrer="http://search.example/"),
        )
        referers = {path: headers.get("Referer") for path, headers in host.requests}
    by_url = {one.url: one for one in found.sightings}
    assert by_url[host.url + "a.png"].report_ids == ("R-1", "R-2")
    assert by_url[host.url + "a.png"].referrer == host.url + "middle"
    assert by_url[host.url + "b.png"].report_ids == ("R-3",)
    assert by_url[host.url + "b.png"].referrer == "http://search.example/"
    assert referers == {
        "/one": None,
        "/middle": host.url + "one",
        "/a.png": host.url + "middle",
        "/b.png": "http://search.example/",
    }


# --- scope ---


def test_what_is_out_of_scope_is_said_once_and_not_fetched() -> None:
    resources = {
        "/in/": links("/out.png", "/in/a", "//127.0.0.2/x.png"),
        "/in/a": links("/out.png", "//127.0.0.2/x.png"),
    }
    with SyntheticHost(resources) as host:
        found = crawl(host.url + "in/", kind=ScopeKind.PATH)
        assert host.paths == ["/in/", "/in/a"]
    assert [(one.url, one.rule, one.is_failure, one.referrer) for one in found.skips] == [
        (host.url + "out.png", "scope.path", False, host.url + "in/"),
        ("http://127.0.0.2/x.png", "scope.host", False, host.url + "in/"),
    ]
    assert set(found.outcomes.values()) == {"out_of_scope"}


def test_links_that_are_no_urls_to_fetch_are_said_once_per_reason_and_not_quoted() -> None:
    resources = {
        "/": links("ftp://127.0.0.1/a", "ftp://127.0.0.1/b", "http://[broken/", "/two"),
        "/two": links("http://[broken/"),
    }
    with SyntheticHost(resources) as host:
        found = crawl(host.url)
        assert host.paths == ["/", "/two"]
    refused = [one for one in found.skips if one.outcome == "refused_url"]
    assert [one.url for one in refused] == [host.url] * 2
    assert not any(one.is_failure or "broken" in one.reason for one in refused)


# --- limits ---


def limited(host: SyntheticHost, **limits: float) -> Crawled:
    return crawl(host.url, limits=Limits(**limits), host_connections=1)  # type: ignore[arg-type]


def test_max_files_ends_the_fetching_of_files_and_is_no_failure() -> None:
    names = [f"/{number}.png" for number in range(6)]
    with SyntheticHost({"/": links(*names), **{name: image() for name in names}}) as host:
        found = limited(host, max_files=2)
        assert len(host.paths) == 3
    assert len(found.sightings) == 2
    assert set(found.rules.values()) == {"limit.max_files"}
    assert len(found.skips) == 4
    assert found.tally.failures == 0
    assert found.stopped_by is None


def test_max_bytes_ends_everything_and_is_no_failure() -> None:
    names = [f"/{number}.png" for number in range(6)]
    with SyntheticHost({"/": links(*names), **{name: Resource("image/png", PNG) for name in names}}) as host:
        found = limited(host, max_bytes=len(PNG) * 2 + 300)
    assert len(found.sightings) == 2
    assert set(found.rules.values()) == {"limit.max_bytes"}
    assert len(found.skips) == 4
    assert found.tally.failures == 0


def test_the_bytes_of_failed_transfers_are_counted_too() -> None:
    with HostileServer(Behaviour.LIES_LONG) as server:
        found = crawl(server.url + "file.bin")
    assert found.outcomes == {server.url + "file.bin": "incomplete"}
    assert found.tally.bytes_read == 2 * 100_000  # the body, and again when it was tried once more


def test_max_seconds_ends_a_recrawl_that_hangs_and_is_no_failure_of_what_waits() -> None:
    names = [f"/{number}" for number in range(5)]
    with SyntheticHost({"/": links("/gate.png", *names), "/a.png": image()}) as host, Gate() as gate:
        host.resources["/gate.png"] = Resource(None, gate.answer)
        for seconds in (1, 10, 100):  # until it is long enough for what goes before the gate
            limits = Limits(max_seconds=seconds)
            found = crawl(host.url, host.url + "a.png", limits=limits, host_connections=1, header_timeout=600)
            if gate.is_reached:
                break
    assert found.stopped_by == "max_seconds"
    assert found.urls == [host.url + "a.png"]
    assert found.rules[host.url + "gate.png"] == "limit.max_seconds"
    assert set(found.rules.values()) == {"limit.max_seconds"}
    assert found.tally.failures == 0
    assert found.tally.queued == len(names)


def test_max_depth_is_said_for_what_lies_deeper() -> None:
    with SyntheticHost({"/": links("/1"), "/1": links("/2"), "/2": links("/3")}) as host:
        found = limited(host, max_depth=1)
        assert host.paths == ["/", "/1"]
    assert found.rules == {host.url + "2": "limit.max_depth"}


# --- what a status means ---


def test_an_error_page_is_an_answer_and_a_file_behind_an_error_is_hashed() -> None:
    resources = {
        "/": links("/page", "/hidden.png", "/broken", "/text"),
        "/page": page("<!DOCTYPE html><a href=/further>x</a>", status=404),
        "/text": Resource("text/plain", b"Not found", status=410),
        "/hidden.png": Resource("image/png", PNG, status=404),
        "/broken": Resource("text/html", b"oops", status=503),
    }
    with SyntheticHost(resources) as host:
        found = crawl(host.url)
        assert "/further" in host.paths, "an error page may hide a gallery"
    hashed = {one.url: (one.http.status, one.digests) for one in found.sightings}
    assert hashed == {
        host.url + "hidden.png": (404, digests_of(PNG)),
        host.url + "text": (410, digests_of(b"Not found")),
        host.url + "further": (404, digests_of(b"Not found")),
    }
    said = {one.url: (one.outcome, one.rule, one.status, one.is_failure) for one in found.skips}
    assert said == {
        host.url + "page": ("http_error", "http.404", 404, False),
        host.url + "text": ("http_error", "http.410", 410, False),
        host.url + "hidden.png": ("http_error", "http.404", 404, False),
        host.url + "further": ("http_error", "http.404", 404, False),
        host.url + "broken": ("http_error", "http.503", 503, True),
    }


def test_an_empty_file_is_said_and_gives_no_sighting() -> None:
    with SyntheticHost({"/a.png": Resource("image/png", b"")}) as host:
        found = crawl(host.url + "a.png")
    assert found.sightings == []
    assert found.outcomes == {host.url + "a.png": "empty"}


def test_redirects_are_followed_as_far_as_they_lead_somewhere_new() -> None:
    resources = {
        "/": links("/good", "/loop", "/far/0", "/away"),
        "/good": Resource(None, headers={"Location": "a.png"}, status=301),
        "/a.png": image(),
        "/loop": Resource(None, headers={"Location": "/again"}, status=302),
        "/again": Resource(None, headers={"Location": "/loop"}, status=307),
        "/away": Resource(None, headers={"Location": "http://127.0.0.2/"}, status=308),
        **{f"/far/{n}": Resource(None, headers={"Location": f"/far/{n + 1}"}, status=303) for n in range(30)},
    }
    with SyntheticHost(resources) as host:
        found = crawl(host.url)
        assert "/far/20" in host.paths
        assert "/far/21" not in host.paths
        assert host.paths.count("/loop") == 1
    (sighting,) = found.sightings
    assert (sighting.url, sighting.final_url) == (host.url + "good", host.url + "a.png")
    assert found.outcomes == {
        host.url + "loop": "redirect_loop",
        host.url + "far/0": "redirect_loop",
        host.url + "away": "out_of_scope",
    }


# --- ends ---


class Gate:
    """An answer that waits until it is opened, and says when somebody stands before it."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._reached = threading.Event()

    async def answer(self, _: web.BaseRequest) -> web.StreamResponse:
        self._reached.set()
        while not self._open.is_set():
            await asyncio.sleep(0.01)
        return web.Response(body=PNG)

    @property
    def is_reached(self) -> bool:
        return self._reached.is_set()

    def wait_until_reached(self) -> None:
        assert self._reached.wait(300), "nobody came to the gate"

    def open(self) -> None:
        self._open.set()

    def __enter__(self) -> Gate:
        return self

    def __exit__(self, *_: object) -> None:
        self.open()


def test_sigterm_ends_a_crawl_that_hangs_and_keeps_what_was_found() -> None:
    with SyntheticHost({"/": links("/a.png", "/gate"), "/a.png": image()}) as host, Gate() as gate:
        host.resources["/gate"] = Resource(None, gate.answer)
        child = start(crawl_here, order(host.url, host_connections=1, header_timeout=600, stop_grace=0))
        gate.wait_until_reached()
        os.kill(child.process.pid, signal.SIGTERM)
        found = child.wait()
    assert found.stopped_by == "interrupted"
    assert found.urls == [host.url + "a.png"]
    assert found.skip_of(host.url + "gate").outcome == "interrupted"
    assert found.skip_of(host.url + "gate").is_failure


def test_sigterm_lets_a_transfer_come_to_its_end_and_begins_no_other() -> None:
    with SyntheticHost({"/": links("/gate", "/later")}) as host, Gate() as gate, Gate() as later:
        host.resources["/gate"] = Resource(None, gate.answer)
        host.resources["/later"] = Resource(None, later.answer)
        child = start(crawl_here, order(host.url, host_connections=1, header_timeout=600, stop_grace=3_600))
        gate.wait_until_reached()
        os.kill(child.process.pid, signal.SIGTERM)
        gate.open()
        found = child.wait()
    assert (found.stopped_by, found.urls) == ("interrupted", [host.url + "gate"])
    assert [(one.outcome, one.count) for one in found.skips] == [("interrupted", 1)]


def test_a_second_sigterm_waits_for_no_transfer() -> None:
    with SyntheticHost({"/": links("/gate")}) as host, Gate() as gate:
        host.resources["/gate"] = Resource(None, gate.answer)
        child = start(crawl_here, order(host.url, host_connections=1, header_timeout=600, stop_grace=3_600))
        gate.wait_until_reached()
        while child.process.is_alive():
            os.kill(child.process.pid, signal.SIGTERM)
            child.process.join(0.05)
        found = child.wait()
    assert found.skip_of(host.url + "gate").outcome == "interrupted"


def crawl_unrecorded(one: Order, may_record: int) -> str:
    """Crawl with a record that fails once, after some batches; return how the run failed."""
    batches = 0

    def record(sightings: Sequence[Sighting], skips: Sequence[Skip], tally: Tally) -> None:
        nonlocal batches
        batches += 1
        if batches == may_record + 1:
            raise NotRecorded("the store is away")

    try:
        crawl_with(one, record)
    except NotRecorded as error:
        return f"failed: {error}"
    return "finished"


@pytest.mark.parametrize("may_record", [0, 1])
def test_what_could_not_be_stored_fails_the_recrawl_and_ends_it(may_record: int) -> None:
    files = [f"/{number}.png" for number in range(2_000)]
    with SyntheticHost({"/": links(*files)}, delay=0.01) as host:  # 20 s, were it not ended
        assert run(crawl_unrecorded, order(host.url, host_connections=1), may_record) == "failed: the store is away"
        assert len(host.paths) < 1_000


def test_what_could_not_be_stored_at_the_end_fails_the_recrawl() -> None:
    with SyntheticHost({"/a.png": image()}) as host:
        assert run(crawl_unrecorded, order(host.url + "a.png"), 0) == "failed: the store is away"
        assert run(crawl_unrecorded, order(host.url + "a.png"), 100) == "finished"


def test_a_part_of_a_file_gives_no_digest() -> None:
    part = Resource("image/png", image().body, {"Content-Range": "bytes 0-99/1000"}, status=206)
    with SyntheticHost({"/a.png": part}) as host:
        found = crawl(host.url + "a.png")
    assert found.urls == []
    assert found.skip_of(host.url + "a.png").outcome == "partial"
    assert found.skip_of(host.url + "a.png").is_failure


def test_data_uris_that_cannot_be_decoded_are_counted_and_not_quoted() -> None:
    with SyntheticHost(
        {"/": page('<img src="data:image/png;base64,%%%%"><img src="data:image/png;base64,A">')}
    ) as host:
        found = crawl(host.url)
    skip = found.skip_of(host.url)
    assert (skip.rule, skip.reason) == ("data-uri", "2 data: URIs on this page cannot be decoded")


def largest_batch(one: Order) -> int:
    """Crawl, and return how many sightings the largest batch had."""
    sizes = [0]
    crawl_with(one, lambda sightings, skips, tally: sizes.append(len(sightings)))
    return max(sizes)


def test_a_page_full_of_embedded_files_is_handed_on_in_batches() -> None:
    embedded = "".join(f'<img src="data:,{number}">' for number in range(1_000))
    with SyntheticHost({"/": page(embedded)}) as host:
        assert run(largest_batch, order(host.url)) == BATCH_SIGHTINGS


def answer(*headers: str, body: bytes = b"", status: str = "200 OK") -> bytes:
    lines = "".join(f"{header}\r\n" for header in headers)
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode("latin-1") + body


def test_silence_after_a_broken_chunk_is_a_failure_and_not_waited_for_for_ever() -> None:
    broken = [answer("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n"), b"ZZZ\r\n", *[b""] * 60]
    with RawServer({"/a.png": broken}) as host:
        found = crawl(host.url + "a.png", stall_timeout=1)
    assert found.urls == []
    assert found.skip_of(host.url + "a.png").is_failure


@pytest.mark.parametrize(
    "response",
    [
        answer("Transfer-Encoding: gzip, chunked", body=b"5\r\nhello\r\n0\r\n\r\n"),
        answer("Content-Length: 0", status="304 Not Modified"),
        answer("Location:", "Content-Length: 0", status="302 Found"),
        answer("Location: http://elsewhere.example/", "Content-Length: 0", status="302 Found"),
        answer("Content-Length: 4", body=b"busy", status="423 Locked"),
        answer("Content-Length: 4", body=b"away", status="403 Forbidden"),
        answer("X-Secret: canary", body=b"")[:-2],
    ],
)
def test_a_reported_url_that_was_not_checked_is_a_failure_and_nothing_is_quoted(response: bytes) -> None:
    with RawServer({"/a.png": [response]}) as host:
        found = crawl(host.url + "a.png")
    skip = found.skip_of(host.url + "a.png")
    assert skip.is_failure
    assert "canary" not in skip.reason


def test_header_bytes_in_any_charset_hide_no_file() -> None:
    headers = ("Content-Type: image/png; name=Fu\xdfball", "Content-Disposition: attachment; filename=Fu\xdfball.png")
    moved = answer("Location: /Fu\xdfball.png", "Content-Length: 0", status="302 Found")
    answers = {"/a": [moved], "/Fu%DFball.png": [answer(*headers, f"Content-Length: {len(PNG)}", body=PNG)]}
    with RawServer(answers) as host:
        found = crawl(host.url + "a")
    (sighting,) = found.sightings
    assert sighting.digests == digests_of(PNG)
    assert sighting.content_type == "image/png"
    # With a surrogate in it the sighting could not be stored, and the recrawl would fail for ever.
    assert sighting.http.headers["content-disposition"] == "attachment; filename=Fu\N{REPLACEMENT CHARACTER}ball.png"


def test_what_a_data_uri_calls_its_type_is_not_kept_when_it_is_none() -> None:
    with SyntheticHost({"/": page('<img src="data:page text that is no media type/' + "x" * 500 + ',abc">')}) as host:
        found = crawl(host.url)
    assert [one.content_type for one in found.sightings] == [None]


# --- the rules in a recrawl ---


def test_files_of_other_hosts_are_counted_for_the_operator_and_fetched_only_if_the_scope_says_so() -> None:
    with SyntheticHost({"/a.png": image(), "/b.png": image()}) as other:
        shown = f'<img src="{other.url}a.png"><img src="{other.url}b.png"><a href="{other.url}page">c</a>'
        with SyntheticHost({"/": page(shown)}) as host:
            crawled = crawl(host.url)
            assert other.paths == []
            assert crawled.suggestions == {other.host: 2}
            assert crawled.skip_of(other.url + "a.png").rule.startswith("embeds.")
            assert crawled.skip_of(other.url + "page").rule.startswith("scope.")


def test_a_page_that_is_its_referrer_again_leads_nowhere() -> None:
    async def same(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text='<a href="deeper/">more</a>', content_type="text/html")

    resources = {"/": Resource(None, same), **{"/" + "deeper/" * depth: Resource(None, same) for depth in range(1, 9)}}
    with SyntheticHost(resources) as host:
        crawled = crawl(host.url)
        assert host.paths == ["/", "/deeper/"]
    assert crawled.skip_of(host.url + "deeper/").rule == "trap.same-page"


def test_a_link_that_acts_is_left_alone_and_said() -> None:
    with SyntheticHost({"/": links("/logout", "/a.png"), "/logout": page(""), "/a.png": image()}) as host:
        crawled = crawl(host.url)
        assert host.paths == ["/", "/a.png"]
    skip = crawled.skip_of(host.url + "logout")
    assert (skip.outcome, skip.is_failure) == ("acting_link", False)


def test_nothing_is_fetched_when_the_scope_has_expired() -> None:
    with SyntheticHost({"/a.png": image()}) as host:
        crawled = crawl(host.url + "a.png", terms={"expires_at": datetime(2026, 1, 1, tzinfo=UTC)})
        assert host.connections_seen == 0
    skip = crawled.skip_of(host.url + "a.png")
    assert (skip.rule, skip.is_failure) == ("scope.expired", True)


def test_the_host_of_a_redirect_is_judged_by_the_rules_too() -> None:
    with SyntheticHost({"/": page("")}) as other:
        leave = Resource(None, b"", {"Location": other.url + "a.png"}, 302)
        with SyntheticHost({"/": page('<img src="/go">'), "/go": leave}) as host:
            crawled = crawl(host.url)
            assert other.connections_seen == 0
    assert crawled.skip_of(host.url + "go").outcome == "out_of_scope"


def test_links_that_act_are_not_followed_nor_are_redirects_to_them() -> None:
    resources = {
        "/": page('<a href="/post/12/delete">x</a><a href="/on">on</a><img src="/logout"><img src="/flag/de.png">'),
        "/on": Resource(None, headers={"Location": "/vote/up/12"}, status=302),
        "/flag/de.png": image(),
    }
    with SyntheticHost(resources) as host:
        found = crawl(host.url)
        assert sorted(host.paths) == ["/", "/flag/de.png", "/on"]
    assert found.rules == {
        host.url + "post/12/delete": "acting.delete",
        host.url + "logout": "acting.log-out",
        host.url + "on": "acting.vote",
    }
    assert set(found.outcomes.values()) == {"acting_link"}
    assert not any(one.is_failure for one in found.skips)


def test_a_reported_link_that_acts_is_fetched_and_where_it_redirects_to_is_judged() -> None:
    resources = {"/delete/1": image(), "/on": Resource(None, headers={"Location": "/logout"}, status=302)}
    with SyntheticHost(resources) as host:
        found = crawl(host.url + "delete/1", host.url + "on")
        assert sorted(host.paths) == ["/delete/1", "/on"]
    assert found.urls == [host.url + "delete/1"]
    (skip,) = found.skips
    assert (skip.url, skip.rule, skip.is_failure) == (host.url + "on", "acting.log-out", True)


def test_a_page_whose_relative_links_go_round_is_left() -> None:
    resources = {
        "/" + "photos/" * depth + "index.html": page(f'<a href="photos/index.html">{depth}</a>') for depth in range(10)
    }
    with SyntheticHost(resources) as host:
        found = crawl(host.url + "index.html")
        assert len(host.paths) == 3
    assert set(found.outcomes.values()) == {"trap"}
    assert set(found.rules.values()) == {"trap.repeated-segments"}
