"""What a link probably leads to, by the ending of its path."""

from __future__ import annotations

import pytest
from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.visiting.visit import expected_kind


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("http://example.com/", LinkKind.PAGE),
        ("http://example.com/a", LinkKind.PAGE),
        ("http://example.com/a.html", LinkKind.PAGE),
        ("http://example.com/a.html.gz", LinkKind.PAGE),
        ("http://example.com/a.xhtml", LinkKind.PAGE),
        ("http://example.com/a.php?file=b.jpg", LinkKind.PAGE),
        ("http://example.com/a.jpg/b", LinkKind.PAGE),
        ("http://example.com/.jpg", LinkKind.PAGE),  # a name that begins with a dot is all name
        ("http://example.com/a.JPG", LinkKind.FILE),
        ("http://example.com/.a.jpg", LinkKind.FILE),
        ("http://example.com/a.b.jpg?c=d", LinkKind.FILE),
        ("http://example.com/a.data:.jpg", LinkKind.FILE),  # no scheme
        ("http://example.com/a.tgz", LinkKind.FILE),
        *(
            (f"http://example.com/a.{ending}", LinkKind.FILE)
            for ending in ("7z", "Rar", "tar.zst", "b.c.cbr", "gz", "cbt")
        ),
        *(
            (f"http://example.com/a.{ending}", LinkKind.FILE)
            for ending in ("part01.rar", "r00", "z01", "7z.001", "zip.002")
        ),
        ("http://example.com/a.7zip", LinkKind.PAGE),
        ("http://example.com/7z", LinkKind.PAGE),
    ],
)
def test_a_link_to_a_file_s_ending_is_expected_to_be_a_file(url: str, kind: LinkKind) -> None:
    assert expected_kind(url, LinkKind.PAGE) is kind


def test_what_a_page_shows_is_a_file_whatever_its_ending_is() -> None:
    assert expected_kind("http://example.com/a.html", LinkKind.FILE) is LinkKind.FILE
