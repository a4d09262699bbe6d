"""VICS 1.3 and 2.0, and NIST CAID: what a row says, which region's categories, and what is benign."""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from orbweaver.matcher_client.errors import HashListUnreadable
from orbweaver.matcher_client.lists.build import build
from orbweaver.matcher_client.lists.file_format import Label
from orbweaver.matcher_client.lists.recognise import read_rows
from orbweaver.matcher_client.lists.row import Read, RefusedRow, Row
from orbweaver.matcher_client.services.local_list import HashListService
from orbweaver.model import DigestSet, Nature

RANDOM = random.Random("vics")
MD5, SHA1 = RANDOM.randbytes(16), RANDOM.randbytes(20)
CONTEXT_13 = ("odata.metadata", "http://github.com/ICMEC/ProjectVic/DataModels/1.3.xml#Media")
CONTEXT_12 = ("odata.metadata", "http://github.com/ICMEC/ProjectVic/DataModels/1.2.xml#Media")


def context_20(region: str, what: str = "Media") -> tuple[str, str]:
    model = "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml"
    return "@odata.context", f"{model}/{region}/$metadata#{what}"


def vics(context: tuple[str, str], *rows: dict[str, Any]) -> str:
    return json.dumps({context[0]: context[1], "value": rows})


def media(**values: Any) -> dict[str, Any]:
    row = {
        "MediaFiles": [{"MD5": "F" * 32, "FileName": "a.jpg", "Unallocated": "false"}],
        "MediaID": 17,
        "Category": 1,
        "MD5": MD5.hex().upper(),
        "SHA1": SHA1.hex().upper(),
        "MediaSize": 42,
        "VictimIdentified": "true",
        "IsPrecategorized": "false",
        "Exifs": [[{"PropertyName": "Make"}], {}],
    }
    return {key: value for key, value in (row | values).items() if value is not ...}


def nist(**values: Any) -> dict[str, Any]:
    """A row as NIST writes it."""
    md5 = MD5.hex()
    row = {
        "odata.id": f'Media("{md5}")',
        "MediaFiles@odata.navigationLinkUrl": f"/Media({md5})/MediaFiles",
        "MediaFiles": [{"MD5": md5, "FileName": "build.art", "FilePath": "Program/data"}],
        "MediaID": 0,
        "MD5": md5,
        "SHA1": SHA1.hex(),
        "Category": 8,
        "MediaSize": "42",
    }
    return {key: value for key, value in (row | values).items() if value is not ...}


def read(folder: Path, text: str | bytes, *, name: str = "export.txt") -> list[Read]:
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return list(read_rows(folder / name))


def only(folder: Path, text: str) -> Row:
    (row,) = read(folder, text)
    assert isinstance(row, Row)
    return row


@pytest.mark.parametrize(
    ("context", "scheme"),
    [
        (CONTEXT_13, "vics"),
        (context_20("US"), "vics-us"),
        (context_20("UK"), "vics-uk"),
        (context_20("Default"), "vics-default"),
        (context_20("CUSTOM"), "vics-custom"),
        (("odata.metadata", "http:\\/\\/github.com\\/ICMEC\\/ProjectVic\\/DataModels\\/1.3.xml#Media"), "vics"),
    ],
)
def test_a_row_keeps_what_it_says_and_the_scheme_names_the_region(
    tmp_path: Path, context: tuple[str, str], scheme: str
) -> None:
    text = vics(context, media()).replace("\\\\/", "\\/")
    assert only(tmp_path, text) == Row((None, SHA1, MD5), Label("export", "1", scheme, None), 42, "17")


@pytest.mark.parametrize("what", ["Media", "Cases", ""])
def test_the_rows_of_cases_are_found_whatever_the_context_says(tmp_path: Path, what: str) -> None:
    context = context_20("US", what) if what else ("comment", "none")
    cases = [{"CaseID": "c", "MD5": "?", "TotalMediaFiles": 9, "Media": [media(MediaID=n)]} for n in (1, 2)]
    rows = read(tmp_path, vics(context, *cases))
    assert [row.entry_id for row in rows if isinstance(row, Row)] == ["1", "2"]


@pytest.mark.parametrize(
    ("values", "digests", "size", "category"),
    [
        ({"Category": "2"}, (None, SHA1, MD5), 42, "2"),
        ({"Category": None}, (None, SHA1, MD5), 42, None),
        ({"Category": ...}, (None, SHA1, MD5), 42, None),
        ({"MediaSize": "488"}, (None, SHA1, MD5), 488, "1"),
        ({"MediaSize": ""}, (None, SHA1, MD5), None, "1"),
        ({"SHA1": ""}, (None, None, MD5), 42, "1"),
        ({"MD5": None}, (None, SHA1, None), 42, "1"),
        ({"MD5": f" {MD5.hex()} "}, (None, SHA1, MD5), 42, "1"),
        ({"Category": 99}, (None, SHA1, MD5), 42, "99"),
    ],
)
def test_numbers_strings_and_nothing_are_read_alike(
    tmp_path: Path, values: dict[str, Any], digests: object, size: int | None, category: str | None
) -> None:
    row = only(tmp_path, vics(CONTEXT_13, media(**values)))
    assert (row.digests, row.size, row.label.category) == (digests, size, category)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"MD5": MD5.hex()[:-1], "SHA1": None}, "the md5 has 31 characters where it needs 32 hex digits"),
        ({"SHA1": "g" * 40, "MD5": None}, "the sha1 has characters that are not hex digits"),
        ({"MD5": True}, "the MD5 is neither text nor a whole number"),
        ({"MD5": None, "SHA1": None}, "the record has no MD5 and no SHA1"),
        ({"Category": 1.5}, "the Category is neither text nor a whole number"),
        ({"MediaID": "x" * 1_001}, "the MediaID is longer than 1,000 bytes"),
    ],
)
def test_a_bad_record_is_named_by_its_number_and_the_rest_goes_on(
    tmp_path: Path, values: dict[str, Any], reason: str
) -> None:
    first, bad, last = read(tmp_path, vics(CONTEXT_13, media(), media(**values), media()))
    assert isinstance(first, Row)
    assert isinstance(last, Row)
    assert bad == RefusedRow(str(tmp_path / "export.txt"), "record 2", reason)


@pytest.mark.parametrize(
    ("values", "spoilt"),
    [
        ({"MD5": MD5.hex()[:-1]}, "the md5 has 31 characters where it needs 32 hex digits"),
        ({"SHA1": "g" * 40}, "the sha1 has characters that are not hex digits"),
        ({"MediaSize": "about 7"}, "the size is not a whole number of bytes"),
        ({"MediaSize": -1}, None),
        ({"MediaSize": 0}, None),
    ],
)
def test_what_cannot_be_read_of_a_record_costs_no_good_digest(
    tmp_path: Path, values: dict[str, Any], spoilt: str | None
) -> None:
    row = only(tmp_path, vics(CONTEXT_13, media(**values)))
    assert isinstance(row, Row)
    assert row.spoilt == spoilt
    assert row.digests != (None, None, None)


def test_a_row_that_nist_writes_is_benign_and_has_no_id(tmp_path: Path) -> None:
    label = Label("export", "8", "nist-caid", None, Nature.BENIGN)
    assert only(tmp_path, vics(CONTEXT_12, nist())) == Row((None, SHA1, MD5), label, 42, None)
    (file,) = build([tmp_path / "export.txt"], tmp_path / "list.hashes").files
    assert file.benign_signs == {"nist-caid category 8": 1}


NOT_OF_NIST: dict[str, tuple[tuple[str, str], dict[str, Any]]] = {
    "a category left out": (CONTEXT_12, nist(Category=...)),
    "a category of nothing": (CONTEXT_12, nist(Category=None)),
    "another category": (CONTEXT_12, nist(Category=7)),
    "a case's export that calls it 8": (CONTEXT_12, media(Category=8)),
    "a case's export without a category": (CONTEXT_12, media(Category=...)),
    "four fields": (CONTEXT_12, {"MD5": MD5.hex(), "SHA1": SHA1.hex(), "MediaSize": "42", "FileName": "a.jpg"}),
    "four fields and 8": (
        CONTEXT_12,
        {"MD5": MD5.hex(), "SHA1": SHA1.hex(), "MediaSize": "42", "FileName": "a.jpg", "Category": 8},
    ),
    "no files": (CONTEXT_12, nist(MediaFiles=...)),
    "no SHA-1": (CONTEXT_12, nist(SHA1="")),
    "no size": (CONTEXT_12, nist(MediaSize="")),
    "a size that is a number": (CONTEXT_12, nist(MediaSize=42)),
    "a series": (CONTEXT_12, nist(Series="")),
    "a flag": (CONTEXT_12, nist(VictimIdentified="false")),
    "tags": (CONTEXT_12, nist(Tags=[])),
    "a key of somebody's own": (CONTEXT_12, nist(category=1)),
    "version 1.3": (CONTEXT_13, nist()),
    "a region": ((CONTEXT_12[0], CONTEXT_12[1].replace("#", "/UK/$metadata#")), nist()),
    "another's model": ((CONTEXT_12[0], "http://example.org/ProjectVic/DataModels/1.2.xml#Media"), nist()),
}


@pytest.mark.parametrize(("context", "row"), NOT_OF_NIST.values(), ids=NOT_OF_NIST)
def test_what_nist_does_not_write_just_so_is_a_match_that_is_held(
    tmp_path: Path, context: tuple[str, str], row: dict[str, Any]
) -> None:
    (tmp_path / "export.json").write_text(vics(context, row))
    report = build([tmp_path / "export.json"], tmp_path / "list.hashes")
    service = HashListService(tmp_path / "list.hashes")
    (verdict,) = service.lookup([KNOWN])
    service.close()
    assert (verdict.result, verdict.held_because) == ("match", ("unknown_category",))
    assert report.files[0].benign == 0


KNOWN = DigestSet(md5=MD5.hex(), sha1=SHA1.hex(), sha256="e" * 64, size=42)
CASES: dict[str, tuple[list[str], str, tuple[str, ...]]] = {
    "category 1 of the US": ([vics(context_20("US"), media())], "match", ()),
    "category 3 of the US": ([vics(context_20("US"), media(Category=3))], "match", ()),
    "category 5 of the US": ([vics(context_20("US"), media(Category=5))], "match", ("unknown_category",)),
    "category 3 of no region": ([vics(CONTEXT_13, media(Category=3))], "match", ("unknown_category",)),
    "category 1 of the UK": ([vics(context_20("UK"), media())], "match", ("unknown_category",)),
    "a category of one's own": ([vics(context_20("CUSTOM"), media())], "match", ("unknown_category",)),
    "nobody has judged it": ([vics(context_20("US"), media(Category=None))], "match", ("unknown_category",)),
    "not pertinent": ([vics(context_20("UK"), media(Category=0))], "no_match", ()),
    "known to NIST": ([vics(CONTEXT_12, nist())], "no_match", ()),
    "abuse in a list like NIST's": ([vics(CONTEXT_12, nist(Category=1))], "match", ()),
    "known to NIST and abuse": (
        [vics(CONTEXT_12, nist()), vics(context_20("US"), media())],
        "match",
        ("benign_too",),
    ),
}


@pytest.mark.parametrize(("texts", "result", "held_because"), CASES.values(), ids=CASES)
def test_what_a_category_leads_to(tmp_path: Path, texts: list[str], result: str, held_because: tuple[str, ...]) -> None:
    paths = [tmp_path / f"{number}.json" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    report = build(paths, tmp_path / "list.hashes")
    service = HashListService(tmp_path / "list.hashes")
    (verdict,) = service.lookup([KNOWN])
    service.close()
    assert (verdict.result, verdict.held_because) == (result, held_because)
    assert bool(verdict.listings)
    assert sum(one.benign for one in report.files) == (result == "no_match" or "benign_too" in held_because)


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.999])
def test_a_cut_file_says_how_much_of_it_is_whole(tmp_path: Path, cut: float) -> None:
    text = vics(CONTEXT_13, *[media(MediaID=number) for number in range(50)])
    (tmp_path / "export.json").write_text(text[: int(len(text) * cut)])
    with pytest.raises(HashListUnreadable, match=r"export.json ends early: get a complete copy \(\d+ rows before"):
        build([tmp_path / "export.json"], tmp_path / "list.hashes")
    assert not (tmp_path / "list.hashes").exists()


@pytest.mark.parametrize("rest", ["{}", ",", "]", f"\n{MD5.hex()}\n", "<xml/>", "}"])
def test_what_follows_the_json_is_no_part_of_it(tmp_path: Path, rest: str) -> None:
    (tmp_path / "export.json").write_text(vics(CONTEXT_13, media()) + rest)
    with pytest.raises(HashListUnreadable, match=r"stops being JSON.*give joined files one by one \(1 rows before"):
        build([tmp_path / "export.json"], tmp_path / "list.hashes")


def test_bytes_that_are_not_utf_8_cost_the_text_that_they_are_in(tmp_path: Path) -> None:
    text = vics(CONTEXT_13, media(Comments="CAF?", Category="?")).encode().replace(b"?", b"\xe9")
    (row,) = read(tmp_path, text)
    assert isinstance(row, Row)
    assert (row.digests, row.label.category) == ((None, SHA1, MD5), "\ufffd")


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"MD5": st.binary(min_size=16, max_size=16), "SHA1": st.none() | st.binary(min_size=20, max_size=20)},
            optional={
                "MediaID": st.integers(0, 2**63 - 1),
                "Category": st.integers(0, 9) | st.just("C"),
                "MediaSize": st.integers(1, 2**60) | st.integers(1, 99).map(str),
                "Comments": st.text(),
                "Exifs": st.recursive(
                    st.text() | st.floats(allow_nan=False, allow_infinity=False),
                    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["MD5", "Media", "x"]), inner),
                    max_leaves=8,
                ),
            },
        )
    ),
    st.sampled_from([None, 0, 2]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_is_written_is_read_back(rows: list[dict[str, Any]], indent: int | None, encoding: str) -> None:
    written = [
        row | {"MD5": row["MD5"].hex().upper(), "SHA1": row["SHA1"].hex() if row["SHA1"] else ""} for row in rows
    ]
    document = {context_20("US")[0]: context_20("US")[1], "value": written}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export"
        path.write_bytes(json.dumps(document, indent=indent, ensure_ascii=False).encode(encoding, "surrogatepass"))
        found = list(read_rows(path))
    assert found == [
        Row(
            (None, row["SHA1"], row["MD5"]),
            Label("export", str(row["Category"]) if "Category" in row else None, "vics-us", None),
            int(row["MediaSize"]) if "MediaSize" in row else None,
            str(row["MediaID"]) if "MediaID" in row else None,
        )
        for row in rows
    ]
