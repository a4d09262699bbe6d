"""An HLS playlist leads to its segments and other playlists, and to no key."""

from __future__ import annotations

import pytest
from calibration import LINEAR, measured
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.bodies.document_kinds import DocumentKind
from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.links.documents import references
from orbweaver.crawler.links.found_links import PageLinks

URL = "http://host.test/a.m3u8?token=x%2Fy&empty="


def look(text: str, **imported: str) -> PageLinks:
    return references(text.encode(), DocumentKind.PLAYLIST, content_type=None, base_url=URL, imported=imported)


def found_in(text: str, **imported: str) -> list[str]:
    page = look(text, **imported)
    assert {link.kind for link in page.links} <= {LinkKind.FILE}
    return [link.reference for link in page.links]


def test_a_master_playlist_names_its_variants_and_renditions() -> None:
    assert found_in(
        """#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="English, loud",URI="audio/en.m3u8"
#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="cc",INSTREAM-ID="CC1"
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=86000,URI="low/iframe.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=1280000,CODECS="avc1,mp4a"
low/index.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=2560000
mid/index.m3u8?token=a,b
"""
    ) == ["audio/en.m3u8", "low/iframe.m3u8", "low/index.m3u8", "mid/index.m3u8?token=a,b"]


def test_a_media_playlist_names_its_segments_each_once_and_no_key() -> None:
    assert found_in(
        """#EXTM3U\r
#EXT-X-KEY:METHOD=AES-128,URI="key.bin"\r
#EXT-X-SESSION-KEY:METHOD=AES-128,URI="key2.bin"\r
#EXT-X-MAP:URI="init.mp4",BYTERANGE="720@0"\r
#EXTINF:4.0,\r
#EXT-X-BYTERANGE:100@0\r
all.ts\r
#EXTINF:4.0,a title with URI="x.ts"\r
#EXT-X-BYTERANGE:100@100\r
all.ts\r
#EXT-X-PART:DURATION=0.5,URI="part.mp4"\r
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="next.mp4"\r
# a comment\r
#EXT-X-ENDLIST\r
"""
    ) == ["init.mp4", "all.ts", "part.mp4", "next.mp4"]


def test_variables_are_filled_in_and_cannot_multiply_a_reference() -> None:
    many = "{$v}" * 2_000
    text = f'#EXTM3U\n#EXT-X-DEFINE:NAME="host",VALUE="http://h.test"\n#EXT-X-DEFINE:NAME="v",VALUE="{"x" * 900}"\n'
    assert found_in(f"{text}{{$host}}/a.ts\n{many}\n") == ["http://h.test/a.ts"]


def test_variables_come_from_the_playlist_that_names_it_and_from_its_own_url() -> None:
    text = '#EXTM3U\n#EXT-X-DEFINE:IMPORT="host"\n#EXT-X-DEFINE:QUERYPARAM="token"\n{$host}/a.ts?t={$token}\n'
    assert found_in(text, host="http://h.test", other="x") == ["http://h.test/a.ts?t=x/y"]
    assert look(text, host="http://h.test", other="x").variables == {"host": "http://h.test", "token": "x/y"}


@pytest.mark.parametrize("defined", ['IMPORT="host"', 'QUERYPARAM="host"', 'NAME="other",VALUE="x"'])
def test_a_file_behind_a_variable_that_nobody_defines_is_said(defined: str) -> None:
    page = look(f"#EXTM3U\n#EXT-X-DEFINE:{defined}\n{{$host}}/a.ts\n{{$host}}/b.ts\nc.ts\n")
    assert [link.reference for link in page.links] == ["c.ts"]
    assert [note.rule for note in page.notes] == ["playlist.variable"]


def test_variables_are_bounded() -> None:
    text = "".join(f'#EXT-X-DEFINE:NAME="{number}",VALUE="{"x" * 1_000}"\n' for number in range(200))
    assert sum(map(len, look(text).variables.values())) <= 16_384


def test_what_is_shown_between_parts_of_the_stream_is_named() -> None:
    text = '#EXTM3U\n#EXT-X-DATERANGE:ID="a",CLASS="b",X-ASSET-URI="ad.m3u8",X-ASSET-LIST="b.json"\n'
    text += '#EXT-X-SESSION-DATA:DATA-ID="a",URI="c.jpg"\n#EXT-X-CONTENT-STEERING:SERVER-URI="d",PATHWAY-ID="e"\n'
    assert found_in(text) == ["ad.m3u8", "b.json", "c.jpg"]


def test_a_list_without_tags_is_a_playlist_of_its_lines() -> None:
    assert found_in("a.mp3\n\nhttp://other.test/b.mp3\n") == ["a.mp3", "http://other.test/b.mp3"]


@given(
    st.text(),
    st.lists(
        st.sampled_from(
            [
                "#EXT-X-MEDIA:",
                'QUERYPARAM="token"',
                'IMPORT="A"',
                'URI="',
                "NAME=",
                ",",
                "A",
                "{$A}",
                "#EXT-X-DEFINE:",
                "\n",
            ]
        )
    ),
)
def test_any_text_is_read_without_failing(text: str, parts: list[str]) -> None:
    found_in(text + "\n" + "".join(parts))


def test_two_megabytes_of_malice_take_reasonable_time() -> None:
    with measured() as cost:
        for part in (
            "#EXT-X-MEDIA:" + "A" * 8_000 + "\n",
            '#EXT-X-MEDIA:URI="' + "\n",
            "A=" * 4_000 + "\n",
            "#" * 8_000 + "\n",
        ):
            found_in("#EXTM3U\n" + part * (2_000_000 // len(part)))
    assert cost.units < LINEAR
