"""A recrawl in slices finds what one in one go finds, asks for no file twice, and believes no checkpoint unseen."""

from __future__ import annotations

import json
import os
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from aiohttp import web
from contained import Order, as_told, crawl, order, run, scope_of
from orbweaver.crawler import recrawl
from orbweaver.crawler.visiting.checkpoints.earlier_slices import NO_SLICES, EarlierSlices
from orbweaver.crawler.visiting.checkpoints.keeping import SLICES, Checkpointing
from orbweaver.model import Limits, Report, Sighting, Skip, Tally
from orbweaver.settings import Settings
from synthetic_host import Resource, SyntheticHost

PNG = b"\x89PNG\r\n\x1a\n"


class Slice(NamedTuple):
    """The words of one process of a recrawl, and what it left."""

    sightings: list[Sighting]
    skips: list[Skip]
    ended: recrawl.Ended
    left: EarlierSlices


def crawl_slice(one: Order, earlier: EarlierSlices) -> Slice:
    """Do one slice in this process, which is in the sandbox afterwards."""
    sightings: list[Sighting] = []
    skips: list[Skip] = []
    left: list[EarlierSlices] = []
    met = list(earlier.met)

    def record(more: Sequence[Sighting], more_skips: Sequence[Skip], tally: Tally) -> None:
        as_told(one, more, more_skips, tally)
        sightings.extend(more)
        skips.extend(more_skips)

    def keep(pieces: Sequence[bytes], state: bytes) -> None:
        met.extend(pieces)
        left.append(EarlierSlices(state, tuple(met)))

    settings = Settings(**(one.settings or {}))
    recrawl.enter_sandbox(scope_of(one), settings)
    ended = recrawl.run(scope_of(one), one.reports, record, settings, checkpoints=Checkpointing(keep, earlier))
    return Slice(sightings, skips, ended, left[-1] if left else EarlierSlices())


def in_slices(one: Order, *, earlier: EarlierSlices = NO_SLICES) -> list[Slice]:
    """Do slice after slice, each in a process of its own, to the end of the recrawl."""
    slices: list[Slice] = []
    while not slices or slices[-1].ended.stopped_by in SLICES:
        slices.append(run(crawl_slice, one, slices[-1].left if slices else earlier))
    return slices


def page(text: str, **fields: Any) -> Resource:
    return Resource("text/html", text.encode(), **fields)


def image() -> Resource:
    return Resource("image/png", PNG + os.urandom(100))


async def only_for_visitors(request: web.BaseRequest) -> web.StreamResponse:
    """Give a file to who has the cookie of the first page, as many hosts do."""
    if "visitor=yes" not in request.headers.get("Cookie", ""):
        return web.Response(status=403)
    return web.Response(body=PNG + b"behind a cookie", content_type="image/png")


def host_of_several_slices() -> dict[str, Resource | tuple[object, ...]]:
    """Pages in a chain with files at each, and what a process knows besides URLs: cookies, spellings, variables."""
    chain: dict[str, Resource | tuple[object, ...]] = {}
    for number in range(6):
        links = f'<a href="/page/{number + 1}">on</a><img src="/file/{number}.png"><a href="/page/0">first</a>'
        chain[f"/page/{number}"] = page(links, headers={"Set-Cookie": "visitor=yes; Path=/"} if number == 0 else {})
        chain[f"/file/{number}.png"] = image()
    chain["/page/6"] = page(
        '<img src="/cookie.png"><a href="/%7Eold/name.png">spelt</a><a href="/moved">moved</a>'
        '<a href="/session?sid=1">1</a><a href="/session?sid=2">2</a><a href="/gone.png">gone</a>'
        '<video src="/film/master.m3u8"></video><script>var a = "/script/found.png"</script>'
    )
    return chain | {
        "/": page('<a href="/page/0">gallery</a>'),
        "/cookie.png": Resource(None, only_for_visitors),
        "/%7Eold/name.png": image(),
        "/moved": Resource(None, b"", {"Location": "/moved/here.png"}, 302),
        "/moved/here.png": image(),
        "/session?sid=1": page('<img src="/in-session.png">'),
        "/session?sid=2": page('<img src="/in-session.png">'),
        "/in-session.png": image(),
        "/film/master.m3u8": Resource(
            "application/vnd.apple.mpegurl",
            b'#EXTM3U\n#EXT-X-DEFINE:NAME="way",VALUE="secret"\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow.m3u8\n',
        ),
        "/film/low.m3u8": Resource(
            "application/vnd.apple.mpegurl", b'#EXTM3U\n#EXT-X-DEFINE:IMPORT="way"\n#EXTINF:1,\n{$way}/1.ts\n'
        ),
        "/film/secret/1.ts": ("video/mp2t", b"G" * 188),
        "/script/found.png": image(),
    }


def said_of(skips: Sequence[Skip]) -> Counter[tuple[str, str, int]]:
    return Counter((one.url, one.rule, one.count) for one in skips)


@pytest.mark.parametrize("pages", [1, 4])
def test_slices_find_exactly_what_one_go_finds_and_fetch_no_file_twice(pages: int) -> None:
    with SyntheticHost(host_of_several_slices()) as host:
        reports = (Report(url=host.url, report_id="R-1"), Report(url=f"{host.url}file/3.png", report_id="R-2"))
        whole = crawl(*reports)
        asked_in_one_go = sorted(host.paths)
        host.requests.clear()
        slices = in_slices(order(*reports, slice_pages=pages))
        assert sorted(host.paths) == asked_in_one_go
    assert len(slices) >= 9 // pages
    found = [one for each in slices for one in each.sightings]
    assert sorted((one.url, one.digests.sha256, one.referrer, one.report_ids) for one in found) == sorted(
        (one.url, one.digests.sha256, one.referrer, one.report_ids) for one in whole.sightings
    )
    assert said_of([one for each in slices for one in each.skips]) == said_of(whole.skips)
    last = slices[-1].ended
    assert last.stopped_by is None
    assert last.reported == whole.reported
    assert last.tally.model_dump(exclude={"bytes_read"}) == whole.tally.model_dump(exclude={"bytes_read"})
    robots = len(b"Not found") * (len(slices) - 1)  # is asked for in each slice
    assert last.tally.bytes_read == whole.tally.bytes_read + robots
    assert {f"{host.url}cookie.png", f"{host.url}film/secret/1.ts", f"{host.url}~old/name.png"} <= set(whole.urls)


def test_the_limits_of_a_scope_hold_for_all_slices_together() -> None:
    with SyntheticHost(host_of_several_slices()) as host:
        one = order(host.url, slice_pages=1, host_connections=1, limits=Limits(max_pages=4))
        last = in_slices(one)[-1].ended
        assert [path for path in host.paths if "page" in path] == [f"/page/{number}" for number in range(4)]
        assert last.tally.pages == 5  # the reported one is not counted
        host.requests.clear()
        over = in_slices(replace(one, limits=Limits(max_seconds=60)), earlier=EarlierSlices(seconds=60))[-1]
    assert over.ended.stopped_by == "max_seconds"


def slice_of(host: SyntheticHost, pages: int = 3) -> tuple[Order, Slice]:
    one = order(host.url, slice_pages=pages, host_connections=1)
    return one, run(crawl_slice, one, EarlierSlices())


def changed(left: EarlierSlices, change: Callable[[dict[str, Any]], object]) -> EarlierSlices:
    """Return a checkpoint as a process could forge it that was taken over."""
    assert left.state is not None
    state = json.loads(zlib.decompress(left.state))
    change(state)
    return left._replace(state=zlib.compress(json.dumps(state).encode()))


def waiting(line: str, **fields: object) -> Callable[[dict[str, Any]], object]:
    return lambda state: state["waiting"].append({"kind": "page", "root": 0, "depth": 1, "entries": line, **fields})


LIES: dict[str, Callable[[dict[str, Any]], object]] = {
    "another version": lambda state: state.update(version=2),
    "another field": lambda state: state.update(command="rm"),
    "not canonical": waiting("0AA HTTP://127.0.0.1/ \n"),
    "no URL": waiting("0AA javascript:alert(1) \n"),
    "no entry": waiting("0AA\n"),
    "no such wish": waiting("0ZZ http://127.0.0.1/ \n"),
    "no such report": waiting("0AA http://127.0.0.1/ \n", root=7),
    "not reported": waiting("0AA http://127.0.0.1/a \n", is_reported=True),
    "of nobody": waiting("0AA http://127.0.0.1/a \n", is_reported=True, root=None),
    "before the first": waiting("0AA http://127.0.0.1/ \n", depth=-1),
    "millions": waiting("0AA http://127.0.0.1/ \n" * 200_000),
    "a header in a referrer": waiting("0AA http://127.0.0.1/ \n", referrer="http://127.0.0.1/\r\nHost: o.test"),
    "other reports": lambda state: state.update(reported=[{"url": "http://o.test/"}]),
    "a spelling of another URL": lambda state: state.update(spellings={"http://127.0.0.1/a": "/b"}),
    "a host for a terminal": lambda state: state["suggestions"].update({"\x1b[2J": 1}),
    "negative": lambda state: state.update(left_out=-1),
}


def refused(one: Order, lies: Sequence[EarlierSlices]) -> list[str]:
    from orbweaver.crawler.errors import CheckpointRefused
    from orbweaver.crawler.visiting.checkpoints.state import read

    said = []
    for earlier in lies:
        assert earlier.state is not None
        try:
            read(earlier.state, earlier.met, one.reports)
        except CheckpointRefused as error:
            said.append(str(error))
        else:
            said.append("accepted")
    return said


def test_a_checkpoint_that_cannot_be_true_is_refused_and_the_recrawl_begins_anew() -> None:
    with SyntheticHost(host_of_several_slices()) as host:
        one, first = slice_of(host)
        lies = [changed(first.left, lie) for lie in LIES.values()]
        lies += [first.left._replace(met=(b"u1234567",)), first.left._replace(met=(b"x12345678",))]
        lies += [first.left._replace(state=first.left.state[:-9]), first.left._replace(state=b"\x00")]  # type: ignore[index]
        said = refused(one, [first.left, *lies])
        assert said[0] == "accepted"
        assert "accepted" not in said[1:]
        assert not any("o.test" in reason or "\x1b" in reason for reason in said)
        host.requests.clear()
        anew = run(crawl_slice, one, lies[0])
        assert host.paths[:2] == ["/", "/page/0"]
    [skip] = [one for one in anew.skips if one.rule == "checkpoint"]
    assert skip.reason == (
        "what an earlier slice of the recrawl left cannot be used (it has no known form): it began anew"
    )


def test_what_waited_passes_the_rules_again() -> None:
    with SyntheticHost(host_of_several_slices()) as host, SyntheticHost({}) as other:
        one, first = slice_of(host)
        forged = changed(
            first.left,
            lambda state: [
                waiting(f"0AA {other.url}a \n1AA {other.url}b.png \n")(state),
                waiting(f"0AA {host.url}deep \n", depth=999)(state),
                waiting(f"0AA {host.url}login?action=delete \n")(state),
            ],
        )
        slices = in_slices(replace(one, settings={**(one.settings or {}), "slice_pages": 50}), earlier=forged)
        assert other.paths == []
        assert not {"/deep", "/login?action=delete"} & set(host.paths)
    said = {skip.url: skip.rule for each in slices for skip in each.skips}
    assert said[f"{other.url}a"] == "scope.port"
    assert said[f"{host.url}deep"] == "limit.max_depth"
    assert said[f"{host.url}login?action=delete"].startswith("acting.")


def test_what_does_not_fit_into_a_checkpoint_is_counted_and_said() -> None:
    with SyntheticHost(host_of_several_slices()) as host:
        one, first = slice_of(host)
        last = in_slices(one, earlier=changed(first.left, lambda state: state.update(left_out=123)))[-1]
    assert last.ended.tally.skipped >= 123
