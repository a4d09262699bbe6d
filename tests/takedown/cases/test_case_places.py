"""A file behind a link that changes is one case, and a case that is there already stays that case."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from builders import STAMP, a_match, a_sighting, add_batch, build_list, digests_of, transaction, work
from orbweaver.model import Case, CaseState, Sighting, case_id_for
from orbweaver.queue.queues import QueueName
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_places, case_store
from orbweaver.takedown.cases.changes import CaseChange, CaseRecord
from orbweaver.takedown.cases.transitions import change_by_match

KNOWN = digests_of(b"known").sha256


def visit(number: int, file: str = "a.jpg?", **changes: object) -> Sighting:
    """The file at the n-th visit: the link has another time and another token, and never works again."""
    url = f"http://h.test/{file}ts={1772366400 + number}&token={number:08x}"
    return a_sighting(url=url, minutes=number).model_copy(update={"referrer": "http://h.test/album", **changes})


def write_as_before_places(store: Store, sighting: Sighting, *algorithms: object) -> Case:
    """Write the case that a release without places made."""
    change = change_by_match(sighting, a_match(*algorithms), None, STAMP)  # type: ignore[arg-type]
    case = change.after.case.model_copy(update={"case_id": UUID(sighting.sighting_id), "place": None, "last_url": None})
    with transaction(store) as pipe:
        case_store.write(pipe, CaseChange(CaseRecord(case, 1, case.state is CaseState.OPEN), None))
    return case


def all_cases(store: Store) -> list[Case]:
    return list(case_store.all_cases(store))


def test_three_visits_of_four_files_make_four_cases_that_show_the_newest_url(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATCHER_URL", build_list(tmp_path / "list.hashes", [KNOWN]))
    files = ["a.jpg?", "b.jpg?", "dl.php?id=1&", "dl.php?id=2&"]
    for number in range(3):
        add_batch(store, *(visit(number, file) for file in files))
    work(store, QueueName.MATCH)

    found = all_cases(store)
    assert len(found) == 4
    first, last = visit(0), visit(2)
    [case] = [one for one in found if one.url == first.url]
    assert (case.last_url, case.newest_url, case.final_url) == (last.url, last.url, last.final_url)
    assert case.place is not None
    assert case.place.model_dump() == {
        "url": "http://h.test/a.jpg",
        "left_out": {"ts": "time", "token": "token"},
    }
    assert case.case_id == case_id_for("http://h.test/a.jpg", KNOWN)
    assert case.referrer == "http://h.test/album"
    assert store.zcard(keys.cases()) == 4


def test_a_case_without_such_parameters_has_the_id_that_it_always_had(store: Store) -> None:
    sighting = a_sighting(url="http://h.test/view.php?id=1")

    assert case_places.find(store, [sighting]).case_ids == {sighting.sighting_id: str(case_id_for(sighting.url, KNOWN))}


def test_a_case_that_is_there_under_an_old_id_goes_on(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATCHER_URL", build_list(tmp_path / "list.hashes", [KNOWN]))
    old = write_as_before_places(store, visit(0))
    add_batch(store, visit(1, report_ids=("r",)))
    work(store, QueueName.MATCH)

    [case] = all_cases(store)
    assert (case.case_id, case.url, case.last_url) == (old.case_id, old.url, visit(1).url)
    assert (case.report_ids, case.last_seen) == (("r",), visit(1).seen_at)


def test_of_several_old_cases_of_a_place_the_oldest_open_one_goes_on_and_the_others_stay(store: Store) -> None:
    held = write_as_before_places(store, visit(0), "md5")
    chosen, other = (write_as_before_places(store, visit(number)) for number in (1, 2))

    for _ in range(2):
        found = case_places.find(store, [visit(3), visit(3, "b.jpg?")]).case_ids
        assert found[visit(3).sighting_id] == str(chosen.case_id)
        assert found[visit(3, "b.jpg?").sighting_id] == str(case_id_for("http://h.test/b.jpg", KNOWN))
    assert {one.case_id for one in all_cases(store)} == {held.case_id, chosen.case_id, other.case_id}


def test_an_old_case_that_somebody_deleted_is_not_gone_on_with(store: Store) -> None:
    old = write_as_before_places(store, visit(0))
    assert case_places.find(store, [visit(1)]).case_ids == {visit(1).sighting_id: str(old.case_id)}
    store.delete(keys.case(str(old.case_id)))
    store.zrem(keys.cases(), str(old.case_id))

    assert case_places.find(store, [visit(1)]).case_ids == {
        visit(1).sighting_id: str(case_id_for("http://h.test/a.jpg", KNOWN))
    }
