"""A DASH manifest leads to every segment that its templates, lists and timelines stand for, within a limit."""

from __future__ import annotations

import pytest
from calibration import LINEAR, measured
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.bodies.document_kinds import DocumentKind
from orbweaver.crawler.links.documents import references
from orbweaver.crawler.links.found_links import PageLinks
from orbweaver.crawler.links.streams.manifests import MOST_SEGMENTS


def look(text: str, max_links: int = 20_000) -> PageLinks:
    return references(
        text.encode(), DocumentKind.MANIFEST, content_type=None, base_url="http://host.test/a.mpd", max_links=max_links
    )


def found_in(text: str) -> list[str]:
    return [link.reference for link in look(text).links]


def manifest(inside: str, duration: str = "PT20S") -> str:
    return f'<MPD mediaPresentationDuration="{duration}"><Period><AdaptationSet>{inside}</AdaptationSet></Period></MPD>'


def test_numbers_are_counted_out_for_each_representation() -> None:
    assert found_in(
        manifest(
            '<SegmentTemplate media="$RepresentationID$/s-$Number%04d$.m4s"'
            ' initialization="$RepresentationID$/init.mp4" duration="96000" timescale="12000" startNumber="7"/>'
            '<Representation id="a" bandwidth="1"/><Representation id="b" bandwidth="2"/>'
        )
    ) == [
        *("a/init.mp4", "a/s-0007.m4s", "a/s-0008.m4s", "a/s-0009.m4s"),
        *("b/init.mp4", "b/s-0007.m4s", "b/s-0008.m4s", "b/s-0009.m4s"),
    ]


def test_times_follow_the_timeline() -> None:
    assert found_in(
        manifest(
            '<Representation id="v" bandwidth="5"><BaseURL>video/</BaseURL>'
            '<SegmentTemplate media="$Bandwidth$-$Time$-$$.m4s" timescale="10"><SegmentTimeline>'
            '<S t="5" d="10" r="1"/><S d="20"/><S t="100" d="50" r="-1"/></SegmentTimeline></SegmentTemplate>'
            "</Representation>"
        )
    ) == [f"video/5-{moment}-$.m4s" for moment in (5, 15, 25, 100, 150)]


def test_a_run_repeats_until_the_next_begins() -> None:
    timeline = '<S t="0" d="2" r="-1"/><S t="6" d="4"/>'
    template = f'<SegmentTemplate media="$Time$"><SegmentTimeline>{timeline}</SegmentTimeline></SegmentTemplate>'
    assert found_in(manifest(f"<Representation>{template}</Representation>")) == ["0", "2", "4", "6"]


def test_lists_and_single_files_are_named_as_they_are() -> None:
    assert found_in(
        "<MPD><BaseURL>http://host.test/x/</BaseURL><BaseURL>http://mirror.test/x/</BaseURL><Period><AdaptationSet>"
        '<Representation><BaseURL>whole.mp4</BaseURL><SegmentBase><Initialization range="0-99"/></SegmentBase>'
        '</Representation><Representation><SegmentList><Initialization sourceURL="i.mp4"/>'
        '<SegmentURL media="1.m4s"/><SegmentURL media="2.m4s"/></SegmentList></Representation>'
        "</AdaptationSet></Period></MPD>"
    ) == [f"http://host.test/x/{name}" for name in ("whole.mp4", "i.mp4", "1.m4s", "2.m4s")]


def test_a_template_without_a_number_is_one_file() -> None:
    inside = '<Representation id="r"><SegmentTemplate media="$RepresentationID$.mp4" duration="1"/></Representation>'
    assert found_in(manifest(inside)) == ["r.mp4"]


def test_the_first_segments_of_a_stream_without_end_are_named() -> None:
    inside = '<SegmentTemplate media="$Number$.m4s" duration="1"/><Representation id="r"/>'
    assert found_in(manifest(inside, "unknown")) == ["1.m4s", "2.m4s", "3.m4s"]


def test_a_stream_without_end_is_said() -> None:
    inside = '<SegmentTemplate media="$Number$.m4s" duration="1"/><Representation id="r"/>'
    assert [note.rule for note in look(manifest(inside, "unknown")).notes] == ["manifest.live"]
    assert look(manifest(inside)).notes == ()


def test_several_bases_count_when_they_are_on_the_host_of_the_manifest() -> None:
    assert found_in(
        "<MPD><BaseURL>http://cdn.test/x/</BaseURL><BaseURL>http://mirror.test/x/</BaseURL><BaseURL>y/</BaseURL>"
        "<BaseURL>http://host.test/z/</BaseURL><Period><AdaptationSet><Representation><BaseURL>a/</BaseURL>"
        '<SegmentList><SegmentURL media="1.m4s"/></SegmentList></Representation></AdaptationSet></Period></MPD>'
    ) == ["http://cdn.test/x/a/1.m4s", "y/a/1.m4s", "http://host.test/z/a/1.m4s"]


def test_bases_do_not_multiply() -> None:
    bases = "".join(f"<BaseURL>{number}/</BaseURL>" for number in range(50))
    text = f"<MPD>{bases}<Period>{bases}<AdaptationSet>{bases}<Representation>{bases}<BaseURL>a.mp4</BaseURL>"
    assert len(found_in(text + "</Representation></AdaptationSet></Period></MPD>")) <= 4


def test_parts_of_a_manifest_that_are_other_files_are_named() -> None:
    assert found_in(
        '<MPD><Location>now.mpd</Location><PatchLocation>patch.mpp</PatchLocation><Period xlink:href="period.xml"/>'
        '<Period><AdaptationSet xlink:href="urn:mpeg:dash:resolve-to-zero:2013"/></Period></MPD>'
    ) == ["now.mpd", "patch.mpp", "period.xml", "urn:mpeg:dash:resolve-to-zero:2013"]


def test_indexes_and_switching_segments_are_named() -> None:
    inside = (
        '<SegmentTemplate media="$Number%d$.m4s" index="$Number%03d$.idx" bitstreamSwitching="$RepresentationID$.sw"'
        ' duration="20"/><Representation id="r"/>'
    )
    assert found_in(manifest(inside)) == ["r.sw", "1.m4s", "001.idx"]


@pytest.mark.parametrize(
    "template",
    [
        '<SegmentTemplate media="$Number$" duration="1" timescale="1000000"/>',
        '<SegmentTemplate media="$Number$" duration="1" endNumber="999999999999999999"/>',
        '<SegmentTemplate media="$Time$"><S d="1" r="999999999999999999"/></SegmentTemplate>',
        '<SegmentTemplate media="$Number$"><S d="0" r="99999999"/></SegmentTemplate>',
    ],
)
def test_segments_without_number_are_cut_and_said_so(template: str) -> None:
    page = look(manifest(f"{template}<Representation/>" + "<Representation/>" * 1_000))
    assert (len(page.links), page.is_truncated) == (MOST_SEGMENTS, True)


def test_representations_with_the_same_segments_cost_no_more_than_the_limit() -> None:
    template = '<SegmentTemplate media="$Number$" duration="1"/>'
    with measured() as cost:
        page = look(manifest(template + "<Representation/>" * 50_000, "PT9000S"))
    assert (len(page.links), page.is_truncated) == (9_000, True)
    assert cost.units < LINEAR


PARTS = """
<MPD> </MPD> <Period> </Period> <Representation> </Representation> <Period/> <Representation/> <SegmentList>
<SegmentTemplate media="$Number%09d$" duration="1"/> <SegmentTemplate media="$Time$"/> <S/> <S d="5" r="-1"/>
<S t="-9" d="-5" r="9"/> <BaseURL>http://[</BaseURL> <BaseURL>a/</BaseURL> <SegmentURL media="x"/>
<Period duration="PT5S"/> <MPD mediaPresentationDuration="PT">
"""


@given(st.lists(st.sampled_from(PARTS.split("\n")[1:-1] + PARTS.split()), max_size=30).map("".join))
def test_any_mix_of_elements_is_read_without_failing(text: str) -> None:
    look(text, max_links=200)


@pytest.mark.parametrize(
    "part", ["<Period>", "<S d='1'/>", "<BaseURL>a/</BaseURL>", "<SegmentTemplate a='b'/>", "<Representation/>"]
)
def test_a_quarter_of_a_megabyte_of_malice_takes_reasonable_time(part: str) -> None:
    with measured() as cost:
        look(part * (250_000 // len(part)))
    assert cost.units < LINEAR / 8  # for an eighth of the two megabytes
