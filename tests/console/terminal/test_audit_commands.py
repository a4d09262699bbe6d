"""`orbweaver audit`: what it says to people and to scripts, and who looked at cases."""

from __future__ import annotations

import json
import os
import pwd
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import NOON, STAMP, a_match, a_sighting, transaction
from orbweaver import settings
from orbweaver.model import Case, EventType
from orbweaver.queue.fleet.checkpoint_keeper import CheckpointKeeper
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.audit import audit_log, chain, checkpoint_files, checkpoints, verification
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.transitions import PROGRAM, change_by_event, change_by_match
from orbweaver.takedown.errors import AuditUnusable

Run = Callable[..., str]


def add_case(store: Store, name: str = "a") -> Case:
    change = change_by_match(a_sighting(url=f"http://h.test/{name}"), a_match(), None, STAMP)
    with transaction(store) as pipe:
        case_store.write(pipe, change)
    return change.after.case


def accesses(store: Store) -> list[tuple[str, str, list[str]]]:
    audit_log.seal(store)
    all_records = [chain.read(one.entry).record for one in audit_log.entries(store)]
    return [(one["actor"]["name"], one["what"], one["subject"]) for one in all_records if one["kind"] == "access"]


def test_a_log_is_verified_signed_cut_and_found_to_be_cut(run: Run, store: Store, tmp_path: Path) -> None:
    add_case(store)
    add_case(store, "b")
    assert run("audit", "verify") == (
        "2 entries: nothing was changed; compared with no checkpoint: what was sealed is only as safe as the store\n"
    )
    said = run("audit", "checkpoint")
    assert said.startswith(f"{tmp_path}/audit/000000000002.checkpoint: 2 entries, signed by orbweaver-")
    key = run("audit", "key").strip()
    assert said.strip().endswith(key)
    assert stat.S_IMODE((tmp_path / "audit" / "signing.key").stat().st_mode) == 0o600
    elsewhere = tmp_path / "elsewhere"
    run("audit", "checkpoint", "--out", str(elsewhere))
    assert run("audit", "verify").endswith("nothing was changed; compared with 1 checkpoint, the newest of 2 entries\n")
    store.ltrim(keys.audit_digests(), 0, 0)
    store.xtrim(keys.audit_entries(), maxlen=0)
    store.xadd(keys.audit_entries(), {"entry": b"{}"}, id="3-0")
    cut = run("audit", "verify", "--checkpoint", str(elsewhere), "--json")
    faults = json.loads(cut.splitlines()[0])["faults"]
    assert [(one["fault"], one["number"]) for one in faults] == [
        ("missing", 1),
        ("added", 3),
        ("cut", 2),
        ("cut", 2),
    ]
    assert cut.endswith("status 1")


def test_a_checkpoint_that_was_changed_is_a_fault(run: Run, store: Store, tmp_path: Path) -> None:
    add_case(store)
    run("audit", "checkpoint")
    [path] = checkpoint_files.kept_in(tmp_path / "audit")
    path.write_text(path.read_text().replace("\n1\n", "\n0\n"))
    said = run("audit", "verify")
    assert f"the checkpoint {path} proves nothing: the signature of orbweaver-" in said
    assert said.endswith("status 1")


def test_after_a_change_of_the_key_both_are_given(
    run: Run, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_case(store)
    run("audit", "checkpoint")
    before = run("audit", "key").strip()
    monkeypatch.setenv("AUDIT_KEY_FILE", str(tmp_path / "new.key"))
    checkpoints.make_key(tmp_path / "new.key", "new")
    add_case(store, "b")
    run("audit", "checkpoint")
    assert "new has not signed this checkpoint" in run("audit", "verify")
    said = run("audit", "verify", "--key", before, "--key", run("audit", "key").strip())
    assert said.endswith("nothing was changed; compared with 2 checkpoints, the newest of 2 entries\n")


def test_what_is_written_while_the_log_is_verified_is_no_fault(
    run: Run, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = add_case(store)
    read = verification.read_retention_work
    written = []

    def write_meanwhile(*arguments: Any) -> Any:
        if not written:
            written.append(True)
            record = case_store.record_of(store, str(case.case_id))
            assert record is not None
            with transaction(store) as pipe:
                case_store.write(pipe, change_by_event(record, EventType.NOTE, STAMP, actor=PROGRAM, reason="x"))
        return read(*arguments)

    monkeypatch.setattr(verification, "read_retention_work", write_meanwhile)
    assert run("audit", "verify").startswith("2 entries: nothing was changed")


def test_no_text_of_the_store_or_of_a_pack_writes_a_line_of_its_own(run: Run, store: Store, tmp_path: Path) -> None:
    case = add_case(store)
    store.rpush(keys.case_events(str(case.case_id)), "x\n2 entries: nothing was changed")
    [line, last, _] = run("audit", "verify").splitlines()
    assert "x\N{REPLACEMENT CHARACTER}2 entries" in line
    assert "1 fault" in last
    deep = tmp_path / "deep.json"
    deep.write_text("[" * 100_000)
    with pytest.raises(AuditUnusable, match="cannot be read"):
        run("audit", "verify-pack", str(deep), "--key", run("audit", "key").strip())


def test_the_pack_of_a_case_is_checked_without_the_store(run: Run, store: Store, tmp_path: Path) -> None:
    case = add_case(store)
    key, path = run("audit", "key").strip(), tmp_path / "pack.json"
    run("audit", "export", str(case.case_id), "--out", str(path))
    store.flushall()
    assert run("audit", "verify-pack", str(path), "--key", key) == (
        f"{path}: 1 event of case {case.case_id}, all proved\n"
    )
    path.write_text(path.read_text().replace("h.test", "i.test"))
    said = run("audit", "verify-pack", str(path), "--key", key)
    assert "event 1 of the pack is not as it was recorded: it was changed" in said
    assert said.endswith("status 1")


def test_whoever_looks_at_cases_is_recorded(run: Run, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "somebody else")
    case_id = str(add_case(store).case_id)
    run("cases", "list")
    run("cases", "list", "--case-state", "held", "--json")
    run("cases", "show", case_id)
    run("cases", "find", "h.test")
    run("cases", "export", "--format", "vics", "--case", case_id)
    run("assessments", "list")
    run("assessments", "export")
    me = pwd.getpwuid(os.getuid()).pw_name
    assert accesses(store) == [
        (me, "cases list", []),
        (me, "cases list --case-state held", []),
        (me, "cases show", [case_id]),
        (me, "cases find", [case_id]),
        (me, "cases export --format vics", [case_id]),
        (me, "assessments list", []),
        (me, "assessments export", []),
    ]
    assert run("audit", "verify").startswith("8 entries: nothing was changed")


def test_what_cannot_be_recorded_is_not_shown(run: Run, store: Store) -> None:
    case_id = str(add_case(store).case_id)
    store.delete(keys.audit_waiting())
    store.set(keys.audit_waiting(), "another type")
    with pytest.raises(Exception, match="WRONGTYPE"):
        run("cases", "show", case_id)


def test_a_scheduler_keeps_a_checkpoint_when_the_log_has_grown(
    run: Run, store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = settings.load()
    folder = checkpoint_files.folder_in(loaded.state_dir)
    CheckpointKeeper(store, loaded).keep_if_due()
    assert checkpoint_files.kept_in(folder) == []
    add_case(store)
    audit_log.seal(store)
    CheckpointKeeper(store, loaded).keep_if_due()
    assert [one.name for one in checkpoint_files.kept_in(folder)] == ["000000000001.checkpoint"]
    assert not checkpoint_files.is_due(folder, 1, timedelta(days=1), NOON + timedelta(days=36_500))
    assert checkpoint_files.is_due(folder, 2, timedelta(days=1), NOON + timedelta(days=36_500))
    add_case(store, "b")
    audit_log.seal(store)
    (folder / "signing.key").write_text("damaged")
    CheckpointKeeper(store, loaded.model_copy(update={"audit_checkpoint_every": timedelta(0)})).keep_if_due()
    assert "no checkpoint of the audit log: the key" in caplog.text
