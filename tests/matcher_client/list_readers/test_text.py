"""Text of one row a line: what only a whole file can tell, and ICSE's columns. The rest is in test_list_build."""

from __future__ import annotations

import io
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from orbweaver.matcher_client.list_format import Label
from orbweaver.matcher_client.list_input import read_rows
from orbweaver.matcher_client.list_readers import text
from orbweaver.matcher_client.list_row import BadFileError, LeftOut, Read, Row

RANDOM = random.Random("text")
MD5, SHA1 = RANDOM.randbytes(16), RANDOM.randbytes(20)
ICSE = (
    "MD5;SHA1;PhotoDNA;Image ID;Is distributed;Victim identified;Offender identified;Series name;"
    "Number of submissions;File Available;Media Type;Baseline"
)


def read(content: str) -> list[Read]:
    return list(text.read(io.BytesIO(content.encode()), "list", list_name="list"))


@pytest.mark.parametrize(
    "content",
    [
        f"{MD5.hex()}\n{MD5.hex()[:-3]}",
        f"md5,sha1\n{MD5.hex()},{SHA1.hex()}\n{MD5.hex()},{SHA1.hex()[:7]}",
        f"md5,sha1,category\n{MD5.hex()},,1\n{MD5.hex()},",
    ],
)
def test_a_last_line_without_an_end_that_cannot_be_used_is_a_cut_file(content: str) -> None:
    with pytest.raises(BadFileError, match=r"ends early \(inside line \d\): get it whole"):
        read(content)
    assert len(read(content + "\n")) == 2


def test_lists_joined_by_cat_are_read_when_they_have_the_same_columns_and_refused_when_not() -> None:
    row = f"{MD5.hex()},{SHA1.hex()}\n"
    first, again, second = read(f"md5,sha1\n{row}md5,sha1\n{row}")
    assert first == second
    assert again == LeftOut("the header again")
    with pytest.raises(BadFileError, match="several lists in one"):
        read(f"md5,sha1\n{row}md5,category\n{MD5.hex()},1\n")


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
            st.none() | st.integers(0, 2**63),
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
