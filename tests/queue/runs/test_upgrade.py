"""A store that version 0.1 wrote keeps every case, and is worked on.

`version_0_1.jsonl` is what the code of commit de12044 wrote in three runs of its own `verify` on a synthetic host of
seven files: cases open, held and taken back, an event that it could not deliver, retained files. Its first line is what
its `cases list` said; each other line is a command of the store's append-only file, its bytes as Latin-1. The times at
which keys expire, and tracebacks, are left out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import a_sighting, add_batch, build_list, work
from orbweaver.model import now
from orbweaver.queue.queues import QueueName
from orbweaver.queue.runs import run_lock
from orbweaver.store import embedded, keys, snapshot
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store
from orbweaver_command import PATIENCE_SECONDS, Workplace, eventually
from synthetic_host import SyntheticHost

SAID, *COMMANDS = (json.loads(line) for line in Path(__file__).with_name("version_0_1.jsonl").read_text().splitlines())


def seen_again(number: int) -> bytes:
    return b"synthetic file %d of the fixture of version 0.1" % number


@pytest.fixture
def place(short_dir: Path) -> Workplace:
    return Workplace(short_dir / "place")


@pytest.fixture
def old(place: Workplace) -> Iterator[Store]:
    with embedded.running(place.state) as store:
        for command in COMMANDS:
            store.execute_command(*(word.encode("latin-1") for word in command))
        yield store


def written(store: Store) -> dict[bytes, dict[bytes, bytes]]:
    """Return every case, every event and every retained file, as the store has it."""
    families = (keys.case(""), keys.event(""), keys.retained(""))
    found = [name for name in store.scan_iter() if name.startswith(tuple(one.encode() for one in families))]
    return {name: store.hgetall(name) for name in found if store.type(name) == b"hash"}


def facts(cases: list[dict[str, Any]]) -> dict[str, tuple[str, str, str]]:
    return {case["case_id"]: (case["state"], case["url"], case["sha256"]) for case in cases}


def test_every_case_and_event_of_version_0_1_is_listed_and_verified_upon(place: Workplace, old: Store) -> None:
    listed = place.run("cases", "list", "--json")
    assert listed.status == 0, listed.stderr
    assert facts([json.loads(line) for line in listed.stdout.splitlines()]) == facts(SAID["cases"])
    counts = snapshot.count(old)
    assert (counts.cases, counts.events, counts.undelivered) == (5, SAID["events"], SAID["undelivered"]) == (5, 6, 1)
    with SyntheticHost({"/": ("application/octet-stream", b"a new file")}) as host:
        reports = place.write("reports.csv", f"url\n{host.url}\n")
        hashes = place.write("list.txt", f"{hashlib.sha256(b'a new file').hexdigest()}\n")
        ran = place.run("verify", reports, "--hashes", hashes, "--out", str(place.out))
    assert ran.status == 0, ran.stdout + ran.stderr
    assert [case["url"] for case in place.lines("cases.jsonl")] == [host.url]
    after = {str(case.case_id): (case.state.value, case.url, case.sha256) for case in case_store.all_cases(old, None)}
    assert len(after) == 6
    assert facts(SAID["cases"]).items() <= after.items()
    assert not old.exists(keys.undelivered())
    assert len(place.lines("events.jsonl")) == 2  # the new one, and the one that version 0.1 could not deliver


def test_the_steps_of_an_upgrade_keep_every_case_event_and_retained_file(place: Workplace, old: Store) -> None:
    """The steps of docs/deployment.md: a backup, the doctor, the service; and the way back from the backup."""
    before = written(old)
    assert len(before) == 5 + SAID["events"] + 3
    old.config_set("repl-diskless-sync-delay", 0)
    assert place.run("backup", "file", "--json").json()["cases"] == len(SAID["cases"])
    hashes = place.write("list.txt", f"{hashlib.sha256(b'none of them').hexdigest()}\n")
    assert place.run("hashlist", "build", hashes, "-o", f"{place.folder}/list.hashes").status == 0
    settings = {"MATCHER_URL": f"hashlist:{place.folder}/list.hashes", "SIGHTING_RETENTION": "36500d"}
    checked = place.run("doctor", **settings)
    assert checked.status == 0, checked.stdout
    assert "ok    readers" in checked.stdout
    serving = place.start("run", **settings)
    try:
        eventually(lambda: run_lock.service(old) and old.scard("rq:workers") == 3)
    finally:
        serving.terminate()
        assert serving.communicate(timeout=PATIENCE_SECONDS) is not None
    assert serving.returncode == 0
    after = written(old)
    assert before.keys() <= after.keys()
    # A case may have learnt by now that the new list does not have it; what has happened stays as it was written.
    events = [name for name in before if name.startswith(keys.event("").encode())]
    assert [after[name][b"json"] for name in events] == [before[name][b"json"] for name in events]
    kept = {str(case.case_id): (case.state.value, case.url, case.sha256) for case in case_store.all_cases(old, None)}
    assert kept == facts(SAID["cases"])
    assert place.run("restore", "file", "--state", f"{place.folder}/back").status == 0
    with embedded.running(place.folder / "back") as back:
        assert written(back) == before


def test_a_file_that_version_0_1_made_a_case_of_makes_no_other(
    old: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = [hashlib.sha256(seen_again(number)).hexdigest() for number in range(2)]
    monkeypatch.setenv("MATCHER_URL", build_list(tmp_path / "list.hashes", listed))
    monkeypatch.setenv("TAKEDOWN_SINKS", f"jsonl:{tmp_path}/events")
    began = now()
    first, second = (case["url"] for case in SAID["cases"][:2])
    another_session = second.replace("0123456789abcdef", "fedcba9876543210")
    assert another_session != second
    add_batch(
        old,
        *(
            a_sighting(seen_again(number), url=url).model_copy(update={"seen_at": began})
            for number, url in enumerate((first, another_session))
        ),
    )
    work(old, QueueName.MATCH)
    found = {str(case.case_id): case for case in case_store.all_cases(old, None)}
    assert found.keys() == facts(SAID["cases"]).keys()
    assert {case.url for case in found.values() if case.last_seen == began} == {first, second}
