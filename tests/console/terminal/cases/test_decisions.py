"""What a person sees of a case, decides about it, and hands on to other hotlines: the commands, on a real store."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import a_match, a_sighting, digests_of, transaction, url_of
from orbweaver import cli
from orbweaver.commands.plain_help import command_of
from orbweaver.console import case_finding
from orbweaver.console.errors import NothingToDo
from orbweaver.matcher_client.lists import build
from orbweaver.matcher_client.services.local_list import HashListService
from orbweaver.model import CaseState, EntryStatus, Nature, Redirect, now
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store, held_queue, waiting_cost
from orbweaver.takedown.cases.transitions import change_by_match
from orbweaver.takedown.errors import DecisionRefused

ROOT: Any = command_of(cli.app)
Run = Callable[..., str]


@pytest.fixture
def run(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command on the store in this process; returns what it printed."""
    monkeypatch.setenv("STORE_URL", url_of(store))
    monkeypatch.setenv("STATE_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "160")

    def do(*arguments: str) -> str:
        ROOT.main(list(arguments), standalone_mode=False)
        return capsys.readouterr().out

    return do


def add(store: Store, url: str, *algorithms: str, body: bytes = b"known", minutes: float = 0, **more: Any) -> str:
    sighting = a_sighting(body, url=url, minutes=minutes).model_copy(
        update={"host": url.split("/")[2], "ip": "203.0.113.7", **more}
    )
    change = change_by_match(sighting, a_match(*(algorithms or ("md5",)), body=body), None, case_store.stamp(store))  # type: ignore[arg-type]
    with transaction(store) as pipe:
        case_store.write(pipe, change)
    return str(change.after.case.case_id)


def test_a_case_is_found_by_all_that_a_person_may_have_of_it(store: Store) -> None:
    way = tuple(Redirect(url=f"https://{name}", status=302) for name in ("files.example/a.jpg", "short.example/x?y=1"))
    known = add(
        store,
        "https://files.example/a.jpg?token=5f2b&ts=1700000000",
        referrer="https://forum.example/t/1",
        redirects=way,
    )
    other = add(store, "http://files.example:8080/b.jpg", body=b"other")
    add(store, "http://else.example/files.example/a.jpg", body=b"third", ip="203.0.113.8")
    of = digests_of(b"known")
    for asked, found in {
        known: {known},
        known[:8]: {known},
        known[:13].upper(): {known},
        of.md5: {known},
        of.sha1.upper(): {known},
        of.sha256: {known},
        "https://files.example/a.jpg?token=5f2b&ts=1700000000": {known},
        "hxxps://files[.]example/a.jpg?token=77&ts=1800000000": {known},
        "files(dot)example/a.jpg": {known},
        "hxxp://forum[.]example/t/1": {known},
        "short[.]example/x?y=1": {known},
        "short.example/x": set(),
        "files[.]example": {known, other},
        "FILES.example:8080": {other},
        "203[.]0[.]113[.]7": {known, other},
        "h.test": set(),
        "0" * 8: set(),
        "0" * 64: set(),
    }.items():
        assert {str(case.case_id) for case in case_finding.find(store, asked)} == found, asked
    with pytest.raises(NothingToDo, match="no id, no digest and no URL"):
        list(case_finding.find(store, "http://"))
    with pytest.raises(NothingToDo, match="several cases"):
        case_finding.find_one(store, "files.example")
    with pytest.raises(NothingToDo, match="no case of the store: see"):
        case_finding.find_one(store, "h.test")
    with pytest.raises(NothingToDo, match="of an id write at least 8 characters"):
        case_finding.find_one(store, known[:5])


def test_the_page_of_a_case_says_what_is_known_and_what_is_not_and_no_url_can_be_clicked(
    store: Store, run: Run
) -> None:
    case_id = add(store, "http://h.example/a.bin", report_ids=("R-1",))
    run("cases", "note", "h.example", "the provider\x1b[31m called http://call.example/", "--as", "Bo")
    page = run("cases", "show", case_id[:8])
    for part in (
        f"Case {case_id}: held since",
        "hxxp://h[.]example/a.bin",
        "MD5: ",
        f"  SHA-256 {digests_of(b'known').sha256}",
        digests_of(b"known").sha1,
        "held: nothing confirms its MD5 or SHA-1",
        "list of hashlist:test: entry without an id",
        "no category, abuse, active; agrees by MD5",
        "1. ",
        "case.held: by orbweaver ",
        "case.note: by Bo",
        "called hxxp://call[.]example/",
        "status 200, 0 kept, from 203.0.113.7",
        "What is not known",
        "what kind of file it is",
    ):
        assert part in page, part
    assert "http://" not in page
    assert "\x1b" not in page
    shown = json.loads(run("cases", "show", case_id, "--json"))
    assert (shown["case"]["url"], [event["sequence"] for event in shown["events"]]) == (
        "http://h.example/a.bin",
        [1, 2],
    )
    assert shown["events"][1]["reason"] == "the provider\x1b[31m called http://call.example/"
    assert case_id in run("cases", "find", "hxxp://h[.]example/a.bin", "--json")
    assert "h[.]example" in run("cases", "find", digests_of(b"known").md5)
    assert run("cases", "find", "nowhere.example") == ""


def test_a_person_decides_by_commands_and_sees_what_followed(
    store: Store, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = add(store, "http://a.example/a.bin")
    add(store, "http://b.example/a.bin")
    said = run("cases", "release", "a.example", "--reason", "seen", "--as", "Anna", "--classification", "iwf:A")
    assert "2 cases now open" in said
    assert "wherever it is found" in said
    assert "2 events for the takedown engine: orbweaver deliveries list" in said
    assert "released by assessment" in run("cases", "show", first)
    listed = run("assessments", "list")
    assert "released on" in listed
    assert "A (iwf)" in listed
    assert "revision 1: released by Anna" in run("assessments", "show", "b.example")
    with pytest.raises(DecisionRefused, match="use cases withdraw"):
        run("cases", "reject", "a.example", "--reason", "no")
    assert "2 cases now withdrawn" in run(
        "assessments", "revise", first, "--to", "rejected", "--reason", "a second look"
    )
    assert "withdrawn: people refused the file, or the case" in run("cases", "show", first)
    shown = json.loads(run("assessments", "show", digests_of(b"known").sha256, "--json"))
    assert [one["decision"] for one in shown["history"]] == ["released", "rejected"]
    assert len(shown["case_ids"]) == 2
    other = add(store, "http://c.example/c.bin", "sha256", body=b"other")
    assert "told to stop" in run("cases", "withdraw", other[:8], "--reason", "a false report")
    monkeypatch.setenv("ASSESSORS", "2")
    add(store, "http://d.example/d.bin", body=b"fourth")
    assert "A second person has to agree" in run("cases", "release", "d.example", "--reason", "x", "--as", "Anna")
    assert "proposes that the file is released" in run("cases", "show", "d.example")
    assert "1 case now open" in run("cases", "release", "d.example", "--reason", "y", "--as", "Bo")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("cases", "release", "a.example", "--reason", " "), "write some words"),
        (("cases", "note", "a.example", " "), "write some words"),
        (("cases", "release", "a.example"), "reason"),
        (("cases", "release", "a.example", "--reason", "x", "--as", "\x07"), "--as: give the name"),
        (("cases", "release", "a.example", "--reason", "x", "--classification", "iwf"), "SCHEME:CATEGORY"),
        (("assessments", "show", "a.example"), "no file that was assessed"),
        (("assessments", "export", "--region", "../x"), "--region"),
    ],
)
def test_what_cannot_be_understood_is_said(store: Store, run: Run, arguments: tuple[str, ...], said: str) -> None:
    add(store, "http://a.example/a.bin")
    with pytest.raises(Exception, match=said):
        run(*arguments)
    assert [case.state for case in case_store.all_cases(store)] == [CaseState.HELD]


def test_what_was_assessed_is_a_list_for_other_hotlines(store: Store, run: Run, tmp_path: Path) -> None:
    for name, kind in (("a", "vics-us:2"), ("b", "iwf:A"), ("c", None)):
        add(store, f"http://{name}.example/x", body=name.encode())
        more = ("--classification", kind) if kind else ()
        run("cases", "reject" if name == "c" else "release", f"{name}.example", "--reason", "x", *more)
    ours = tmp_path / "ours.csv"
    run("assessments", "export", "--out", str(ours), "--list-name", "hotline")
    (tmp_path / "ours.json").write_text(run("assessments", "export", "--format", "vics", "--region", "US"))
    built = {}
    for source in (ours, tmp_path / "ours.json"):
        report = build.build([source], source.with_suffix(".hashes"))
        assert (report.rows, report.refused_count) == (3, 0)
        with contextlib.closing(HashListService(source.with_suffix(".hashes"))) as service:
            built[source.suffix] = {
                name: [
                    (listing.list, listing.category, listing.scheme, listing.nature, listing.status)
                    for listing in service.lookup([digests_of(name.encode())])[0].listings
                ]
                for name in "abc"
            }
    assert built[".csv"] == {
        "a": [("hotline", "2", "vics-us", Nature.ABUSE, EntryStatus.ACTIVE)],
        "b": [("hotline", "A", "iwf", Nature.ABUSE, EntryStatus.ACTIVE)],
        "c": [("hotline", "0", "vics", Nature.BENIGN, EntryStatus.ACTIVE)],
    }
    assert {name: [one[1:4] for one in found] for name, found in built[".json"].items()} == {
        "a": [("2", "vics-us", Nature.ABUSE)],
        "b": [(None, "vics-us", Nature.UNKNOWN)],  # never another category than the one that people gave
        "c": [("0", "vics-us", Nature.BENIGN)],
    }
    assert ours.stat().st_mode & 0o077 == 0
    assert run("assessments", "export", "--decision", "rejected").count("\n") == 2


def test_held_cases_come_by_what_it_costs_to_wait(store: Store, run: Run) -> None:
    at = now()
    recent = {"seen_at": at}
    add(store, "http://weak.example/x", body=b"weak", **recent)
    for number in range(3):
        add(store, f"http://many{number}.example/x", body=b"many", **recent)
    add(store, "http://reported.example/x", body=b"reported", report_ids=("1", "2", "3"), **recent)
    add(store, "http://gone.example/x", body=b"gone", seen_at=at - timedelta(days=60))
    order = [case.url.split("/")[2].partition(".")[0] for case in held_queue.held_cases(store, at)]
    assert order == ["many0", "many1", "many2", "reported", "weak", "gone"]
    lines = [json.loads(line)["host"] for line in run("cases", "list", "--case-state", "held", "--json").splitlines()]
    assert [host.partition(".")[0] for host in lines] == order
    # nothing waits for ever: what was held for long comes before what is new
    first = next(case_store.all_cases(store))
    old = first.model_copy(update={"state_since": at - timedelta(days=70), "last_seen": at})
    new = first.model_copy(update={"state_since": at, "last_seen": at})
    old_cost, new_cost = (waiting_cost.facts_of(case).cost(at.timestamp()) for case in (old, new))
    assert old_cost > 10 * new_cost
