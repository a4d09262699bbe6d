"""Style sheets, SVG, sitemaps, feeds, playlists. Input: one byte for the kind, one to repeat the rest, the document."""

from __future__ import annotations

from orbweaver.crawler.bodies.document_kinds import DocumentKind, recognise
from orbweaver.crawler.bodies.sniff import sniff
from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.links.documents import references
from orbweaver.crawler.rules.urls import canonicalise, join

from fuzz.promises import in_time_for, stretched

PAGE = "http://www.example.com/a/b.xml?c"
MOST_LINKS = 500
KINDS = tuple(DocumentKind)
TOKENS = (
    *(b"<?xml version='1.0'?>", b"<!DOCTYPE a [", b"<!ENTITY b 'c'>", b"&b;", b"]>", b"<![CDATA[", b"]]>"),
    *(b"<!--", b"-->", b"<urlset>", b"<sitemapindex>", b"<url>", b"<loc>", b"</loc>", b"<image:loc>"),
    *(b"<video:content_loc>", b"<xhtml:link", b"<rss>", b"<channel>", b"<item>", b"<link>", b"<enclosure url="),
    *(b"<feed>", b"<entry>", b"<content src=", b"<guid>", b"<svg xmlns='x'>", b"<image href="),
    *(b"<use xlink:href=", b"<style>", b"<?xml-stylesheet href=", b"<media:content", b"#EXTM3U\n"),
    *(b"#EXT-X-STREAM-INF:", b"#EXT-X-MEDIA:URI=", b"#EXT-X-KEY:METHOD=AES-128,URI=", b"#EXTINF:1,\n"),
    *(b"#EXT-X-MAP:URI=", b"#EXT-X-BYTERANGE:", b"#EXT-X-PART:", b"#EXT-X-DEFINE:NAME=a,VALUE=", b"{$a}", b"\\"),
    *(b"\x00", b"<MPD>", b"<BaseURL>", b"<SegmentTemplate media=", b"$Number%05d$", b"$Time$"),
    *(b"$RepresentationID$", b"startNumber=", b"<SegmentTimeline>", b"<S t=0 d=1 r=", b"999999999"),
    *(
        b"<SmoothStreamingMedia>",
        b"<StreamIndex Url=",
        b"<QualityLevel Bitrate=",
        b"<c t=",
        b"{bitrate}",
        b"{start time}",
    ),
    *(b"WEBVTT\n\n", b"0 --> 1\n", b"a.jpg#xywh=0,0,1,1", b"NOTE\n", b'{"version":"https://jsonfeed.org/version/1",'),
    *(b'"url":"', b'"content_html":"', b'"attachments":[', b"]", b'"icons":[', b'"src":"', b"\\ud800"),
    *(b'IMPORT="a"', b'QUERYPARAM="c"', b'@charset "utf-8";', b"X-ASSET-URI=", b"<Period xlink:href=", b"index="),
    *(b"<ListBucketResult><Key>", b".jpg</Key>", b'"a.jpg"', b"\\/"),
    *(b"<SegmentURL media=", b"<Period duration=PT", b"1e9S", b"/>", b"@import ", b"url(", b")", b"image-set("),
    *(b"MIME-Version: 1.0\n", b"Content-Type: multipart/mixed; boundary=b\n\n", b"--b\r\n", b"\n--b--\n", b"From a\n"),
    *(b"Content-Type: image/png\n", b"Content-Transfer-Encoding: base64\n\n", b"Content-Length: 3\n\n", b"AAAA"),
    *(b'"', b"'", b"=", b"http://", b"//", b"/", b"..", b" ", b"\n", b"seg.ts"),
)


def check(data: bytes) -> None:
    kind = KINDS[data[0] % len(KINDS)] if data else KINDS[0]
    body = stretched(data[1:])
    with in_time_for(body):
        recognise(None, sniff(body), body)
        found = references(body, kind, content_type=None, base_url=PAGE, max_links=MOST_LINKS)
    if kind not in {DocumentKind.SITEMAP, DocumentKind.URL_LIST}:
        assert len(found.links) + len(found.data_uris) <= MOST_LINKS
    base = _joined(PAGE, found.base) if found.base is not None else None
    for link in found.links[:MOST_LINKS]:
        assert link.reference.strip()
        _joined(base or PAGE, link.reference)


def _joined(base: str, reference: str) -> str | None:
    try:
        url = join(base, reference)
    except UrlRefused:
        return None
    assert canonicalise(url) == url
    return url
