"""A second recrawl of a host: what is asked for by its version, what comes first, and what becomes of lies."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from aiohttp import web
from contained import Order, crawl_with, order, run, scope_of
from gate import Gate
from orbweaver.crawler import crawl_messages, message_checks
from orbweaver.crawler.crawl_messages import Remembered
from orbweaver.crawler.revisiting.known_responses import KnownFile, KnownPage, KnownResponses
from orbweaver.model import HostAnswers, Limits, Outcome, Reported, Sighting, Skip, Tally, now
from synthetic_host import Resource, SyntheticHost
from zip_bytes import zipped

PNG = b"\x89PNG\r\n\x1a\n"
CONDITIONS = ("If-None-Match", "If-Modified-Since")


@dataclass(frozen=True)
class Visited:
    """The findings of one recrawl, and the knowledge that it handed on, as its worker would believe it."""

    sightings: list[Sighting]
    skips: list[Skip]
    tally: Tally
    reported: tuple[Reported, ...]
    answers: dict[str, HostAnswers]
    files: tuple[KnownFile, ...]
    pages: tuple[KnownPage, ...]
    is_untrue: bool

    def known(self, **fields: object) -> KnownResponses:
        pages = {page.digest: page.references for page in self.pages}
        return replace(KnownResponses(self.files, pages, is_full=False), **fields)  # type: ignore[arg-type]

    @property
    def digests(self) -> dict[str, str]:
        return {one.url: one.digests.sha256 for one in self.sightings}

    def skip_of(self, url: str) -> Skip:
        (skip,) = [one for one in self.skips if one.url == url]
        return skip


def visit_here(one: Order, known: KnownResponses | None) -> Visited:
    sightings: list[Sighting] = []
    skips: list[Skip] = []

    def record(more: list[Sighting], more_skips: list[Skip], _: Tally) -> None:
        sightings.extend(more)
        skips.extend(more_skips)

    _, ended = crawl_with(one, record, known=known)
    told = []
    for said in crawl_messages.remembered(ended.remembered):
        message = message_checks.read(said, scope_of(one), one.reports)
        assert isinstance(message, Remembered)
        told.append(message)
    return Visited(
        sightings,
        skips,
        ended.tally,
        ended.reported,
        ended.answers,
        tuple(file for message in told for file in message.files),
        tuple(page for message in told for page in message.pages),
        any(message.is_untrue for message in told),
    )


def visit(one: Order, known: KnownResponses | None = None) -> Visited:
    return run(visit_here, one, known)


def asked(host: SyntheticHost) -> dict[str, dict[str, str]]:
    """The conditions of the requests since the last call, by path."""
    seen = {path: {name: headers[name] for name in CONDITIONS if name in headers} for path, headers in host.requests}
    host.requests.clear()
    return seen


def gallery(*paths: str) -> Resource:
    return Resource("text/html", "".join(f'<img src="{path}">' for path in paths).encode())


def image(text: str, headers: Mapping[str, str], whole: bytes = b"") -> Resource:
    """A file that answers 304 to every condition."""

    async def answer(request: web.BaseRequest) -> web.Response:
        is_asked = any(name in request.headers for name in CONDITIONS)
        body = b"" if is_asked else whole or PNG + text.encode()
        return web.Response(
            status=304 if is_asked else 200, body=body, headers={"Content-Type": "image/png", **headers}
        )

    return Resource(None, answer)


OLD = "Sun, 01 Nov 2020 10:00:00 GMT"
VALIDATORS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "strong-tag": ({"ETag": '"a-1"'}, {"If-None-Match": '"a-1"'}),
    "both": ({"ETag": '"a-1"', "Last-Modified": OLD}, {"If-None-Match": '"a-1"'}),
    "date": ({"Last-Modified": OLD}, {"If-Modified-Since": OLD}),
    "odd-tag": ({"ETag": '"!#$%&\'()*+,-./:;<=>?@[]^_`{|}~"'}, {"If-None-Match": '"!#$%&\'()*+,-./:;<=>?@[]^_`{|}~"'}),
    "varies": ({"ETag": '"a-1"', "Vary": "Accept, Cookie"}, {"If-None-Match": '"a-1"'}),
    "weak-tag": ({"ETag": 'W/"a-1"'}, {}),
    "weak-tag-and-date": ({"ETag": 'W/"a-1"', "Last-Modified": OLD}, {"If-Modified-Since": OLD}),
    "unquoted-tag": ({"ETag": "a-1"}, {}),
    "empty-tag": ({"ETag": '""'}, {}),
    "long-tag": ({"ETag": f'"{"a" * 257}"'}, {}),
    "tag-not-ascii": ({"ETag": '"\xe9"'}, {}),
    "date-a-minute-old": ({"Last-Modified": OLD, "Date": "Sun, 01 Nov 2020 10:01:00 GMT"}, {"If-Modified-Since": OLD}),
    "date-of-the-same-minute": ({"Last-Modified": OLD, "Date": "Sun, 01 Nov 2020 10:00:59 GMT"}, {}),
    "date-to-come": ({"Last-Modified": "Thu, 01 Jan 2099 10:00:00 GMT"}, {}),
    "date-without-date": ({"Last-Modified": OLD, "Date": "yesterday"}, {}),
    "date-in-another-form": ({"Last-Modified": "Sunday, 01-Nov-20 10:00:00 GMT"}, {}),
    "date-of-no-day": ({"Last-Modified": "Sun, 99 Nov 2020 10:00:00 GMT"}, {}),
    "varies-by-all": ({"ETag": '"a-1"', "Vary": "*"}, {}),
    "nothing": ({}, {}),
    # All that follows from a file must be known of it.
    "links": ({"ETag": '"a-1"', "Link": "</next>; rel=next"}, {}),
    "part-of-archive": ({"ETag": '"a-1"', "Content-Disposition": 'attachment; filename="a.part2.rar"'}, {}),
}


def test_a_file_is_asked_for_by_what_its_host_said_and_only_where_that_is_strong() -> None:
    resources = {f"/{name}.png": image(name, headers) for name, (headers, _) in VALIDATORS.items()}
    with SyntheticHost({"/": gallery(*resources), **resources}) as host:
        first = visit(order(host.url))
        asked(host)
        again = visit(order(host.url), first.known())
        second = asked(host)
    conditions = {f"/{name}.png": condition for name, (_, condition) in VALIDATORS.items()}
    assert {path: second.get(path) for path in conditions} == conditions
    # Nothing is lost: each file is seen again, with the digests of its bytes, and with when they came.
    assert again.digests == first.digests
    unchanged = {one.url for one in again.sightings if one.http.hashed_at is not None}
    assert unchanged == {host.url + path[1:] for path, condition in conditions.items() if condition}
    assert (again.tally.files, again.tally.unchanged) == (first.tally.files, len(unchanged))
    assert not first.tally.unchanged
    # It counts for its host, and for the reported URL that led there, as if it had come.
    assert (again.reported, again.answers) == (first.reported, first.answers)
    assert {one.http.status for one in again.sightings if one.http.hashed_at is not None} == {200}
    hashed = {one.url: one.seen_at for one in first.sightings}
    for one in again.sightings:
        if one.http.hashed_at is not None:
            assert hashed[one.url] <= one.http.hashed_at <= one.seen_at


def test_what_has_a_case_or_is_old_is_fetched_in_full_and_so_is_all_now_and_then() -> None:
    resources = {f"/{number}.png": image(str(number), {"ETag": '"1"'}) for number in range(3)}
    with SyntheticHost({"/": gallery(*resources), **resources}) as host:
        first = visit(order(host.url))
        of_case, old, other = sorted(first.files, key=lambda file: file.url)
        old = old.model_copy(update={"hashed_at": now() - timedelta(days=8)})
        known = replace(first.known(), files=(of_case, old, other), in_full=frozenset({of_case.key}))
        asked(host)
        some = visit(order(host.url), known)
        assert {path for path, condition in asked(host).items() if condition} == {"/2.png"}
        assert some.tally.unchanged == 1
        # What was fetched in full counts anew, what was not keeps its age.
        ages = {file.url: file.hashed_at for file in some.files}
        assert ages[other.url] == other.hashed_at
        assert ages[old.url] > first.files[0].hashed_at
        full = visit(order(host.url), first.known(is_full=True))
        assert not any(asked(host).values())
    assert full.digests == some.digests == first.digests
    assert (full.tally.unchanged, full.is_untrue) == (0, False)


def test_what_is_inside_an_unchanged_archive_is_seen_again_and_so_is_what_was_not_read() -> None:
    bodies = {
        "/few.zip": zipped({"a.png": PNG + b"a", "b/c.png": PNG + b"c"}),
        "/cut.zip": zipped({"a.png": PNG + random.Random(1).randbytes(999)})[:500],
        "/paper.pdf": b"%PDF-1.7\n" + bytes(99),
        "/many.zip": zipped({f"{number}.png": PNG + b"%d" % number for number in range(201)}),
    }
    resources = {path: image("", {"ETag": '"1"'}, body) for path, body in bodies.items()}
    links = "".join(f'<a href="{path}">' for path in resources).encode()
    with SyntheticHost({"/": Resource("text/html", links), **resources}) as host:
        first = visit(order(host.url))
        asked(host)
        again = visit(order(host.url), first.known())
        assert {path for path, condition in asked(host).items() if condition} == {"/few.zip", "/cut.zip", "/paper.pdf"}

    def found(one: Visited) -> list[tuple[str, str | None, str]]:
        return sorted((seen.url, str(seen.http.archive_member), seen.digests.sha256) for seen in one.sightings)

    def left_out(one: Visited) -> list[tuple[str, str, bool, int]]:
        return sorted((skip.url, skip.rule, skip.is_failure, skip.count) for skip in one.skips)

    assert found(again) == found(first)
    assert left_out(again) == left_out(first)
    assert {rule for _, rule, _, _ in left_out(again)} >= {"archive.pdf", "archive.cut"}
    assert again.tally.unchanged == 3


async def _never_borne(request: web.BaseRequest) -> web.Response:
    is_asked = "If-None-Match" in request.headers
    return web.Response(
        status=500 if is_asked else 200, body=PNG + b"n", headers={"ETag": '"1"'}, content_type="image/png"
    )


async def _of_another(request: web.BaseRequest) -> web.Response:
    is_asked = "If-None-Match" in request.headers
    etag = '"2"' if is_asked else '"1"'
    return web.Response(
        status=304 if is_asked else 200,
        body=b"" if is_asked else PNG + b"o",
        headers={"ETag": etag},
        content_type="image/png",
    )


def test_a_condition_that_is_not_borne_and_a_304_about_another_version_cost_a_request_and_no_file() -> None:
    resources = {"/n.png": Resource(None, _never_borne), "/o.png": Resource(None, _of_another)}
    with SyntheticHost({"/": gallery(*resources), **resources}) as host:
        first = visit(order(host.url))
        host.requests.clear()
        again = visit(order(host.url), first.known())
        assert host.paths.count("/o.png") == 2
    assert again.digests == first.digests
    assert (again.tally.unchanged, again.tally.failures, again.is_untrue) == (0, 0, False)


def replaced(headers: Mapping[str, str]) -> Resource:
    """A file that is another each time that it is sent, under the same version."""
    count = iter(range(1_000))

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(body=PNG + b"%d" % next(count), headers=headers, content_type="image/png")

    return Resource(None, answer)


async def _304(_: web.BaseRequest) -> web.Response:
    return web.Response(status=304)


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        (lambda: replaced({"ETag": '"1"'}), "another file"),
        (lambda: replaced({"Last-Modified": OLD}), "another file"),
        (lambda: Resource(None, _304), "did not ask"),
    ],
    ids=["same tag", "same date", "304 unasked"],
)
def test_who_is_caught_in_a_lie_is_asked_for_everything_in_full(lie: Callable[[], Resource], said: str) -> None:
    resources = {f"/{number}.png": image(str(number), {"ETag": '"1"'}) for number in range(4)}
    with SyntheticHost({"/": gallery(*resources, "/lie.png"), **resources, "/lie.png": lie()}) as host:
        first = visit(order(host.url))
        # A lie that is met at the first visit makes no difference yet: nothing was believed.
        in_full = frozenset(file.key for file in first.files if file.url.endswith("lie.png"))
        asked(host)
        again = visit(order(host.url), first.known(in_full=in_full))
        assert again.is_untrue
        last = asked(host)
    assert not any(last[path] for path in resources), "each was asked for in full at last"
    last_seen = {one.url: one for one in again.sightings}
    assert {last_seen[host.url + path[1:]].http.hashed_at for path in resources} == {None}
    (skip,) = [one for one in again.skips if one.rule == "known.untrue"]
    assert (skip.outcome, skip.is_failure) == (Outcome.BAD_RESPONSE, False)
    assert said in skip.reason


def test_known_files_come_after_the_reported_url_and_before_all_others_though_nothing_links_to_them() -> None:
    pictures = {f"/{name}.png": image(name, {"ETag": '"1"'}) for name in ("deep", "gone", "refused", "unlinked")}
    with SyntheticHost(
        {"/": Resource("text/html", b'<a href="/page">'), "/page": gallery(*pictures), **pictures}
    ) as host:
        first = visit(order(host.url, host_connections=1))
        host.resources["/page"] = gallery("/deep.png", "/new.png")
        host.resources["/new.png"] = image("new", {})
        host.resources["/gone.png"] = Resource("text/plain", b"no", status=404)
        host.resources["/refused.png"] = Resource("text/plain", b"no", status=403)
        host.requests.clear()
        again = visit(order(host.url, host_connections=1), first.known())
        paths = host.paths
    assert paths[0] == "/"
    assert set(paths[1:5]) == set(pictures)
    assert paths[5:] == ["/page", "/new.png"]
    url = host.url
    assert {url + "deep.png", url + "unlinked.png", url + "new.png"} <= set(again.digests)
    assert (again.skip_of(url + "gone.png").rule, again.skip_of(url + "gone.png").is_failure) == (
        "candidate.known",
        False,
    )
    assert again.skip_of(url + "refused.png").is_failure
    # The referrer and the reported URL are those of the earlier visit.
    assert (again.reported[0].pages, again.reported[0].files) == (2, 3)
    unlinked = next(one for one in again.sightings if one.url.endswith("unlinked.png"))
    assert unlinked.referrer == url + "page"
    # What refused may be there again; what is gone is forgotten.
    assert {file.url for file in again.files} == {
        url + f"{name}.png" for name in ("deep", "refused", "unlinked", "new")
    }


async def _behind_a_cookie(request: web.BaseRequest) -> web.Response:
    if "seen=1" not in request.headers.get("Cookie", ""):
        return web.Response(text="<p>no</p>", content_type="text/html")
    is_asked = "If-None-Match" in request.headers
    return web.Response(
        status=304 if is_asked else 200,
        body=b"" if is_asked else PNG,
        headers={"ETag": '"1"'},
        content_type="image/png",
    )


def test_a_file_that_came_with_cookies_comes_after_the_page_that_sets_them() -> None:
    page = Resource("text/html", b'<img src="/a.png">', headers={"Set-Cookie": "seen=1"})
    resources = {
        "/": Resource("text/html", b'<a href="/page">'),
        "/page": page,
        "/a.png": Resource(None, _behind_a_cookie),
    }
    with SyntheticHost(resources) as host:
        first = visit(order(host.url, host_connections=1))
        host.requests.clear()
        again = visit(order(host.url, host_connections=1), first.known())
        assert host.paths == ["/", "/page", "/a.png"]
    assert again.digests == first.digests
    assert again.tally.unchanged == 1


def test_files_are_not_asked_for_again_where_the_host_does_not_answer() -> None:
    pictures = {f"/{number}.png": image(str(number), {"ETag": '"1"'}) for number in range(2)}
    with SyntheticHost({"/": gallery(*pictures), **pictures}) as host:
        first = visit(order(host.url))
        host.resources["/"] = Resource("text/plain", b"", status=500)
        host.requests.clear()
        again = visit(order(host.url), first.known())
        assert set(host.paths) == {"/"}
    (skip,) = [one for one in again.skips if one.rule == "known"]
    assert (skip.count, skip.is_failure) == (2, True)
    assert {file.url for file in again.files} == {file.url for file in first.files}


def test_files_that_the_time_was_too_short_for_are_said() -> None:
    pictures = {f"/{number}.png": image(str(number), {"ETag": '"1"'}) for number in range(2)}
    with SyntheticHost({"/": gallery(*pictures), **pictures}) as host:
        first = visit(order(host.url))
        gate = Gate(gallery())
        host.resources["/"] = Resource(None, gate.answer)
        again = visit(order(host.url, limits=Limits(max_seconds=0.2)), first.known())
        gate.open()
    (skip,) = [one for one in again.skips if one.rule == "known"]
    assert (skip.count, skip.is_failure) == (2, True)
    assert again.skip_of(host.url).rule == "limit.max_seconds"


async def _too_long(_: web.BaseRequest) -> web.Response:
    return web.Response(status=206, body=PNG, headers={"Content-Range": "bytes 0-1/99"}, content_type="image/png")


def test_files_are_asked_for_again_although_the_reported_url_gives_nothing_or_is_refused() -> None:
    pictures = {f"/{number}.png": image(str(number), {"ETag": '"1"'}) for number in range(2)}
    with SyntheticHost({"/": gallery(*pictures), **pictures}) as host:
        first = visit(order(host.url))
        host.resources["/"] = Resource(None, _too_long)
        assert visit(order(host.url), first.known()).tally.unchanged == 2
        host.resources["/robots.txt"] = Resource("text/plain", b"User-agent: *\nDisallow: /$")
        assert visit(order(host.url), first.known()).tally.unchanged == 2


async def _negotiated(request: web.BaseRequest) -> web.Response:
    is_new = "image/webp" in request.headers["Accept"]
    etag = '"new"' if is_new else '"kept"'
    is_asked = request.headers.get("If-None-Match") == etag
    body = b"RIFF\x10\0\0\0WEBPVP8 " + bytes(16) if is_new else b"\xff\xd8\xff\xe0" + bytes(20)
    headers = {"ETag": etag, "Vary": "Accept", "Content-Type": "image/webp" if is_new else "image/jpeg"}
    return web.Response(status=304 if is_asked else 200, body=b"" if is_asked else body, headers=headers)


async def _moved(_: web.BaseRequest) -> web.Response:
    return web.Response(status=302, headers={"Location": "/target.png"})


@pytest.mark.parametrize("is_linked", [True, False])
def test_a_file_is_asked_for_as_it_was_in_every_manner_and_where_its_redirects_ended(*, is_linked: bool) -> None:
    resources = {
        "/picture.jpg": Resource(None, _negotiated),
        "/moved.png": Resource(None, _moved),
        "/target.png": image("target", {"ETag": '"1"'}),
    }
    browser = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
    page = gallery("/picture.jpg", "/moved.png")
    with SyntheticHost({"/": page, **resources}) as host:
        first = visit(order(host.url, user_agent=browser))
        host.resources["/"] = page if is_linked else gallery()
        host.requests.clear()
        again = visit(order(host.url, user_agent=browser), first.known())
        conditions = sorted((path, headers.get("If-None-Match")) for path, headers in host.requests)
    assert conditions == [
        ("/", None),
        ("/moved.png", None),
        ("/picture.jpg", '"kept"'),
        ("/picture.jpg", '"new"'),
        ("/target.png", '"1"'),
    ]
    seen = [{(one.url, one.final_url, one.digests.sha256) for one in several.sightings} for several in (first, again)]
    assert seen[0] == seen[1]
    assert len(seen[0]) == again.tally.unchanged == 3


def test_a_second_visit_finds_what_the_first_found_although_it_reads_no_page_again() -> None:
    page = b"""<base href="/deep/"><a href="/more">more</a><img src="a.png" referrerpolicy="no-referrer">
        <script>var x = "/deep/b.png"</script><form action="/deep/form"></form><div data-src="c.png"></div>"""
    answers = {
        "/": Resource("text/html", page),
        "/more": gallery("/d.png"),
        **{f"/deep/{name}.png": image(name, {}) for name in "abc"},
        "/d.png": image("d", {}),
    }
    with SyntheticHost(answers) as host:
        first = visit(order(host.url))
        before = sorted(host.paths)
        host.requests.clear()
        # No file is known, so nothing but its page leads to each.
        again = visit(order(host.url), first.known(files=()))
        assert sorted(host.paths) == before
    assert again.digests == first.digests
    assert again.pages == first.pages
    # The page that says 404 is one, too.
    assert len(first.pages) == 3
