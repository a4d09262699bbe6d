"""Sitemaps and feeds lead to pages, to the files that they enclose and to what their HTML shows."""

from __future__ import annotations

import pytest
from orbweaver.crawler.bodies.document_kinds import DocumentKind
from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.links.documents import references

PAGE, FILE = LinkKind.PAGE, LinkKind.FILE
URL = "http://host.test/feed"


def found_in(kind: DocumentKind, text: str) -> list[tuple[str, LinkKind]]:
    page = references(text.encode(), kind, content_type=None, base_url=URL)
    return [(link.reference.strip(), link.kind) for link in page.links]


def test_a_sitemap_names_pages_images_and_videos() -> None:
    assert found_in(
        DocumentKind.SITEMAP,
        """<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"
            xmlns:image="i" xmlns:video="v" xmlns:xhtml="x"><url>
            <loc> http://host.test/a?b=1&amp;c=2 </loc><lastmod>2020-01-01</lastmod>
            <xhtml:link rel="alternate" hreflang="de" href="http://host.test/de"/>
            <image:image><image:loc>http://host.test/a.jpg</image:loc></image:image>
            <video:video><video:thumbnail_loc>t.jpg</video:thumbnail_loc><video:content_loc>v.mp4</video:content_loc>
            <video:player_loc>player</video:player_loc></video:video>
            </url><url><loc><![CDATA[http://host.test/b]]></loc></url></urlset>""",
    ) == [
        ("http://host.test/a?b=1&c=2", PAGE),
        ("http://host.test/de", PAGE),
        ("http://host.test/a.jpg", FILE),
        ("t.jpg", FILE),
        ("v.mp4", FILE),
        ("player", PAGE),
        ("http://host.test/b", PAGE),
    ]


def test_an_index_names_other_sitemaps() -> None:
    index = "<sitemapindex><sitemap><loc>1.xml</loc></sitemap><sitemap><loc>2.xml.gz</loc></sitemap></sitemapindex>"
    assert found_in(DocumentKind.SITEMAP, index) == [("1.xml", PAGE), ("2.xml.gz", PAGE)]


def test_a_sitemap_may_have_fifty_thousand_urls_and_no_more() -> None:
    text = "".join(f"<loc>/{number}</loc>" for number in range(50_001))
    whole = references(text[: text.rindex("<loc>")].encode(), DocumentKind.SITEMAP, content_type=None, base_url=URL)
    assert (len(whole.links), whole.is_truncated) == (50_000, False)
    cut = references(text.encode(), DocumentKind.SITEMAP, content_type=None, base_url=URL)
    assert (len(cut.links), cut.is_truncated) == (50_000, True)


def test_a_list_of_urls_has_one_a_line() -> None:
    text = "\ufeffhttp://host.test/a\r\n\r\nhttp://host.test/b"
    assert found_in(DocumentKind.URL_LIST, text) == [("http://host.test/a", PAGE), ("http://host.test/b", PAGE)]


def test_an_rss_feed_names_pages_and_files() -> None:
    assert found_in(
        DocumentKind.FEED,
        """<rss xmlns:media="m" xmlns:itunes="i" xmlns:content="c" xmlns:atom="a"><channel><link>http://host.test/</link>
            <atom:link rel="self" href="http://host.test/rss"/><atom:link rel="next" href="?page=2"/>
            <image><url>logo.png</url><link>http://host.test/</link></image><itunes:image href="cover.jpg"/>
            <item><title>&lt;b&gt;</title><guid isPermaLink="false">id:1</guid><guid>http://host.test/1</guid>
            <enclosure url="a.mp3" length="1" type="audio/mpeg"/>
            <podcast:alternateEnclosure><podcast:source uri="b.opus"/></podcast:alternateEnclosure>
            <image rdf:resource="r.png"/>
            <media:content url="a.mp4"/><media:thumbnail url="t.jpg"/><media:player url="play"/>
            <description>&lt;img src="d.jpg"&gt; words</description>
            <content:encoded><![CDATA[<a href="more"><img srcset="e.jpg 2x"></a>]]></content:encoded>
            </item></channel></rss>""",
    ) == [
        ("http://host.test/", PAGE),
        ("?page=2", PAGE),
        ("logo.png", FILE),
        ("cover.jpg", FILE),
        ("http://host.test/1", PAGE),
        ("a.mp3", FILE),
        ("b.opus", FILE),
        ("r.png", FILE),
        ("a.mp4", FILE),
        ("t.jpg", FILE),
        ("play", PAGE),
        ("d.jpg", FILE),
        ("more", PAGE),
        ("e.jpg", FILE),
    ]


def test_an_atom_feed_names_pages_and_files_and_nothing_to_edit() -> None:
    assert found_in(
        DocumentKind.FEED,
        """<feed xmlns="http://www.w3.org/2005/Atom"><icon>i.png</icon><logo>l.png</logo>
            <link rel="self" href="http://host.test/feed.atom"/><link rel="hub" href="http://hub.test/"/>
            <entry><link href="1.html"/><link rel="edit" href="edit/1"/><link rel="enclosure" href="a.mp4"/>
            <link rel="http://opds-spec.org/image/thumbnail" href="t.png"/>
            <content type="image/png" src="c.png"/>
            <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><img src="x.png"/></div></content>
            <summary type="html">&lt;img src=s.png&gt;</summary></entry></feed>""",
    ) == [
        ("i.png", FILE),
        ("l.png", FILE),
        ("1.html", PAGE),
        ("a.mp4", FILE),
        ("t.png", FILE),
        ("c.png", FILE),
        ("x.png", FILE),
        ("s.png", FILE),
    ]


def test_the_base_of_an_atom_feed_is_that_of_its_references() -> None:
    feed = b'<feed xmlns="http://www.w3.org/2005/Atom" xml:base="/blog/"><logo>l.png</logo></feed>'
    found = references(feed, DocumentKind.FEED, content_type=None, base_url="http://host.test/atom.xml")
    assert found.base == "/blog/"


@pytest.mark.parametrize("kind", [DocumentKind.SITEMAP, DocumentKind.FEED])
def test_a_file_in_an_entry_is_found_as_a_file(kind: DocumentKind) -> None:
    text = "<loc>data:,x</loc><link>data:,x</link>"
    page = references(text.encode(), kind, content_type=None, base_url=URL)
    assert [embedded.data for embedded in page.data_uris] == [b"x"]
