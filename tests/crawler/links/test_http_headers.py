"""The references in headers are found like those in the HTML elements of the same names."""

from __future__ import annotations

import pytest
from calibration import LINEAR, measured
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.links.found_links import Link
from orbweaver.crawler.links.http_headers import MOST_HEADER_LINKS, header_links

PAGE, FILE = LinkKind.PAGE, LinkKind.FILE


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("<2.html>; rel=next", [Link("2.html", PAGE)]),
        ('<2.html>; title="a, <b>; c"; rel="prev start"', [Link("2.html", PAGE)]),
        ("<a.css>;rel=stylesheet, <b.png>; rel=preload; as=image", [Link("a.css", FILE), Link("b.png", FILE)]),
        ('<>; rel=preload; as=image; imagesrcset="a.png 1x, b.png 2x"', [Link("a.png", FILE), Link("b.png", FILE)]),
        ("<a.ico>; REL=ICON", [Link("a.ico", FILE)]),
        ("<a.js>; rel=preload; as=script, <x>; rel=canonical, <y>, z", []),
        ("<a>; rel=next, <a>; rel=next", [Link("a", PAGE)]),
        ("", []),
    ],
)
def test_a_link_header_refers_to(value: str, expected: list[Link]) -> None:
    assert list(header_links(link=[value])) == expected


def test_all_link_headers_and_the_refresh_header_count() -> None:
    found = header_links(link=["<a>; rel=next", "<b>; rel=next"], refresh="3; url=c")
    assert [link.reference for link in found] == ["c", "a", "b"]
    assert header_links(refresh="5") == ()


def test_no_more_than_the_limit_is_taken() -> None:
    assert len(header_links(link=[f"<{number}>; rel=next" for number in range(1_000)])) == MOST_HEADER_LINKS


@given(st.text(alphabet='<>;=", a\t'), st.text())
def test_any_header_is_read_without_failing(link: str, refresh: str) -> None:
    header_links(link=[link], refresh=refresh)


@pytest.mark.parametrize("part", ["<", "<a>;", '<a>;a="', '"', ";a=", "<a>; rel=next,"])
def test_a_long_header_is_read_in_reasonable_time(part: str) -> None:
    with measured() as cost:
        header_links(link=[part * 50_000])
    assert cost.units < LINEAR / 4  # a quarter of the two megabytes at most
