"""NCMEC's query results: entries, deletions, feedback, paging; and XML that is refused."""

from __future__ import annotations

import io
import random
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from orbweaver.matcher_client.errors import BadFileError
from orbweaver.matcher_client.lists.file_format import Label
from orbweaver.matcher_client.lists.readers.ncmec import QueryResult
from orbweaver.matcher_client.lists.row import NO_DIGESTS, LeftOutRow, Read, RefusedRow, Row

RANDOM = random.Random("ncmec")
MD5, SHA1 = RANDOM.randbytes(16), RANDOM.randbytes(20)
NAMESPACE = "https://hashsharing.ncmec.org/hashsharing/v2"
NEXT = "/v2/entries?from=2017-10-20T00%3A00%3A00.000Z&to=2017-10-30T00%3A00%3A00.000Z&start=2001&size=1000&max=3000"


def page(images: str = "", videos: str = "", after: str = "") -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        f'<queryResult xmlns="{NAMESPACE}">\n<images count="2" maxTimestamp="2017-10-24T15:10:00Z">{images}</images>'
        f'<videos count="1" maxTimestamp="2017-10-24T15:20:00Z">{videos}</videos>{after}</queryResult>'
    )


def entry(
    fingerprints: str | None = None, *, classification: str = "<classification>A1</classification>", rest: str = ""
) -> str:
    fingerprints = f"<md5>{MD5.hex()}</md5><sha1>{SHA1.hex().upper()}</sha1>" if fingerprints is None else fingerprints
    return (
        '<image><member id="42">Example Member</member><timestamp>2017-10-24T15:00:00Z</timestamp><id>image1</id>'
        f"{classification}<fingerprints>{fingerprints}<pdna>a1a1...</pdna></fingerprints>{rest}</image>"
    )


def rows(text: str | bytes) -> list[Read]:
    return list(QueryResult(io.BytesIO(text.encode() if isinstance(text, str) else text), "page"))


AT = 1508857200000
KNOWN = Row((None, SHA1, MD5), Label("ncmec", "A1", "ncmec", None), None, "42/image1", AT)


def test_an_entry_keeps_what_it_says_and_its_id_names_the_member() -> None:
    assert rows(page(entry())) == [KNOWN]


def test_a_video_has_often_no_classification() -> None:
    text = page(videos=entry(classification="").replace("image>", "video>"))
    assert rows(text) == [KNOWN._replace(label=KNOWN.label._replace(category=None))]


@pytest.mark.parametrize("kind", ["Image", "Video"])
def test_a_deleted_entry_is_withdrawn_without_digests(kind: str) -> None:
    deleted = (
        f'<deleted{kind}><member id="43">Other</member><id>image4</id><timestamp>2017-10-24T15:00:00Z</timestamp>'
        f"</deleted{kind}>"
    )
    label = Label("ncmec", None, "ncmec", "withdrawn")
    assert rows(page(deleted)) == [Row(NO_DIGESTS, label, None, "43/image4", AT)]


@pytest.mark.parametrize(
    ("feedback", "status"),
    [
        ('<affirmativeFeedback type="Md5"><members><member id="1">x</member></members></affirmativeFeedback>', None),
        ('<negativeFeedback type="Sha1"><reasons><reason guid="g"/></reasons></negativeFeedback>', "disputed"),
        ('<negativeFeedback type="Md5"/>', "disputed"),
        ('<negativeFeedback type="PhotoDna"/>', None),
        ("", None),
    ],
)
def test_an_entry_that_a_member_doubts_is_disputed(feedback: str, status: str | None) -> None:
    (row,) = rows(page(entry(rest=f"<feedback>{feedback}</feedback>")))
    assert isinstance(row, Row)
    assert (row.label.status, row.entry_id) == (status, "42/image1")


def test_an_entry_with_perceptual_fingerprints_only_is_left_out_and_takes_back_what_it_had() -> None:
    text = page(entry('<tmk-pdqf rel="self" href="/v2/entries/1/fingerprints/TMK_PDQF"/>'))
    (left_out,) = rows(text)
    assert isinstance(left_out, LeftOutRow)
    assert left_out.reason == "no MD5 and no SHA-1, only other fingerprints"
    assert left_out.takes_back is not None
    assert left_out.takes_back.is_deletion
    (whole,) = rows(page(entry("<md5>" + "a" * 32 + "</md5>")))
    assert isinstance(whole, Row)
    assert (left_out.takes_back.entry_id, left_out.takes_back.changed_at) == (whole.entry_id, whole.changed_at)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (entry("<md5>abc</md5>"), "the md5 has 3 characters where it needs 32 hex digits"),
        (entry(f"<md5>{'a' * 99_999}</md5>"), "the md5 has"),
        (entry().replace("<id>image1</id>", ""), "the entry has no member and id"),
        (entry().replace('id="42"', ""), "the entry has no member and id"),
        (entry().replace("2017-10-24T", "yesterday"), "the timestamp is not an ISO 8601 time"),
        (entry().replace("image1", "i" * 1_001), "the entry id is longer than 1,000 bytes"),
    ],
)
def test_a_bad_entry_is_named_by_its_number_and_the_rest_goes_on(bad: str, reason: str) -> None:
    first, refused, last = rows(page(entry() + bad + entry()))
    assert first == last == KNOWN
    assert isinstance(refused, RefusedRow)
    assert refused.place == "record 2"
    assert refused.reason.startswith(reason)


def test_the_next_page_is_known_once_all_rows_are_read() -> None:
    result = QueryResult(
        io.BytesIO(page(entry(), after=f"<paging><next>{escape(NEXT)}</next></paging>").encode()), "page"
    )
    assert list(result) == [KNOWN]
    assert result.next_page == NEXT
    last = QueryResult(io.BytesIO(page(entry()).encode()), "page", list_name="ncmec-ngo")
    assert [row.label.list for row in last if isinstance(row, Row)] == ["ncmec-ngo"]
    assert last.next_page is None


LAUGHS = '<!DOCTYPE q [<!ENTITY a "ha">' + "".join(f'<!ENTITY {b} "&{a};&{a};">' for a, b in ("ab", "bc", "cd")) + "]>"
REFUSED = {
    "entities": (page(entry()).replace("<queryResult", LAUGHS + "<queryResult"), "document type declaration"),
    "an external entity": (f'<!DOCTYPE q SYSTEM "file:///etc/passwd">{page()[55:]}', "document type declaration"),
    "a web page": ("<!DOCTYPE html><html><body>504</body></html>", "document type declaration"),
    "another document": ("<status><member/></status>", "not a query result"),
    "another version": (page().replace("/v2", "/v1"), "not a query result"),
    "another root": (page().replace("queryResult", "status"), "not a query result"),
    "another namespace inside": (page('<x xmlns="urn:x"/>'), "not a query result"),
    "cut": (page(entry())[:-60], "ends early"),
    "nothing": ("", "ends early"),
    "two in one": (page() + page(), "is damaged"),
    "text after it": (page() + MD5.hex(), "is damaged"),
    "not well formed": (page("<image></video>"), "is damaged"),
    "a thousand levels": (page("<a>" * 1_000), "more than 32 deep"),
    "a tag without an end": (page().partition("<images")[0] + "<image " + "a" * 9_000_000, "in one piece"),
    "a comment without an end": (page().partition("<images")[0] + "<!-- " + "a" * 9_000_000, "in one piece"),
}


@pytest.mark.parametrize(("text", "complaint"), REFUSED.values(), ids=REFUSED)
def test_xml_that_is_no_query_result_or_not_whole_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(BadFileError, match=complaint):
        rows(text)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["image", "video", "deletedImage"]),
            st.integers(1, 999),
            st.from_regex(r"[A-Za-z0-9<&>\"' _-]{1,30}", fullmatch=True).filter(str.strip),
            st.sampled_from(["A1", "A2", "B1", "B2", "C3", None]),
            st.binary(min_size=16, max_size=16),
        )
    )
)
def test_what_is_written_is_read_back(entries: list[tuple[str, int, str, str | None, bytes]]) -> None:
    written = "".join(
        f'<{kind}><member id="{member}"/><id>{escape(name)}</id>'
        + (f"<classification>{category}</classification>" if category else "")
        + f"<fingerprints><md5>{md5.hex()}</md5></fingerprints></{kind}>"
        for kind, member, name, category, md5 in entries
    )
    assert rows(page(written)) == [
        Row(NO_DIGESTS, Label("ncmec", None, "ncmec", "withdrawn"), None, f"{member}/{name.strip()}", 0)
        if kind == "deletedImage"
        else Row((None, None, md5), Label("ncmec", category, "ncmec", None), None, f"{member}/{name.strip()}", 0)
        for kind, member, name, category, md5 in entries
    ]
