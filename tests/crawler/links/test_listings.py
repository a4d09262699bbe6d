"""Listings for programs: each entry is a file or a folder, and a long listing is followed to its end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.bodies.document_kinds import DocumentKind
from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.links.documents import references

PAGE, FILE = LinkKind.PAGE, LinkKind.FILE
XML = '<?xml version="1.0"?>'


def entries(kind: DocumentKind, text: str, url: str = "http://h.test/media/") -> list[tuple[str, LinkKind]]:
    page = references(text.encode(), kind, content_type=None, base_url=url)
    return [(link.reference, link.kind) for link in page.links]


def test_the_json_of_nginx_names_files_and_folders() -> None:
    text = (
        '[\n{ "name":"a b?", "type":"directory", "mtime":"x" },\n{ "name":"c\\"\\u00e9", "type":"file", "size":1 }\n]'
    )
    assert entries(DocumentKind.TEXT, text) == [("a%20b%3F/", PAGE), ("c%22%C3%A9", FILE)]
    assert entries(DocumentKind.TEXT, '[{"name":"a","type":"person"},{"name":"b","type":"file"}]') == []
    assert entries(DocumentKind.TEXT, '{"x":[{"name":"b","type":"file"}]}') == []


def test_the_xml_of_nginx_names_files_and_folders() -> None:
    text = XML + '<list><directory mtime="x">a b</directory><file mtime="x" size="1">c&amp;d</file><directory/></list>'
    assert entries(DocumentKind.XML, text) == [("a%20b/", PAGE), ("c%26d", FILE)]
    assert entries(DocumentKind.XML, XML + "<other><file>c</file></other>") == []


BUCKET = (
    "<Contents><Key>p/a b.jpg</Key></Contents><Contents><Key>p/</Key></Contents><Contents><Key>p/c</Key></Contents>"
)


@pytest.mark.parametrize(
    ("inside", "url", "expected"),
    [
        (BUCKET, "http://h.test/", [("/p/a%20b.jpg", FILE), ("/p/c", FILE)]),
        (BUCKET, "http://h.test/bucket?prefix=p%2F", [("/bucket/p/a%20b.jpg", FILE), ("/bucket/p/c", FILE)]),
        (
            "<Prefix>p/</Prefix><CommonPrefixes><Prefix>p/q/</Prefix></CommonPrefixes>",
            "http://h.test/?prefix=p%2F&delimiter=%2F&marker=x",
            [("/?prefix=p%2Fq%2F&delimiter=%2F", PAGE)],
        ),
        (
            "<IsTruncated>true</IsTruncated><NextMarker>p/a &amp; b</NextMarker>",
            "http://h.test/?marker=o&max-keys=9",
            [("/?max-keys=9&marker=p%2Fa%20%26%20b", PAGE)],
        ),
        (
            "<Contents><Key>a</Key></Contents><IsTruncated>true</IsTruncated>",
            "http://h.test/",
            [("/a", FILE), ("/?marker=a", PAGE)],
        ),
        (
            "<IsTruncated>true</IsTruncated><NextContinuationToken>t=</NextContinuationToken>",
            "http://h.test/?list-type=2&continuation-token=s",
            [("/?list-type=2&continuation-token=t%3D", PAGE)],
        ),
        ("<IsTruncated>false</IsTruncated><NextMarker>a</NextMarker>", "http://h.test/", []),
    ],
)
def test_a_bucket_is_followed_to_its_end(inside: str, url: str, expected: list[tuple[str, LinkKind]]) -> None:
    text = f'{XML}<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{inside}</ListBucketResult>'
    assert entries(DocumentKind.XML, text, url) == expected


def test_a_container_is_followed_to_its_end() -> None:
    text = (
        "<EnumerationResults><Blobs><Blob><Name>a b</Name></Blob><BlobPrefix><Name>c/</Name></BlobPrefix></Blobs>"
        "<NextMarker>2!m</NextMarker></EnumerationResults>"
    )
    assert entries(DocumentKind.XML, XML + text, "http://h.test/box?restype=container&comp=list") == [
        ("/box/a%20b", FILE),
        ("/box/?restype=container&comp=list&prefix=c%2F", PAGE),
        ("/box/?restype=container&comp=list&marker=2%21m", PAGE),
    ]


def test_more_entries_than_the_limit_are_cut_and_said() -> None:
    text = "[" + ",".join(f'{{"name":"{number}","type":"file"}}' for number in range(20)) + "]"
    page = references(text.encode(), DocumentKind.TEXT, content_type=None, base_url="http://h.test/", max_links=5)
    assert (len(page.links), page.is_truncated) == (5, True)


@given(st.lists(st.sampled_from(["<list>", "<ListBucketResult>", "<Key>", "a", "</Key>", "<file>", "<NextMarker>", "/",
                                 '[{"name":"', '","type":"file"}', "<IsTruncated>true", "\\", "\ud800"])))  # fmt: skip
def test_any_listing_is_read_without_failing(parts: list[str]) -> None:
    body = "".join(parts).encode("utf-8", "surrogatepass")
    for kind in (DocumentKind.XML, DocumentKind.TEXT):
        references(body, kind, content_type=None, base_url="http://h.test/?" + "&".join("a" * 200))
