"""The canary of a built list: always the same, found by who asks for it, and never a match."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from orbweaver.matcher_client.lists.build import build
from orbweaver.matcher_client.lists.canary import CANARY_LIST, canary_label, canary_named, canary_names
from orbweaver.matcher_client.lists.file_format import HashList
from orbweaver.matcher_client.services.local_list import HashListService
from orbweaver.model import DigestSet, HoldReason

RANDOM = random.Random("canary")
KNOWN = DigestSet(
    md5=RANDOM.randbytes(16).hex(), sha1=RANDOM.randbytes(20).hex(), sha256=RANDOM.randbytes(32).hex(), size=9
)
CANARY = KNOWN.model_copy(update={"sha256": canary_named("hotline").digest})


def planted(folder: Path, rows: str = KNOWN.sha256, *, canary: str | None = "hotline") -> Path:
    (folder / "national.csv").write_text(f"sha256\n{rows}\n")
    build([folder / "national.csv"], folder / "list.hashes", canary=canary)
    return folder / "list.hashes"


def test_a_name_has_the_same_canary_for_ever() -> None:
    assert canary_named("hotline").algorithm == "sha256"
    # Written out, because it stands in the matcher URLs of clients.
    assert canary_named("hotline").digest == "4ed5e6f4192c44956b6b97c8798e44f7ed28bc9de78cb72053bd26f879513386"
    assert canary_named("hotline") != canary_named("hotline 2")


def test_it_is_one_entry_more_and_the_service_knows_it(tmp_path: Path) -> None:
    service = HashListService(planted(tmp_path))
    assert service.canary is None  # nothing was opened yet
    assert service.health().entries == 2
    canary = canary_named("hotline")
    assert service.canary == canary
    assert service.is_listed(canary.algorithm, canary.digest)


def test_a_file_with_its_digest_is_no_match_and_says_why(tmp_path: Path) -> None:
    (verdict,) = HashListService(planted(tmp_path)).lookup([CANARY])
    assert verdict.result == "no_match"
    assert [(one.list, one.nature) for one in verdict.listings] == [(CANARY_LIST, "benign")]


def test_a_list_that_accuses_the_canary_is_held(tmp_path: Path) -> None:
    (verdict,) = HashListService(planted(tmp_path, CANARY.sha256)).lookup([CANARY])
    assert (verdict.result, verdict.held_because) == ("match", (HoldReason.BENIGN_TOO,))


def test_a_list_of_sha256_stays_one(tmp_path: Path) -> None:
    sections = HashList(planted(tmp_path)).sections
    assert [section.count for section in sections.values()] == [2, 0, 0]


def test_a_rebuilt_list_with_another_canary_or_none_is_followed(tmp_path: Path) -> None:
    service = HashListService(planted(tmp_path))
    service.lookup([])
    planted(tmp_path, canary="other")
    service.lookup([])
    assert service.canary == canary_named("other")
    planted(tmp_path, canary=None)
    service.lookup([])
    assert service.canary is None


def test_rows_that_call_themselves_canary_are_none(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(f"sha256,list,category\n{KNOWN.sha256},{CANARY_LIST},hotline\n")
    build([tmp_path / "list.csv"], tmp_path / "list.hashes")
    assert canary_names(HashList(tmp_path / "list.hashes")) == []
    (verdict,) = HashListService(tmp_path / "list.hashes").lookup([KNOWN])
    assert verdict.result == "match"


@pytest.mark.parametrize("name", ["", " ", "two\nlines", "\x1b[31m", "x" * 101])
def test_a_name_is_one_line_of_printable_text(name: str) -> None:
    with pytest.raises(ValueError, match="1 to 100 printable characters"):
        canary_label(name)
