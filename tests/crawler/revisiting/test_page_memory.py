"""The references of a page are remembered whole, or not at all, and only for the same bytes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from orbweaver.crawler.asked_as import AskedAs, Destination, ReferrerPolicy
from orbweaver.crawler.bodies.document_kinds import DocumentKind
from orbweaver.crawler.link_kind import LinkKind, LinkSource
from orbweaver.crawler.links import documents
from orbweaver.crawler.links.fixed_documents import DOCUMENTS
from orbweaver.crawler.links.found_links import Link, PageLinks
from orbweaver.crawler.revisiting import page_memory
from orbweaver.crawler.revisiting.known_responses import MOST_PAGE_CHARACTERS, MOST_PAGES
from orbweaver.crawler.revisiting.page_memory import PageMemory

PAGE = b'<img src="a.png"><a href="/b">b</a>'
URL = "http://h.test/"

texts = st.text(max_size=20)
links = st.lists(
    st.builds(Link, texts, st.sampled_from(LinkKind), st.sampled_from(LinkSource)), max_size=5, unique=True
).map(tuple)
asked = st.builds(AskedAs, st.none() | st.sampled_from(Destination), st.none() | st.sampled_from(ReferrerPolicy))


@st.composite
def page_links(draw: st.DrawFn) -> PageLinks:
    found = draw(links)
    return PageLinks(
        links=found,
        base=draw(st.none() | texts),
        data_uris=(),
        bad_data_uris=0,
        is_truncated=False,
        candidates=draw(links),
        candidates_left_out=draw(st.integers(0, 9)),
        asked_as={link: draw(asked) for link in found if draw(st.booleans())},
        referrer_policy=draw(st.none() | st.sampled_from(ReferrerPolicy)),
        refresh=draw(st.none() | texts),
        files_before_base=draw(links),
        may_have_forms=draw(st.booleans()),
    )


@given(page_links())
@settings(max_examples=50)
def test_references_come_back_as_they_were(found: PageLinks) -> None:
    said = page_memory.pack(found)
    assert said is not None
    back = page_memory.unpack(said)
    assert back is not None
    # These two count for no comparison of pages.
    assert (back, back.refresh, back.may_have_forms) == (found, found.refresh, found.may_have_forms)


@given(st.text(max_size=60) | st.sampled_from(["{}", "[]", '{"links": [["a"]]}', '{"asked_as": [[9, [null, null]]]}']))
@settings(max_examples=50)
def test_what_cannot_be_read_is_not_known(said: str) -> None:
    page_memory.unpack(said)  # raises nothing


def references(
    memory: PageMemory,
    document: bytes = PAGE,
    *,
    content_type: str | None = "text/html",
    url: str = URL,
    kind: DocumentKind = DocumentKind.HTML,
    imported: Mapping[str, str] | None = None,
) -> PageLinks:
    return memory.references(document, kind, content_type=content_type, base_url=url, imported=imported or {})


def known_of(memory: PageMemory) -> dict[str, str]:
    return {page.digest: page.references for page in memory.pages()}


def test_the_same_page_is_read_once_and_another_again() -> None:
    first = PageMemory({})
    found = references(first)
    again = PageMemory(known_of(first))
    assert references(again) == found
    assert (first.reads, again.reads) == (1, 0)
    assert again.pages() == first.pages()
    others = (
        {"document": PAGE + b" "},
        {"content_type": "text/html; charset=utf-16le"},
        {"url": "http://h.test/other"},
        {"kind": DocumentKind.XHTML},
        {"imported": {"v": "1"}},
    )
    for number, other in enumerate(others, 1):
        references(again, **other)  # type: ignore[arg-type]
        assert again.reads == number, other


def test_a_page_that_cannot_be_read_back_is_read_again() -> None:
    first = PageMemory({})
    found = references(first)
    again = PageMemory(dict.fromkeys(known_of(first), "no JSON"))
    assert (references(again), again.reads) == (found, 1)


@pytest.mark.parametrize(
    "document",
    [
        b'<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">',
        b'<img src="data:image/gif;base64,!">',
        b'<a href="/' + b"a" * MOST_PAGE_CHARACTERS + b'">',
        b"".join(b'<a href="%d">' % number for number in range(10_001)),
    ],
    ids=["file inside", "bad file inside", "long", "truncated"],
)
def test_a_page_that_gives_more_than_references_is_read_each_time(document: bytes) -> None:
    memory = PageMemory({})
    for number in (1, 2):
        references(memory, document)
        assert memory.reads == number
    assert memory.pages() == ()


def test_no_more_pages_are_remembered_than_there_is_room_for() -> None:
    memory = PageMemory({})
    for number in range(MOST_PAGES + 10):
        references(memory, b"<a href=%d>" % number)
    assert len(memory.pages()) == MOST_PAGES


def test_each_kind_of_document_is_remembered_as_it_is_read() -> None:
    for document in DOCUMENTS:
        found = documents.references(document.body, document.kind, content_type=None, base_url=URL)
        said = page_memory.pack(found)
        assert said is None or page_memory.unpack(said) == found
