"""A Smooth Streaming manifest leads to every fragment of every quality, within a limit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.bodies.document_kinds import DocumentKind
from orbweaver.crawler.links.documents import references
from orbweaver.crawler.links.found_links import PageLinks
from orbweaver.crawler.links.streams.manifests import MOST_SEGMENTS

TEMPLATE = "QualityLevels({bitrate})/Fragments(video={start time})"


def look(inside: str, encoding: str = "utf-8") -> PageLinks:
    text = f"\ufeff<SmoothStreamingMedia>{inside}</SmoothStreamingMedia>"
    url = "http://host.test/a.ism/Manifest"
    return references(
        text.encode(encoding), DocumentKind.SMOOTH_STREAMS, content_type=None, base_url=url, max_links=20_000
    )


def found_in(inside: str, encoding: str = "utf-8") -> list[str]:
    return [link.reference for link in look(inside, encoding).links]


def test_each_quality_has_each_fragment() -> None:
    inside = (
        f'<StreamIndex Type="video" Url="{TEMPLATE}"><QualityLevel Bitrate="500"/><QualityLevel Bitrate="900"/>'
        '<c t="10" d="5"/><c d="5" r="2"/><c t="100"/></StreamIndex>'
    )
    expected = [f"QualityLevels({rate})/Fragments(video={time})" for rate in (500, 900) for time in (10, 15, 20, 100)]
    assert found_in(inside) == found_in(inside, "utf-16-le") == expected


def test_fragments_are_bounded_and_said_to_be() -> None:
    qualities = "".join(f'<QualityLevel Bitrate="{number}"/>' for number in range(300))
    page = look(f'<StreamIndex Url="{TEMPLATE}">{qualities}<c d="1" r="999999999"/></StreamIndex>' * 3)
    assert page.is_truncated
    assert len(page.links) <= MOST_SEGMENTS


@given(
    st.lists(st.sampled_from([f"<StreamIndex Url='{TEMPLATE}'>", "<c t='1' d='2' r='3'/>", "<QualityLevel/>", "<c/>"]))
)
def test_any_manifest_is_read_without_failing(parts: list[str]) -> None:
    found_in("".join(parts))
