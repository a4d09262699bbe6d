"""Each visit has one explicit outcome."""

from __future__ import annotations

import pytest
from builders import an_order
from orbweaver.model import HostAnswers, Limits, Outcome, Reported, Tally
from orbweaver.queue.hosts.visit_outcome import VisitOutcome, ending_of, seen_in
from orbweaver.queue.records.recrawls import RecrawlRecord, RecrawlState
from orbweaver.queue.schedule.visits import Seen

NOTHING = Tally()
SOME = Tally(pages=5, files=5)


def record_of(state: RecrawlState = RecrawlState.FINISHED, **values: object) -> RecrawlRecord:
    return RecrawlRecord(recrawl_id="id", run_id="run", order=an_order(), state=state, **{"tally": SOME, **values})


def seen(outcome: Outcome | None, status: int | None = None, rule: str = "rule") -> Reported:
    return Reported(url="http://h.test/a", outcome=outcome, status=status, rule=rule)


FAILED = RecrawlState.FAILED
TABLE = [
    ("everything was visited", record_of(), (), "finished"),
    ("its worker died", record_of(FAILED, reason="worker doomed died"), (), "crashed"),
    ("it was told to stop", record_of(RecrawlState.INTERRUPTED), (), "stopped"),
    ("it never ended", record_of(RecrawlState.RUNNING), (), "crashed"),
    ("its slice is over", record_of(RecrawlState.QUEUED, slices=2), (), "sliced"),
    ("its next slice is under way", record_of(RecrawlState.RUNNING, slices=2), (), "sliced"),
    ("its worker died in the third slice", record_of(FAILED, slices=2, reason="worker doomed died"), (), "crashed"),
    ("URLs were left out by a limit", record_of(limit="max_pages"), (), "budget"),
    ("too many URLs waited", record_of(limit="waiting"), (), "budget"),
    ("requests that cost much used it up", record_of(limit="max_host_cost"), (), "trapped"),
    ("the host fell silent", record_of(limit="host_errors"), (), "unreachable"),
    ("a limit was reached", record_of(stopped_by="max_seconds"), (), "budget"),
    ("the costs of a few requests", record_of(stopped_by="max_host_cost"), (), "trapped"),
    (
        "the costs of many requests",
        record_of(stopped_by="max_host_cost", tally=Tally(pages=Limits().max_host_cost)),
        (),
        "budget",
    ),
    ("the host failed again and again", record_of(stopped_by="host_errors"), (), "unreachable"),
    ("no address", record_of(tally=NOTHING), [seen(Outcome.UNRESOLVED)], "unreachable"),
    ("no answer in time", record_of(tally=NOTHING), [seen(Outcome.TIMEOUT)], "unreachable"),
    ("not recorded", record_of(tally=NOTHING), (), "unreachable"),
    ("robots.txt", record_of(tally=NOTHING), [seen(Outcome.ROBOTS)], "refused"),
    ("an address of ours", record_of(tally=NOTHING), [seen(Outcome.REFUSED_ADDRESS)], "refused"),
    ("the authority is over", record_of(tally=NOTHING), [seen(Outcome.OUT_OF_SCOPE, rule="scope.expired")], "refused"),
    ("forbidden", record_of(tally=NOTHING), [seen(Outcome.HTTP_ERROR, 403)], "blocked"),
    ("server errors", record_of(tally=Tally(files=1, error_bodies=1)), [seen(Outcome.HTTP_ERROR, 503)], "blocked"),
    ("a gate", record_of(tally=NOTHING), [seen(Outcome.GATE)], "blocked"),
    ("the files are gone", record_of(tally=NOTHING), [seen(Outcome.HTTP_ERROR, 404)], "finished"),
    ("a limit came first", record_of(tally=NOTHING, stopped_by="max_files"), [seen(Outcome.LIMIT)], "budget"),
    (
        "most of the files are refused",
        record_of(answers={"h.test": HostAnswers(files={"given": 5, "http.403": 20})}),
        (),
        "blocked",
    ),
    (
        "one file is refused",
        record_of(answers={"h.test": HostAnswers(files={"given": 50, "http.403": 1})}),
        (),
        "finished",
    ),
]


@pytest.mark.parametrize(("record", "reported", "outcome"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_a_visit_has_one_outcome(record: RecrawlRecord, reported: tuple[Reported, ...], outcome: str) -> None:
    ending = ending_of(record, reported)
    assert ending.outcome == outcome
    assert (ending.reason is None) is (outcome == "finished")
    assert "http" not in (ending.reason or "")


def test_every_outcome_is_met() -> None:
    assert {row[3] for row in TABLE} == set(VisitOutcome)


@pytest.mark.parametrize("outcome", VisitOutcome)
def test_a_failed_visit_is_not_a_quiet_visit_and_a_new_file_is_always_one(outcome: VisitOutcome) -> None:
    assert seen_in(outcome, has_new=True) is Seen.NEW
    quiet = {VisitOutcome.FINISHED, VisitOutcome.BUDGET, VisitOutcome.TRAPPED}
    part = {VisitOutcome.SLICED, VisitOutcome.STOPPED}
    expected = Seen.NOTHING_NEW if outcome in quiet else Seen.PART if outcome in part else Seen.NOTHING
    assert seen_in(outcome, has_new=False) is expected
