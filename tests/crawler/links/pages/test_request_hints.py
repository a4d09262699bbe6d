"""An element says as what its reference is asked for, and how much of the page's URL may be said."""

from __future__ import annotations

import pytest
from orbweaver.crawler.asked_as import AskedAs, Destination, ReferrerPolicy
from orbweaver.crawler.bodies.document_kinds import DocumentKind
from orbweaver.crawler.links import documents
from orbweaver.crawler.links.pages.html import extract

D, P = Destination, ReferrerPolicy


def said(html: str) -> list[tuple[str, AskedAs]]:
    page = extract(html.encode(), content_type="text/html", base_url="http://h.test/")
    return [(link.reference, asked_as) for link, asked_as in page.asked_as.items()]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<img src=a><a href=b>", []),  # as their kind and ending say
        ("<video src=a poster=b>", [("a", AskedAs(D.VIDEO))]),
        ("<audio src=a>", [("a", AskedAs(D.AUDIO))]),
        ("<source src=a>", [("a", AskedAs(D.VIDEO))]),
        ("<source src=a type=audio/ogg>", [("a", AskedAs(D.AUDIO))]),
        ("<picture><source srcset=a></picture>", []),
        ("<embed src=a><object data=b>", [("a", AskedAs(D.EMBED)), ("b", AskedAs(D.OBJECT))]),
        ("<iframe src=a></iframe>", [("a", AskedAs(D.IFRAME))]),
        ("<frame src=a>", [("a", AskedAs(D.FRAME))]),
        ("<link rel=stylesheet href=a>", [("a", AskedAs(D.STYLE))]),
        ("<link rel=preload as=video href=a>", [("a", AskedAs(D.VIDEO))]),
        ("<link rel=preload as=image href=a>", []),
        ("<img referrerpolicy=no-referrer src=a>", [("a", AskedAs(None, P.NO_REFERRER))]),
        ("<img referrerpolicy=Origin srcset='a 1x'>", [("a", AskedAs(None, P.ORIGIN))]),
        ("<img referrerpolicy=nonsense src=a>", []),
        ("<iframe referrerpolicy=unsafe-url src=a></iframe>", [("a", AskedAs(D.IFRAME, P.UNSAFE_URL))]),
        ("<a rel='nofollow NoReferrer' href=a>", [("a", AskedAs(None, P.NO_REFERRER))]),
        ("<area rel=noreferrer referrerpolicy=origin href=a>", [("a", AskedAs(None, P.NO_REFERRER))]),
        ("<video src=a><video referrerpolicy=origin src=a>", [("a", AskedAs(D.VIDEO))]),  # the first counts
    ],
)
def test_an_element_says_how_its_reference_is_asked_for(html: str, expected: list[tuple[str, AskedAs]]) -> None:
    assert said(html) == expected


@pytest.mark.parametrize(
    ("html", "policy"),
    [
        ("", None),
        ("<meta name=referrer content=no-referrer>", P.NO_REFERRER),
        ("<META NAME=Referrer CONTENT=' Same-Origin '>", P.SAME_ORIGIN),
        ("<meta name=referrer content=never>", P.NO_REFERRER),
        ("<meta name=referrer content=origin-when-crossorigin>", P.ORIGIN_WHEN_CROSS_ORIGIN),
        ("<meta name=referrer content=nonsense>", None),
        ("<meta name=referrer content=origin><meta name=referrer content=unsafe-url>", P.UNSAFE_URL),
        ("<meta name=description content=origin>", None),
    ],
)
def test_a_page_declares_its_policy(html: str, policy: ReferrerPolicy | None) -> None:
    assert extract(html.encode(), content_type="text/html", base_url="http://h.test/").referrer_policy is policy


def test_what_a_playlist_names_is_fetched_for_a_player() -> None:
    page = documents.references(b"#EXTM3U\na.ts\n", DocumentKind.PLAYLIST, content_type=None, base_url="http://h.test/")
    assert set(page.asked_as.values()) == {AskedAs(D.EMPTY)}
