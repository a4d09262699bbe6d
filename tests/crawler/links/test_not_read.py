"""Text that may name a file and is not read, on purpose: docs/what-is-read.md has a row for each."""

from __future__ import annotations

import pytest
from orbweaver.crawler.links.pages.html import extract


@pytest.mark.parametrize(
    "html",
    [
        # what a person would have to send or to choose
        "<form action=/list method=get><input type=hidden name=all value=1></form>",
        "<select><option value=/2>two</option></select>",
        # what a script of the page would have to fetch
        "<div hx-get=/part></div>",
        "<div data-page=/part></div>",
        "<script>loadCSS('/s.css')</script>",
        "<div data-url=/list></div>",
        "<link rel=canonical href=/whole>",
        # what only a browser of long ago asked for
        "<layer src=/layer.html></layer>",
        "<math><mrow href=/about><mi>x</mi></mrow></math>",
        # a path in running text, which nothing marks as one
        "<p>The picture is at /f/a.jpg</p>",
        "<code>/f/a.jpg</code>",
        # what browsers without style sheets had
        "<style>p { filter: progid:DXImageTransform.Microsoft.AlphaImageLoader(src='/a.png') }</style>",
        # a path that has no quotes around it in another language's notation
        "<img uk-img='dataSrc: /a.jpg'>",
    ],
)
def test_what_nothing_in_the_page_marks_as_a_reference_is_not_read(html: str) -> None:
    page = extract(html.encode(), content_type="text/html", base_url="http://host.test/page")
    assert page.links == ()
    assert page.candidates == ()


def test_what_a_page_names_only_in_pieces_or_from_a_place_of_another_element_is_read_as_it_stands() -> None:
    html = "<applet codebase=/app/><param name=image value=b.png></applet><p>http://host.test/<wbr>c.png</p>"
    page = extract(html.encode(), content_type="text/html", base_url="http://host.test/page")
    assert page.links == ()
    assert [link.reference for link in page.candidates] == ["b.png", "http://host.test/"]


def test_bytes_in_base64_without_a_data_uri_are_not_read() -> None:
    html = '<script type="application/json">{"picture": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"}</script>'
    page = extract(html.encode(), content_type="text/html", base_url="http://host.test/page")
    assert (page.links, page.candidates, page.data_uris) == ((), (), ())
