"""What waits comes out in the order that finds known files soonest, whatever order it went in."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from orbweaver.crawler.asked_as import AskedAs, Destination, ReferrerPolicy
from orbweaver.crawler.fetching.asking.request_headers import ReporterHeaders
from orbweaver.crawler.link_kind import LinkKind, LinkSource
from orbweaver.crawler.visiting.frontier import Frontier, PlannedRequest
from orbweaver.crawler.visiting.visit import Origin, Visit


def waiting(
    url: str, kind: LinkKind = LinkKind.PAGE, *, cost: int = 1, depth: int = 1, is_reported: bool = False
) -> PlannedRequest:
    return PlannedRequest(Visit(url, kind, Origin(depth=depth), is_reported), url, cost)


def drained(frontier: Frontier) -> list[str]:
    return [one.url for one in iter(frontier.pop, None)]


def test_reports_come_first_then_files_then_near_pages() -> None:
    frontier = Frontier()
    for one in (
        waiting("far", depth=3),
        waiting("near", depth=1),
        waiting("file", LinkKind.FILE, depth=9),
        waiting("report", is_reported=True, cost=0),
    ):
        frontier.push(one)
    assert drained(frontier) == ["report", "file", "near", "far"]
    assert frontier.pop() is None


def test_what_costs_more_comes_later_and_is_not_lost() -> None:
    frontier = Frontier()
    for one in (waiting("calendar", cost=5), waiting("page"), waiting("deeper", depth=4), waiting("deepest", depth=6)):
        frontier.push(one)
    assert drained(frontier) == ["page", "deeper", "calendar", "deepest"]


def test_a_variant_comes_behind_all_of_its_kind() -> None:
    frontier = Frontier()
    for name, kind in (("page", LinkKind.PAGE), ("file", LinkKind.FILE)):
        for is_variant in (True, False):
            visit = Visit(f"{name}{' variant' if is_variant else ''}".replace(" ", "-"), kind, is_variant=is_variant)
            frontier.push(PlannedRequest(visit, visit.url))
    frontier.push(waiting("far-page", depth=20))
    assert drained(frontier) == ["file", "file-variant", "page", "far-page", "page-variant"]


def test_what_may_be_no_reference_comes_behind_the_pages_of_its_depth() -> None:
    frontier = Frontier()
    file = waiting("candidate-file", LinkKind.FILE, depth=1)
    frontier.push(file._replace(visit=file.visit._replace(source=LinkSource.SCRIPT)))
    page = waiting("candidate-page", depth=1)
    frontier.push(page._replace(visit=page.visit._replace(source=LinkSource.ATTRIBUTE)))
    for one in (waiting("deeper", depth=2), waiting("page", depth=1), waiting("file", LinkKind.FILE, depth=2)):
        frontier.push(one)
    assert drained(frontier) == ["file", "page", "candidate-file", "candidate-page", "deeper"]


@given(depths=st.lists(st.integers(0, 5), max_size=30))
def test_pages_of_one_depth_keep_their_order(depths: list[int]) -> None:
    frontier = Frontier()
    for number, depth in enumerate(depths):
        frontier.push(waiting(str(number), depth=depth))
    assert len(frontier) == len(depths)
    assert drained(frontier) == [str(number) for _, number in sorted((depth, n) for n, depth in enumerate(depths))]


def test_the_reported_ones_are_counted() -> None:
    frontier = Frontier()
    frontier.push(waiting("a", is_reported=True))
    frontier.push(waiting("b"))
    assert frontier.reported == 1
    frontier.pop()
    assert (frontier.reported, len(frontier)) == (0, 1)


def test_what_is_set_aside_is_counted_and_not_taken() -> None:
    frontier = Frontier()
    for one in (waiting("http://a.example/", is_reported=True), waiting("http://b.example/")):
        frontier.push(one)
    reported = frontier.pop()
    assert reported is not None

    assert frontier.set_aside("a.example", reported)
    assert not frontier.set_aside("a.example", waiting("http://a.example/2", depth=2))
    assert (len(frontier), frontier.reported) == (3, 1)
    assert drained(frontier) == ["http://b.example/"]


def test_what_is_brought_back_takes_its_place_again() -> None:
    frontier = Frontier()
    frontier.set_aside("a.example", waiting("http://a.example/", is_reported=True))
    frontier.set_aside("c.example", waiting("http://c.example/"))
    frontier.push(waiting("http://b.example/"))

    frontier.bring_back("a.example")
    frontier.bring_back("a.example")
    assert (len(frontier), frontier.reported) == (3, 1)
    assert drained(frontier) == ["http://a.example/", "http://b.example/"]

    frontier.bring_back()
    assert drained(frontier) == ["http://c.example/"]
    assert (len(frontier), frontier.reported) == (0, 0)


def test_what_waits_costs_little_more_than_its_url() -> None:
    tracemalloc.start()
    try:
        frontier = Frontier()
        for page in range(200):
            origin = Origin(f"http://a.example/pages/{page}.html", hash(str(page)), depth=2)
            for number in range(20):
                visit = Visit(f"http://a.example/pages/{page}-{number}.html", LinkKind.PAGE, origin)
                frontier.push(PlannedRequest(visit, visit.url))
        assert tracemalloc.get_traced_memory()[0] / len(frontier) < 100
        while (one := frontier.pop()) is not None:
            frontier.set_aside("a.example", one)
        assert tracemalloc.get_traced_memory()[0] / len(frontier) < 100
    finally:
        tracemalloc.stop()


URLS = [f"http://{host}.example/{rest}" for host in "ab" for rest in ("", "list?page=2", "1%200.jpg")]


class PlainFrontier:
    """The same promise, kept by sorting whole visits."""

    def __init__(self) -> None:
        self.waiting: list[tuple[float, int, PlannedRequest]] = []
        self.aside: dict[str, list[PlannedRequest]] = {}
        self._arrived = 0

    def push(self, one: PlannedRequest) -> None:
        visit = one.visit
        rank: float = visit.origin.depth + max(one.cost, 1) - 1
        if visit.is_variant:
            rank += 1_000
        if visit.is_candidate:
            rank += 0.5
        elif visit.kind is LinkKind.FILE:
            rank = -1 if visit.is_variant else -2
        if visit.source is LinkSource.KNOWN:
            rank = 10_000 if visit.is_variant else -3
        if visit.is_reported:
            rank = -4
        self._arrived += 1
        self.waiting.append((rank, self._arrived, one))

    def pop(self) -> PlannedRequest | None:
        self.waiting.sort(key=lambda one: one[:2])
        return self.waiting.pop(0)[2] if self.waiting else None

    def set_aside(self, host: str, one: PlannedRequest) -> bool:
        self.aside.setdefault(host, []).append(one)
        return len(self.aside[host]) == 1

    def bring_back(self, host: str | None) -> None:
        for name in [host] if host else list(self.aside):
            for one in self.aside.pop(name, []):
                self.push(one)

    def all(self) -> list[PlannedRequest]:
        return [one for _, _, one in self.waiting] + [one for aside in self.aside.values() for one in aside]


class FrontierBesidePlainOne(RuleBasedStateMachine):
    """A frontier gives back each visit as it was, when a plain one would, whatever shares a page with it."""

    def __init__(self) -> None:
        super().__init__()
        self.frontier = Frontier()
        self.plain = PlainFrontier()

    # Few values of each: visits in a row differ in their URLs alone, or in one thing more.
    @rule(
        visit=st.builds(
            Visit,
            url=st.just(""),
            kind=st.sampled_from(LinkKind),
            origin=st.builds(
                Origin,
                referrer=st.none() | st.sampled_from(URLS),
                referrer_page=st.none() | st.integers(0, 1),
                depth=st.integers(0, 2),
                report_ids=st.sampled_from([(), ("1",), ("1", "2")]),
                reporter_headers=st.sampled_from([ReporterHeaders(), ReporterHeaders(cookies="a=1 b\n")]),
            ),
            chain=st.sampled_from([(), (1,)]),
            asked_as=st.builds(
                AskedAs, st.sampled_from([None, *Destination]), st.sampled_from([None, *ReferrerPolicy])
            ),
            is_reported=st.sampled_from([False, False, True]),
            is_variant=st.sampled_from([False, False, True]),
        ),
        links=st.lists(st.tuples(st.sampled_from(URLS), st.booleans(), st.sampled_from([None, *URLS])), max_size=4),
        cost=st.sampled_from([0, 1, 5]),
    )
    def push_links_of_a_page(self, visit: Visit, links: list[tuple[str, bool, str | None]], cost: int) -> None:
        for url, is_embed, asked in links:
            one = PlannedRequest(visit._replace(url=url, is_embed=is_embed), asked or url, cost)
            self.frontier.push(one)
            self.plain.push(one)

    @rule()
    def pop(self) -> None:
        assert self.frontier.pop() == self.plain.pop()

    @rule(host=st.sampled_from("ab"))
    def set_aside(self, host: str) -> None:
        one = self.plain.pop()
        assert self.frontier.pop() == one
        if one is not None:
            assert self.frontier.set_aside(host, one) == self.plain.set_aside(host, one)

    @rule(host=st.none() | st.sampled_from("ab"))
    def bring_back(self, host: str | None) -> None:
        self.frontier.bring_back(host)
        self.plain.bring_back(host)

    @invariant()
    def counts_are_those_of_what_waits(self) -> None:
        every = self.plain.all()
        assert len(self.frontier) == len(every)
        assert self.frontier.reported == sum(one.visit.is_reported for one in every)
        pages = [one for one in every if one.visit.kind is LinkKind.PAGE]
        assert self.frontier.page_variants == sum(one.visit.is_variant for one in pages)

    def teardown(self) -> None:
        self.bring_back(None)
        while len(self.frontier):
            self.pop()
        assert self.frontier.pop() is self.plain.pop() is None


TestFrontierBesidePlainOne = FrontierBesidePlainOne.TestCase
