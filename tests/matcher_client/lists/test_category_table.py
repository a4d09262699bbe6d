"""Category tables of regions: what a list's categories mean is the operator's word, and part of the list's version."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from orbweaver.matcher_client.errors import CategoryTableRefused
from orbweaver.matcher_client.lists.build import BuildReport, build
from orbweaver.matcher_client.lists.categories import meaning
from orbweaver.matcher_client.lists.category_table import CategoryTable, read_category_table
from orbweaver.matcher_client.lists.compare import compare
from orbweaver.matcher_client.lists.file_format import HashList
from orbweaver.matcher_client.services.local_list import HashListService
from orbweaver.model import DigestSet, HoldReason, Nature, Verdict

EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "category-tables"
RANDOM = random.Random("category table")
FILES = [
    DigestSet(
        md5=RANDOM.randbytes(16).hex(), sha1=RANDOM.randbytes(20).hex(), sha256=RANDOM.randbytes(32).hex(), size=9
    )
    for _ in range(4)
]
# The categories of the rows of FILES, as an export of the United Kingdom might have them.
CATEGORIES = (0, "A", "C", None)

UK = """
name = "United Kingdom, confirmed 2026-01-15"
[[table]]
schemes = ["vics-uk"]
categories = { A = "abuse", B = "abuse", C = "abuse" }
"""


def table_of(folder: Path, text: str = UK) -> CategoryTable:
    path = folder / "table.toml"
    path.write_text(text)
    return read_category_table(path)


def export(folder: Path, *, region: str = "UK", name: str = "export.json") -> Path:
    rows = [
        {"MediaID": number, "MD5": one.md5, "SHA1": one.sha1} | ({} if category is None else {"Category": category})
        for number, (one, category) in enumerate(zip(FILES, CATEGORIES, strict=True))
    ]
    context = f"http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/{region}/$metadata#Media"
    path = folder / name
    path.write_text(json.dumps({"@odata.context": context, "value": rows}))
    return path


def built(folder: Path, table: CategoryTable | None, **options: object) -> BuildReport:
    return build([export(folder)], folder / "list.hashes", category_table=table, **options)  # type: ignore[arg-type]


def verdicts(folder: Path) -> list[Verdict]:
    service = HashListService(folder / "list.hashes")
    said = service.lookup(FILES)
    service.close()
    return said


# --- what it does ---


def test_a_match_of_a_region_is_held_without_a_table_and_acted_upon_with_it(tmp_path: Path) -> None:
    built(tmp_path, None)
    assert [(one.result.value, one.held_because) for one in verdicts(tmp_path)] == [
        ("no_match", ()),
        *[("match", (HoldReason.UNKNOWN_CATEGORY,))] * 3,
    ]
    built(tmp_path, table_of(tmp_path))
    assert [(one.result.value, one.held_because) for one in verdicts(tmp_path)] == [
        ("no_match", ()),
        *[("match", ())] * 2,
        ("match", (HoldReason.UNKNOWN_CATEGORY,)),
    ]


def test_the_category_stays_as_the_list_writes_it(tmp_path: Path) -> None:
    built(tmp_path, table_of(tmp_path))
    assert [one.leading and (one.leading.category, one.leading.scheme) for one in verdicts(tmp_path)[1:]] == [
        ("A", "vics-uk"),
        ("C", "vics-uk"),
        (None, "vics-uk"),
    ]


def test_a_table_makes_benign_of_a_category_that_was_held(tmp_path: Path) -> None:
    built(tmp_path, table_of(tmp_path, UK.replace('C = "abuse"', 'C = "benign"')))
    assert [one.result.value for one in verdicts(tmp_path)] == ["no_match", "match", "no_match", "match"]


# --- the list's version ---


def test_the_table_is_part_of_the_lists_version(tmp_path: Path) -> None:
    tables = [None, UK, UK.replace('C = "abuse"', 'C = "unknown"'), UK.replace("2026", "2027"), UK + 'none = "abuse"\n']
    versions = [built(tmp_path, None if one is None else table_of(tmp_path, one)).list_version for one in tables]
    assert len(set(versions)) == len(tables)


def test_the_same_table_written_otherwise_is_the_same_version(tmp_path: Path) -> None:
    otherwise = """
        # as it was sent to us
        name = 'United Kingdom, confirmed 2026-01-15'
        [[table]]
        none = "unknown"
        schemes = ["vics-uk"]
        [table.categories]
        C = "abuse"
        B = "abuse"
        A = "abuse"
        0 = "benign"
    """
    first, second = (built(tmp_path, table_of(tmp_path, text)).list_version for text in (UK, otherwise))
    assert first == second


def test_a_list_says_which_table_it_has(tmp_path: Path) -> None:
    table = table_of(tmp_path)
    built(tmp_path, table)
    hash_list = HashList(tmp_path / "list.hashes")
    assert hash_list.category_table == table
    hash_list.close()


def test_a_changed_table_shows_as_changed_entries(tmp_path: Path) -> None:
    built(tmp_path, None)
    (tmp_path / "list.hashes").rename(tmp_path / "old.hashes")
    built(tmp_path, table_of(tmp_path))
    old, new = HashList(tmp_path / "old.hashes"), HashList(tmp_path / "list.hashes")
    changed = {change.digest.hex() for change in compare(old, new)}
    assert changed == {digest for one in FILES[1:3] for digest in (one.md5, one.sha1)}
    old.close()
    new.close()


# --- updates ---


def test_an_update_keeps_the_table_and_reads_the_new_rows_by_it(tmp_path: Path) -> None:
    before = built(tmp_path, table_of(tmp_path))
    after = built(tmp_path, None, is_update=True)
    assert (after.list_version, after.category_table) == (before.list_version, before.category_table)
    assert after.files[0].held == {"vics-uk without a category": 1}


def test_an_updates_table_is_that_of_the_entries_that_stay(tmp_path: Path) -> None:
    built(tmp_path, table_of(tmp_path, UK.replace('"abuse"', '"benign"')))
    (tmp_path / "news.txt").write_text(f"{RANDOM.randbytes(16).hex()}\n")
    build([tmp_path / "news.txt"], tmp_path / "list.hashes", is_update=True, category_table=table_of(tmp_path))
    assert [one.result.value for one in verdicts(tmp_path)] == ["no_match", "match", "match", "match"]
    assert verdicts(tmp_path)[1].held_because == ()


# --- which rows it is for ---


@pytest.mark.parametrize(
    ("scheme", "category", "nature"),
    [
        ("vics-uk", "A", "abuse"),
        ("VICS-UK", "A", "abuse"),
        ("vics-uk", "a", "unknown"),
        ("vics-uk", "1", "unknown"),
        ("vics-uk", "0", "benign"),
        ("vics-uk", None, "unknown"),
        # What other files say of their region is theirs, and stands as without a table.
        ("vics-us", "A", "unknown"),
        ("vics-us", "1", "abuse"),
        ("vics-custom", "A", "unknown"),
        ("vics", "1", "abuse"),
        ("iwf", "A", "abuse"),
        (None, "A", "abuse"),
    ],
)
def test_a_table_says_what_the_categories_of_its_schemes_mean_and_of_no_others(
    tmp_path: Path, scheme: str | None, category: str | None, nature: str
) -> None:
    assert meaning(table_of(tmp_path), scheme, category) == nature


def test_a_table_may_be_for_several_schemes_and_replaces_theirs(tmp_path: Path) -> None:
    table = table_of(
        tmp_path,
        'name = "ours"\n[[table]]\nschemes = ["icse", "vics-custom"]\nnone = "abuse"\n'
        'categories = { "not baseline" = "abuse" }\n[[table]]\nschemes = ["ours"]\ncategories = { x = "benign" }\n',
    )
    asked = [("icse", "not baseline"), ("icse", "baseline"), ("vics-custom", None), ("ours", "x"), ("ours", None)]
    assert [table.nature_of(*one).value for one in asked] == ["abuse", "unknown", "abuse", "benign", "unknown"]
    assert CategoryTable.from_json(json.loads(json.dumps(table.as_json()))) == table


def test_the_build_counts_what_is_held_by_category(tmp_path: Path) -> None:
    [file] = built(tmp_path, None).files
    assert (file.schemes, file.benign_signs) == (["vics-uk"], {"vics-uk category 0": 1})
    assert file.held == {"vics-uk category A": 1, "vics-uk category C": 1, "vics-uk without a category": 1}


# --- bad tables ---

BAD = {
    "no TOML": ("name = ", "is not TOML (Invalid value (at end of document)): correct that place"),
    "a key twice": (UK + 'none = "abuse"\nnone = "benign"\n', "is not TOML (Cannot overwrite a value"),
    "no name": (UK.replace("name", "nam"), "the name is missing or not a short text: write name ="),
    "another key": ("region = 1\n" + UK, '"region" is not a key here: the keys are name and [[table]]'),
    "no table": ('name = "x"\n', "there is no [[table]]: add one"),
    "a table that is none": ('name = "x"\ntable = 1\n', "there is no [[table]]: add one"),
    "another key in a table": (UK + "size = 1\n", 'table 1: "size" is not a key here'),
    "no schemes": (UK.replace("schemes", "none"), "table 1: schemes is not a list of names"),
    "a scheme in upper case": (
        UK.replace("vics-uk", "VICS-UK"),
        'table 1: "VICS-UK" is not a scheme: write it in lower',
    ),
    "a scheme of no text": (UK.replace('["vics-uk"]', "[1]"), "table 1: schemes is not a list of names"),
    "a scheme twice": (
        UK + UK.partition("\n[[table]]")[1] + UK.partition("[[table]]")[2],
        "vics-uk has a table already",
    ),
    "NIST": (UK.replace("vics-uk", "nist-caid"), "the rows of nist-caid show their meaning without a table"),
    "a nature that is none": (
        UK.replace('"abuse"', '"bad"', 1),
        'category "A" has the nature "bad": write abuse, benign',
    ),
    "a nature that is no text": (UK.replace('"abuse"', "true", 1), 'category "A" has the nature "True"'),
    "none that is none": (UK + 'none = ""\n', 'none = "" is not a nature: write abuse, benign or unknown'),
    "no categories": (UK.replace("categories", "none"), "table 1: there are no categories: write categories ="),
    "an empty category": (UK.replace("A =", '"" ='), '"" is not a category: for rows without a category write none'),
    "abuse that is harmless": (UK.replace("A =", "0 ="), "VICS 0 is harmless in every region"),
}


@pytest.mark.parametrize(("text", "complaint"), BAD.values(), ids=BAD)
def test_what_is_wrong_with_a_table_is_said_with_the_mend(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(CategoryTableRefused) as caught:
        table_of(tmp_path, text)
    assert complaint in str(caught.value)
    assert all(line.startswith(str(tmp_path / "table.toml")) for line in str(caught.value).split("\n"))


def test_everything_that_is_wrong_is_said_at_once_a_line_each(tmp_path: Path) -> None:
    with pytest.raises(CategoryTableRefused) as caught:
        table_of(tmp_path, UK.replace("abuse", "bad").replace("vics-uk", "VICS UK"))
    assert len(str(caught.value).split("\n")) == 4


def test_a_file_that_is_no_text_is_said(tmp_path: Path) -> None:
    path = tmp_path / "table.toml"
    complaints = {b"\xff\xfe": "is not UTF-8", b"#" * 2_000_000: "more than 1,048,576 bytes"}
    for written, complaint in complaints.items():
        path.write_bytes(written)
        with pytest.raises(CategoryTableRefused, match=complaint):
            read_category_table(path)
    with pytest.raises(CategoryTableRefused, match="cannot be read"):
        read_category_table(tmp_path / "missing.toml")
    with pytest.raises(CategoryTableRefused, match="is not a regular file"):
        read_category_table(tmp_path)


# --- the examples of the documentation ---


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_the_examples_are_tables(path: Path) -> None:
    assert read_category_table(path).schemes


def test_the_examples_call_nothing_abuse_that_is_not_public_knowledge() -> None:
    said = {
        (scheme, category)
        for path in EXAMPLES.glob("*.toml")
        for scheme, table in read_category_table(path).schemes.items()
        for category, nature in table.items()
        if nature is Nature.ABUSE
    }
    assert said == {("vics-uk", "A"), ("vics-uk", "B"), ("vics-uk", "C"), ("icse", "baseline")}
