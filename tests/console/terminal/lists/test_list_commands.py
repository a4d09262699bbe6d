"""`orbweaver hashlist build --canary`, `info`, `diff` and `lookup`, as a user runs them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from orbweaver_command import Workplace

RANDOM = random.Random("list commands")
FIRST, SECOND, THIRD, STRANGE = (RANDOM.randbytes(32).hex() for _ in range(4))
MD5 = RANDOM.randbytes(16).hex()
ROWS = f"""sha256,md5,entry_id,list,category,scheme,status
{FIRST},{MD5},e-1,national,1,vics,
{SECOND},,e-2,national,0,vics,
{THIRD},,,other,,,disputed
"""
SAME, DIFFERENT, BAD_USAGE = 0, 1, 2
ALL_LISTED, SOME_NOT = 0, 1


@pytest.fixture(scope="module")
def place() -> Iterator[Workplace]:
    with TemporaryDirectory() as folder:
        place = Workplace(Path(folder))
        for name, rows in {
            "old": ROWS,
            "new": ROWS.replace("1,vics,", "1,vics,withdrawn").replace(f"{THIRD},,", f"{STRANGE},,"),
        }.items():
            source = place.write(f"{name}.csv", rows)
            assert place.run("hashlist", "build", source, "-o", f"{folder}/{name}.hashes").status == 0
        yield place


def path(place: Workplace, name: str) -> str:
    return str(place.folder / f"{name}.hashes")


def test_info_counts_entries_by_what_the_list_says_of_them(place: Workplace) -> None:
    said = place.run("hashlist", "info", path(place, "old"), "--json").json()
    assert (said["entries"], said["digests"], said["canaries"]) == (3, {"sha256": 3, "sha1": 0, "md5": 1}, [])
    assert (said["format"], said["bytes"]) == (2, Path(path(place, "old")).stat().st_size)
    counted = {
        (one["list"], one["category"], one["scheme"], one["nature"], one["status"]): one["entries"]
        for one in said["labels"]
    }
    assert counted == {
        ("national", "1", "vics", "abuse", "active"): 1,
        ("national", "0", "vics", "benign", "active"): 1,
        ("other", None, None, "abuse", "disputed"): 1,
    }


def test_info_is_readable_and_refuses_a_damaged_list(place: Workplace) -> None:
    ran = place.run("hashlist", "info", path(place, "old"))
    assert ran.status == 0
    assert "3 entries (3 sha256, 0 sha1, 1 md5)" in ran.stdout
    assert ["1", "national", "0", "vics", "benign", "active"] in [line.split() for line in ran.stdout.splitlines()]
    cut = place.folder / "cut.hashes"
    cut.write_bytes(Path(path(place, "old")).read_bytes()[:-1])
    ran = place.run("hashlist", "info", str(cut))
    assert (ran.status, ran.stdout) == (BAD_USAGE, "")
    assert "build or copy it again" in ran.stderr


def test_diff_counts_digests_and_names_entries_but_shows_no_digest(place: Workplace) -> None:
    ran = place.run("hashlist", "diff", path(place, "old"), path(place, "new"), "--entries")
    assert ran.status == DIFFERENT
    assert "sha256 digests: 1 added, 1 removed, 1 withdrawn" in ran.stdout
    assert "md5 digests: 1 withdrawn" in ran.stdout
    assert "withdrawn  list national  entry e-1  category 1  scheme vics" in ran.stdout
    assert "(sha256, md5)" in ran.stdout
    assert "2 of the digests have no entry id" in ran.stdout
    assert not any(digest in ran.stdout for digest in (FIRST, SECOND, THIRD, STRANGE, MD5))


def test_diff_as_json(place: Workplace) -> None:
    ran = place.run("hashlist", "diff", path(place, "old"), path(place, "new"), "--entries", "--json")
    assert ran.status == DIFFERENT
    said = ran.json()
    none = {"added": 0, "removed": 0, "withdrawn": 0, "disputed": 0, "reinstated": 0, "changed": 0}
    assert said["digests"] == {
        "sha256": {**none, "added": 1, "removed": 1, "withdrawn": 1},
        "sha1": none,
        "md5": {**none, "withdrawn": 1},
    }
    assert (said["old"]["entries"], said["new"]["entries"], said["digests_without_entry_id"]) == (3, 3, 2)
    (change,) = said["changes"]
    assert (change["change"], change["entry_id"], change["algorithms"]) == ("withdrawn", "e-1", ["sha256", "md5"])


def test_diff_of_equal_lists_is_0_and_of_a_missing_one_2(place: Workplace) -> None:
    ran = place.run("hashlist", "diff", path(place, "old"), path(place, "old"))
    assert (ran.status, ran.stdout.splitlines()[-1]) == (SAME, "no difference")
    ran = place.run("hashlist", "diff", path(place, "old"), path(place, "missing"))
    assert (ran.status, ran.stdout) == (BAD_USAGE, "")


def test_lookup_says_what_the_list_has_of_each_digest(place: Workplace) -> None:
    ran = place.run("hashlist", "lookup", path(place, "new"), MD5.upper(), f"sha256:{SECOND}")
    assert ran.status == ALL_LISTED
    assert ran.stdout.splitlines() == [
        f"{MD5.upper()}  list national  entry e-1  category 1  scheme vics  nature abuse  status withdrawn",
        f"sha256:{SECOND}  list national  entry e-2  category 0  scheme vics  nature benign  status active",
    ]


def test_lookup_reads_standard_input_and_tells_when_some_are_not_listed(place: Workplace) -> None:
    ran = place.run("hashlist", "lookup", path(place, "old"), "-", "--json", standard_input=f"{FIRST}\r\n\n{STRANGE}\n")
    assert ran.status == SOME_NOT
    said = ran.json()["digests"]
    assert [(one["digest"], one["algorithm"]) for one in said] == [(FIRST, "sha256"), (STRANGE, "sha256")]
    assert [[entry["entry_id"] for entry in one["entries"]] for one in said] == [["e-1"], []]


@pytest.mark.parametrize(
    ("arguments", "standard_input", "where"),
    [
        (("12zz",), "", "digest 1 is not a digest"),
        ((FIRST, FIRST[:-1] + "g"), "", "digest 2 is not a digest"),
        (("-",), f"{FIRST}\n\xff{FIRST}", "line 2 of standard input is not a digest"),
    ],
)
def test_what_is_no_digest_is_named_by_its_place_only(
    place: Workplace, arguments: tuple[str, ...], standard_input: str, where: str
) -> None:
    ran = place.run("hashlist", "lookup", path(place, "old"), *arguments, standard_input=standard_input)
    assert ran.status == BAD_USAGE
    assert where in ran.stderr
    assert FIRST[:20] not in ran.stderr
    assert "12zz" not in ran.stderr


def test_a_canary_is_planted_named_for_the_clients_and_missed_when_it_goes(place: Workplace) -> None:
    source, built = place.write("canary.csv", ROWS), path(place, "canary")
    ran = place.run("hashlist", "build", source, "-o", built, "--canary", "hotline A")
    assert (ran.status, ran.stderr) == (0, "")
    canary = ran.stdout.split("canary=")[1].strip()
    assert place.run("hashlist", "lookup", built, canary).status == ALL_LISTED

    again = place.run("hashlist", "build", source, "-o", built, "--canary", "hotline A", "--json")
    assert (again.json()["canary"], again.stderr) == (canary, "")
    info = place.run("hashlist", "info", built, "--json").json()
    assert info["canaries"] == [{"name": "hotline A", "canary": canary}]

    without = place.run("hashlist", "build", source, "-o", built)
    assert without.status == 0
    assert 'had the canary "hotline A" and no longer has it' in without.stderr
    assert place.run("hashlist", "lookup", built, canary).status == SOME_NOT


def test_a_canary_without_a_name_is_refused(place: Workplace) -> None:
    ran = place.run("hashlist", "build", path(place, "old"), "-o", path(place, "none"), "--canary", " ")
    assert (ran.status, "printable characters" in ran.stderr) == (BAD_USAGE, True)
