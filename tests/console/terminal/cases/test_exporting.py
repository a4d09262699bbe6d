"""`orbweaver cases export`, on a real store: what is chosen, where it goes, what is refused, and the exit status."""

from __future__ import annotations

import csv
import io
import json
import stat
from pathlib import Path

import pytest
from builders import transaction, url_of
from export_cases import REPORTER, URL, a_case, a_listing, an_event
from orbweaver.console.errors import NothingToDo, OutputUnusable
from orbweaver.console.terminal.cases import exporting
from orbweaver.console.terminal.cases.exporting import Choice
from orbweaver.model import Case, CaseState, EventType, ExportFormat, HoldReason
from orbweaver.settings import Settings
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.changes import CaseChange, CaseRecord
from orbweaver.takedown.errors import ReporterUnknown
from orbweaver.takedown.exports import reading
from orbweaver_command import Workplace

OPEN = a_case()
ELSEWHERE = a_case(a_listing(category="B1"), body=b"2", url="https://other.example:8443/b.jpg", ip="192.0.2.99")
HELD = a_case(body=b"3", held_because=(HoldReason.DISPUTED,))


def settings_of(store: Store, **fields: str) -> Settings:
    named = {"reporter_organisation": REPORTER.organisation, "reporter_contact": REPORTER.contact}
    return Settings(store_url=url_of(store), **{**named, **fields})  # type: ignore[arg-type]


def put(store: Store, case: Case, *kinds: EventType) -> None:
    with transaction(store) as pipe:
        for sequence, kind in enumerate(kinds, 1):
            event = an_event(case, kind, sequence)
            case_store.write(pipe, CaseChange(CaseRecord(case, sequence, True, event.recorded_at), event))


@pytest.fixture
def cases(store: Store) -> Store:
    put(store, OPEN, EventType.OPENED)
    put(store, ELSEWHERE, EventType.HELD, EventType.OPENED)
    put(store, HELD, EventType.HELD)
    return store


@pytest.mark.parametrize(
    ("choice", "found", "status"),
    [
        (Choice(), [OPEN, ELSEWHERE], 1),
        (Choice(state=CaseState.OPEN), [OPEN, ELSEWHERE], 0),
        (Choice(hosts=("Other.Example",)), [ELSEWHERE], 0),
        (Choice(hosts=("other.example:8443", "files.example")), [OPEN, ELSEWHERE], 1),
        (Choice(ids=(str(OPEN.case_id),)), [OPEN], 0),
        (Choice(ids=(str(OPEN.case_id)[:8], str(HELD.case_id).upper())), [OPEN], 1),
        (Choice(ids=(str(OPEN.case_id),), state=CaseState.OPEN, hosts=("files.example",)), [OPEN], 0),
    ],
)
def test_the_chosen_cases_are_exported_and_refused_ones_are_named(
    cases: Store, capsysbinary: pytest.CaptureFixture[bytes], choice: Choice, found: list[Case], status: int
) -> None:
    assert exporting.run(settings_of(cases), ExportFormat.CSV, choice, language="en", out=None) == status
    said = capsysbinary.readouterr()
    rows = list(csv.DictReader(io.StringIO(said.out.decode(), newline="")))
    assert {row["reference"] for row in rows} == {str(case.case_id) for case in found}
    refused = [line for line in said.err.decode().splitlines() if "refused: " in line]
    assert len(refused) == status
    assert all(str(HELD.case_id) in line and "held (disputed)" in line and "https://" not in line for line in refused)
    assert f"{len(found)} case" in said.err.decode().splitlines()[-1]


def test_reports_are_lines_of_json_on_standard_output(cases: Store, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    chosen = Choice(state=CaseState.OPEN)
    assert exporting.run(settings_of(cases), ExportFormat.XARF, chosen, language="en", out=None) == 0
    reports = [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]
    assert [report["url"] for report in reports] == [URL, ELSEWHERE.url]
    assert reports[0]["reporter"]["domain"] == "hotline.example"


@pytest.mark.parametrize(("wanted", "number"), [("xarf", 2), ("dsa", 2), ("eml", 2), ("aviator", 1)])
def test_files_in_a_directory_are_for_the_user_alone_and_are_written_again(
    cases: Store, tmp_path: Path, wanted: str, number: int
) -> None:
    out, chosen = tmp_path / "out", Choice(state=CaseState.OPEN)
    for _ in range(2):
        assert exporting.run(settings_of(cases), ExportFormat(wanted), chosen, language="sv", out=out) == 0
        files = list(out.iterdir())
        assert len(files) == number
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_signal_has_all_places_of_its_file_and_other_formats_count_them(
    cases: Store, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    same_file = a_case(url="https://third.example/c.jpg")
    put(cases, same_file, EventType.OPENED)
    held = a_case(url="https://fourth.example/d.jpg", held_because=(HoldReason.BENIGN_TOO,))
    put(cases, held, EventType.HELD)  # nobody chose it, so nobody is told that it is refused
    chosen = Choice(hosts=("third.example",))
    assert exporting.run(settings_of(cases), ExportFormat.AVIATOR, chosen, language="en", out=None) == 0
    (signal,) = json.loads(capsysbinary.readouterr().out)["signals"]
    assert signal["hosts"] == ["files.example", "third.example"]
    for choice, number in ((chosen, "2"), (Choice(hosts=("other.example",)), "0")):
        assert exporting.run(settings_of(cases), ExportFormat.CSV, choice, language="en", out=None) == 0
        (row,) = csv.DictReader(io.StringIO(capsysbinary.readouterr().out.decode(), newline=""))
        assert row["other_places"] == number


def test_several_notices_do_not_fit_on_standard_output(cases: Store) -> None:
    with pytest.raises(OutputUnusable, match="--out DIR"):
        exporting.run(settings_of(cases), ExportFormat.DSA, Choice(state=CaseState.OPEN), language="en", out=None)


@pytest.mark.parametrize("ids", [("0" * 36,), (str(OPEN.case_id)[:7],), ("x\x1b[31m",)])
def test_an_id_that_is_no_case_is_said(cases: Store, ids: tuple[str, ...]) -> None:
    with pytest.raises(NothingToDo, match="is no case") as refused:
        exporting.run(settings_of(cases), ExportFormat.VICS, Choice(ids=ids), language="en", out=None)
    assert str(refused.value).isprintable()


def test_nothing_chosen_and_too_much_are_said(cases: Store) -> None:
    with pytest.raises(NothingToDo, match="no such case"):
        exporting.run(settings_of(cases), ExportFormat.VICS, Choice(hosts=("h",)), language="en", out=None)
    with pytest.raises(NothingToDo, match="more than 2 cases"):
        exporting.run(settings_of(cases), ExportFormat.VICS, Choice(), language="en", out=None, most=2)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"reporter_contact": None}, "REPORTER_CONTACT"),
        ({"reporter_organisation": "a\r\nBcc: b@c.example"}, "REPORTER_ORGANISATION"),
        ({"reporter_organisation": "x" * 201}, "REPORTER_ORGANISATION"),
        ({"reporter_contact": "a@b.example\nBcc: c@d.example"}, "REPORTER_CONTACT"),
        ({"reporter_contact": "a@localhost"}, "REPORTER_CONTACT"),
        ({"reporter_domain": "https://hotline.example"}, "REPORTER_DOMAIN"),
    ],
)
def test_a_sender_that_no_notice_may_have_is_refused(cases: Store, fields: dict[str, str], named: str) -> None:
    with pytest.raises(ReporterUnknown, match=named):
        exporting.run(settings_of(cases, **fields), ExportFormat.EML, Choice(), language="en", out=None)


def test_events_are_read_to_the_last_page(store: Store) -> None:
    kinds = [EventType.OPENED, EventType.SEEN_LIVE, EventType.REMOVED, EventType.REOPENED, EventType.NOTE]
    put(store, OPEN, *kinds)
    (record,) = reading.records(store, [OPEN], REPORTER, page=2)
    assert record.opening == an_event(OPEN, EventType.REOPENED, 4)
    assert (record.sightings, record.returns) == (3, 1)


def test_the_command_says_what_it_cannot_do(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    for arguments in (
        ["--format", "xarf", "--language", "sv"],
        ["--format", "dsa", "--language", "../sv"],
        ["--format", "pdf"],
        ["--format", "vics"],  # there is no store
    ):
        ran = place.run("cases", "export", *arguments)
        assert (ran.status, ran.stdout) == (2, ""), arguments
        assert "Traceback" not in ran.stderr
