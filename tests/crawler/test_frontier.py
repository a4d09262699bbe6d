"""What waits comes out in the order that finds known files soonest, whatever order it went in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.frontier import Frontier, Waiting
from orbweaver.crawler.links import LinkKind
from orbweaver.crawler.visit import Visit


def waiting(
    url: str, kind: LinkKind = LinkKind.PAGE, *, cost: int = 1, depth: int = 1, is_reported: bool = False
) -> Waiting:
    return Waiting(Visit(url, kind, depth=depth, is_reported=is_reported), url, cost)


def drained(frontier: Frontier) -> list[str]:
    return [one.url for one in iter(frontier.pop, None)]


def test_reports_come_first_then_files_then_near_pages() -> None:
    frontier = Frontier()
    for one in (
        waiting("far", depth=3),
        waiting("near", depth=1),
        waiting("file", LinkKind.MEDIA, depth=9),
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
