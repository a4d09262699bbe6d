"""What a page shows is read up to limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.links.pages.shown import (
    MOST_CHARACTERS,
    MOST_CODE_CHARACTERS,
    MOST_FILES,
    MOST_LINKS,
    MOST_WORD_CHARACTERS,
    Refresh,
    shown_of,
)


def test_what_a_page_shows_is_read() -> None:
    page = """<title>A &amp; b</title><base href="/x/"><meta http-equiv="Refresh" content="5.5; URL='a'">
    <meta http-equiv=refresh content="1;url=b"><body onload="go()"><h1>One <b>two</b></h1><!-- no <a href=no> -->
    <a href=" c ">three</a><a name=d>four</a><img src=e><iframe src=f></iframe><iframe src=g width=1></iframe>
    <iframe src=h style="visibility: hidden"></iframe><iframe srcdoc="i"></iframe><style>no</style>
    <script>code</script><script src=j></script><script type=application/ld+json>{}</script>"""
    shown = shown_of(page)
    assert (shown.title, shown.headings, shown.words) == ("A & b", ["One two"], "One two three four")
    assert (shown.base, shown.links, shown.frames, shown.files) == ("/x/", ["c"], ["f"], 2)
    assert (shown.refresh, shown.code, shown.script_files) == (Refresh("a", 5.0), "go()\ncode\n", 1)
    assert not shown.is_much


@pytest.mark.parametrize(
    "page",
    [
        "<p>" + "a" * (MOST_WORD_CHARACTERS + 1),
        "<a href=a>" * (MOST_LINKS + 1),
        "<img>" * (MOST_FILES + 1),
        "<iframe src=a></iframe>" * (MOST_FILES + 1),
        "<!--" + "a" * MOST_CHARACTERS,
    ],
)
def test_a_page_that_shows_much_is_not_read_on(page: str) -> None:
    shown = shown_of(page + "<meta http-equiv=refresh content='0;url=a'>")
    assert shown.is_much
    assert shown.refresh is None


@given(st.text(alphabet="<>/!-='\" abhimsrctlednoxyf&;", max_size=200))
def test_any_text_is_read_within_the_limits(text: str) -> None:
    shown = shown_of(text * 20)
    assert len(shown.code) <= 2 * MOST_CODE_CHARACTERS + 2
    assert len(shown.links) <= MOST_LINKS + 1
    assert len(shown.words) <= len(text) * 20
