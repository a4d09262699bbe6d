"""Text of one row a line: what only a whole file can tell, and ICSE's columns. The rest is in test_list_build."""

from __future__ import annotations

import io
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from orbweaver.matcher_client.errors import BadFileError
from orbweaver.matcher_client.lists.file_format import Label
from orbweaver.matcher_client.lists.readers import text
from orbweaver.matcher_client.lists.recognise import read_rows
from orbweaver.matcher_client.lists.row import LeftOutRow, Read, RefusedRow, Row

RANDOM = random.Random("text")
MD5, SHA1, SHA256 = RANDOM.randbytes(16), RANDOM.randbytes(20), RANDOM.randbytes(32)
ICSE = (
    "MD5;SHA1;PhotoDNA;Image ID;Is distributed;Victim identified;Offender identified;Series name;"
    "Number of submissions;File Available;Media Type;Baseline"
)


def read(content: str | bytes) -> list[Read]:
    data = content.encode() if isinstance(content, str) else content
    return list(text.read(io.BytesIO(data), "list", list_name="list"))


@pytest.mark.parametrize(
    "content",
    [
        f"{MD5.hex()}\n{MD5.hex()[:-3]}",
        f"md5,sha1\n{MD5.hex()},{SHA1.hex()}\n{MD5.hex()},{SHA1.hex()[:7]}",
        f"md5,sha1,category\n{MD5.hex()},,1\n{MD5.hex()},",
    ],
)
def test_a_last_line_without_an_end_that_cannot_be_used_is_a_cut_file(content: str) -> None:
    with pytest.raises(BadFileError, match=r"ends early \(inside line \d\): get a complete copy"):
        read(content)
    assert len(read(content + "\n")) == 2


def test_lists_joined_by_cat_are_read_when_they_have_the_same_columns_and_refused_when_not() -> None:
    row = f"{MD5.hex()},{SHA1.hex()}\n"
    first, again, second = read(f"md5,sha1\n{row}md5,sha1\n{row}")
    assert first == second
    assert again == LeftOutRow("the header again")
    with pytest.raises(BadFileError, match="several lists in one"):
        read(f"md5,sha1\n{row}md5,category\n{MD5.hex()},1\n")


BARE = f"{SHA256.hex()}\n{SHA256.hex()[::-1]}\n"
CSV = f"sha256,size\n{SHA256.hex()},5\n{SHA256.hex()[::-1]},6\n"
CONTEXT = '{"odata.metadata":"http://github.com/ICMEC/ProjectVic/DataModels/1.3.xml#Media","value":['
QUERY_RESULT = '<queryResult xmlns="https://hashsharing.ncmec.org/hashsharing/v2">'


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (BARE + CSV, "line 3 is the header of a CSV"),
        (BARE + "\ufeff" + CSV, "line 3 is the header of a CSV"),
        (BARE + "sha256\n" + BARE, "line 3 is the header of a CSV"),
        (BARE + f"{ICSE}\n", "line 3 is the header of a CSV"),
        (CSV + f"{ICSE}\n", "line 4 is another header"),
        (BARE + CSV.partition("\n")[2], "line 3 has columns, and those before it have none"),
        (CSV + BARE, "line 4 is a bare digest, and the header has 2 columns"),
        (CSV + f"{MD5.hex()} *a file\n", "line 4 is a bare digest, and the header has 2 columns"),
        ("sha256\n" + BARE + f"{MD5.hex()}  a file\n", "line 4 is a bare digest, and the header has 1 columns"),
        (CSV + f"{CONTEXT}\n", "line 4 begins JSON or XML"),
        (CSV + '{\n  "odata.metadata": "x",\n', "line 4 begins JSON or XML"),
        (BARE + "[\n", "line 3 begins JSON or XML"),
        (BARE[:-1] + CONTEXT + "\n", "line 2 begins JSON or XML"),
        (BARE + f"{QUERY_RESULT}\n", "line 3 begins JSON or XML"),
        (CSV + '<?xml version="1.0"?>\n', "line 4 begins JSON or XML"),
    ],
)
def test_lists_of_different_kinds_in_one_file_are_refused_with_the_place(content: str, place: str) -> None:
    with pytest.raises(BadFileError) as caught:
        read(content)
    assert str(caught.value) == f"is several lists in one ({place}): give each in its own file"


@pytest.mark.parametrize("line", ["sep=;", '"sep=;"', "sep=;;", "\ufeffsep=;"])
def test_the_line_that_tells_excel_the_separator_is_left_out(line: str) -> None:
    assert [type(row) for row in read(f"{line}\r\nsha256;size\r\n{SHA256.hex()};5\r\n")] == [Row]


def test_lists_of_the_same_kind_in_one_file_are_read() -> None:
    assert [type(row) for row in read(BARE + "\ufeff" + BARE)] == [Row] * 4
    assert [type(row) for row in read(CSV + "\ufeff" + CSV)] == [Row, Row, LeftOutRow, Row, Row]


def test_a_line_of_junk_costs_itself_only() -> None:
    assert [type(row) for row in read(f"{BARE}[backup\n<b>\n{{}}\n{BARE}")] == [
        *[Row] * 2,
        *[RefusedRow] * 3,
        *[Row] * 2,
    ]


def test_columns_without_a_header_are_asked_to_be_named() -> None:
    with pytest.raises(BadFileError, match="has columns and no header"):
        read(f"{SHA256.hex()},5\n")


def test_a_byte_that_is_not_utf8_costs_no_digest_where_nobody_reads_it() -> None:
    rows = read(f"sha256,comment,category\n{SHA256.hex()},caf\xe9,A\n{SHA256.hex()},x,caf\xe9\n".encode("latin-1"))
    assert rows == [
        Row((SHA256, None, None), Label("list", "A", None, None)),
        RefusedRow("list", "line 3", "the category is not UTF-8"),
    ]


@pytest.mark.parametrize(
    ("content", "is_cut"),
    [
        # A withdrawn entry whose status was cut off would be active.
        (f"sha256,entry_id,status\n{SHA256.hex()},e1,active\n{SHA256.hex()},e2,", True),
        (f"sha256,entry_id,status\n{SHA256.hex()},e2,", True),
        (f"sha256,entry_id,status\n{SHA256.hex()},e2,Withdr", True),
        (f"sha256,entry_id,status\n{SHA256.hex()},e2,withdrawn", False),
        (f"sha256,entry_id,status\n{SHA256.hex()},e2,in doubt", False),
        (f"sha256,entry_id,status\n{SHA256.hex()},e2,\n", False),
        # A longer digest that was cut would be a shorter one.
        (f"{BARE}{SHA256.hex()[:40]}", True),
        (f"{BARE}{SHA256.hex()[:32]}", True),
        (f"{MD5.hex()}\n{BARE}{SHA256.hex()[:32]}", True),
        (f"{SHA1.hex()}\n{MD5.hex()}", True),
        (f"{MD5.hex()}\n{SHA1.hex()}", False),
        (f"{BARE}{MD5.hex()}\n", False),
        (f"{BARE}{MD5.hex()}  name", False),
        (f"{BARE}{MD5.hex()}  ab.jpg", False),
        (f"{BARE}{SHA256.hex()}", False),
        (MD5.hex(), False),
    ],
)
def test_a_last_line_without_an_end_is_refused_when_more_may_have_been_there(content: str, is_cut: bool) -> None:
    if not is_cut:
        assert all(isinstance(row, Row) for row in read(content))
        return
    with pytest.raises(BadFileError, match=r"ends early \(inside line \d\).* put a line end after its last line"):
        read(content)


@pytest.mark.parametrize("content", [CSV, BARE, "# note\n" + CSV, BARE * 2_000, f"{BARE}{'x' * 70_000}"])
def test_lines_that_end_in_cr_alone_are_named(content: str) -> None:
    with pytest.raises(BadFileError, match="ends its lines with CR alone"):
        read(content.replace("\n", "\r"))


def test_lines_that_end_in_cr_alone_after_others_are_named() -> None:
    with pytest.raises(BadFileError, match="ends its lines with CR alone"):
        read(BARE + BARE.replace("\n", "\r") + "\n")


@pytest.mark.parametrize(
    ("baseline", "category"),
    [("True", "baseline"), ("y", "baseline"), ("No", "not baseline"), ("f", "not baseline"), ("", None), ("?", "?")],
)
def test_an_icse_export_says_whether_an_image_meets_the_baseline(
    tmp_path: Path, baseline: str, category: str | None
) -> None:
    row = f"{MD5.hex().upper()};{SHA1.hex()};{'A' * 192};1234;true;false;false;Some series;7;yes;image;{baseline}"
    (tmp_path / "export").write_text(f"\ufeff{ICSE}\r\n{row}\r\n")
    assert list(read_rows(tmp_path / "export")) == [
        Row((None, SHA1, MD5), Label("icse", category, "icse", None), None, "1234")
    ]


# What a field may hold on a line of its own: no comment, no blanks that would be cut off, no line ends.
FIELD = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="#"), max_size=20)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.binary(min_size=16, max_size=16),
            st.none() | st.binary(min_size=20, max_size=20),
            st.none() | st.integers(1, 2**63),
            st.text(
                st.characters(codec="utf-8", exclude_categories=["Cc", "Z", "Cs"], exclude_characters="#\x85"),
                max_size=20,
            ),
        ),
        min_size=1,
    ),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_is_written_is_read_back(
    rows: list[tuple[bytes, bytes | None, int | None, str]], mark: str, encoding: str, end: str
) -> None:
    lines = [mark.join(["md5", "sha1", "size", "category"])]
    for md5, sha1, size, category in rows:
        quoted = '"' + category.replace('"', '""') + '"'
        lines.append(mark.join([md5.hex(), sha1.hex() if sha1 else "", "" if size is None else str(size), quoted]))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "any").write_bytes((end.join(lines) + end).encode(encoding))
        found = list(read_rows(Path(folder) / "any"))
    assert found == [
        Row((None, sha1, md5), Label("any", category or None, None, None), size) for md5, sha1, size, category in rows
    ]
