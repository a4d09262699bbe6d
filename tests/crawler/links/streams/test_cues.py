"""The cues of a WebVTT file lead to the pictures that players take from them, and the text of subtitles to none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.bodies.document_kinds import DocumentKind
from orbweaver.crawler.links.documents import references


def found_in(text: str) -> list[str]:
    page = references(text.encode(), DocumentKind.CUES, content_type="text/vtt", base_url="http://host.test/a/b.vtt")
    return [link.reference for link in [*page.links, *page.candidates]]


@pytest.mark.parametrize(
    ("cue", "found"),
    [
        ("sprite.jpg#xywh=0,0,160,90", ["sprite.jpg#xywh=0,0,160,90"]),
        ("thumbs/a b.jpg#xywh=0,0,1,1", ["thumbs/a b.jpg#xywh=0,0,1,1"]),
        ("../t/1.webp?v=2", ["../t/1.webp?v=2"]),
        ("https://cdn.test/thumb/12", ["https://cdn.test/thumb/12"]),
        ("/storyboard?n=1#xywh=160,0,160,90", ["/storyboard?n=1#xywh=160,0,160,90"]),
        ('{"title": "One", "image": "http://host.test/c.jpg"}', ["http://host.test/c.jpg"]),
        ("a.jpg\nb.jpg", ["a.jpg", "b.jpg"]),
        # words
        ("Look at photo.jpg", []),
        ("<v Anna>Hello", []),
        ("Hello.", []),
        ("https://a.test/ and more", []),
    ],
)
def test_what_a_cue_names(cue: str, found: list[str]) -> None:
    assert found_in(f"WEBVTT\n\n1\n00:00.000 --> 00:05.000 align:left\n{cue}\n") == found
    assert found_in(f"1\n00:00:00,000 --> 00:00:05,000\n{cue}\n\n") == found


def test_only_cues_are_read() -> None:
    assert found_in("WEBVTT a.jpg\n\nNOTE\nb.jpg\n\nc.jpg\n00:00.000 --> 00:05.000\nd.jpg\n\ne.jpg\n") == ["d.jpg"]


@given(st.text(), st.lists(st.sampled_from(["0 --> 1", "a.jpg", "#xywh=", "{", '"', "\n", "NOTE", " "])))
def test_any_text_is_read_without_failing(text: str, parts: list[str]) -> None:
    found_in(text + "\n" + "".join(parts))
