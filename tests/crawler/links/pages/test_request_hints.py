"""An element says as what its reference is asked for, and how much of the page's URL may be said."""

from __future__ import annotations

import pytest
from orbweaver.crawler.asked_as import AskedAs, Destination, ReferrerPolicy
from orbweaver.crawler.bodies.document_kinds import DocumentKind
from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.links import documents
from orbweaver.crawler.links.pages.html import extract
from orbweaver.crawler.visiting.request_manner import destination_of
from orbweaver.crawler.visiting.visit import Visit

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
        ("<source src=a.mp3>", [("a.mp3", AskedAs(D.AUDIO))]),
        ("<picture><source srcset=a></picture>", []),
        ("<embed src=a><object data=b>", [("a", AskedAs(D.EMBED)), ("b", AskedAs(D.OBJECT))]),
        ("<iframe src=a></iframe>", [("a", AskedAs(D.IFRAME))]),
        ("<frame src=a>", [("a", AskedAs(D.FRAME))]),
        ("<link rel=stylesheet href=a>", [("a", AskedAs(D.STYLE))]),
        ("<link rel=preload as=video href=a>", [("a", AskedAs(D.VIDEO))]),
        ("<link rel=preload as=image href=a>", [("a", AskedAs(D.IMAGE))]),
        ("<link rel=manifest href=a>", [("a", AskedAs(D.MANIFEST))]),
        ("<link rel='shortcut icon' href=a.zip>", [("a.zip", AskedAs(D.IMAGE))]),
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


# As Chromium 156 asked for each reference on loopback, with `Sec-Fetch-Dest`; the endings are those of other kinds.
AS_CHROMIUM = (
    *((f"<{name} src=REFERENCE>", D.IMAGE) for name in ("img", "input type=image", "image")),
    *((f"<svg><{name} href=REFERENCE /></svg>", D.IMAGE) for name in ("image", "use", "feImage")),
    *(("<svg><image xlink:href=REFERENCE /></svg>", D.IMAGE), ("<video poster=REFERENCE></video>", D.IMAGE)),
    *(("<img srcset='REFERENCE 1x'>", D.IMAGE), ("<picture><source srcset='REFERENCE 1x'></picture>", D.IMAGE)),
    *(("<link rel=icon href=REFERENCE>", D.IMAGE), ("<link rel=preload as=image imagesrcset=REFERENCE>", D.IMAGE)),
    *(("<link rel=stylesheet href=REFERENCE>", D.STYLE), ("<link rel=manifest href=REFERENCE>", D.MANIFEST)),
    *((f"<link rel=preload as={name} href=REFERENCE>", D(name)) for name in ("image", "style", "track")),
    *((f"<{name} src=REFERENCE></{name}>", D(name)) for name in ("audio", "embed", "iframe", "track", "video")),
    *(("<object data=REFERENCE></object>", D.OBJECT), ("<frameset><frame src=REFERENCE></frameset>", D.FRAME)),
    ("<audio><source type=audio/ogg src=REFERENCE></audio>", D.AUDIO),
)


@pytest.mark.parametrize(
    "reference", ["/f/a", "/f/a.zip", "/f/c", "/f/mp4", "/f/a.css", "/f/a.mp4", "/f/a.php?b=c.mp3"]
)
def test_the_ending_of_a_reference_changes_nothing_of_what_its_element_says(reference: str) -> None:
    for html, destination in AS_CHROMIUM:
        page = extract(
            html.replace("REFERENCE", reference).encode(), content_type="text/html", base_url="http://h.test/"
        )
        links = [link for link in page.links if link.reference == reference]
        assert links, html
        for link in links:
            said = page.asked_as.get(link, AskedAs())
            visit = Visit(f"http://h.test{reference}", link.kind, is_embed=link.kind is LinkKind.FILE, asked_as=said)
            assert destination_of(visit) is destination, html


def test_a_file_of_which_nothing_says_what_it_is_is_asked_for_as_an_image() -> None:
    asked = {
        "/f/a": D.IMAGE,
        "/f/mp4": D.IMAGE,
        "/a.b/c": D.IMAGE,
        "/a.css?b": D.STYLE,
        "/a.woff2": D.FONT,
        "/a.mp3": D.AUDIO,
    }
    for path, destination in asked.items():
        visit = Visit(f"http://h.test{path}", LinkKind.FILE, is_embed=True)
        assert destination_of(visit) is destination, path
