"""The progress display: nothing runs backwards, no time is promised that nobody knows, and every width holds."""

from __future__ import annotations

import io
import itertools
from dataclasses import replace

import pytest
from orbweaver.console.terminal.runs.eta import Eta, Work
from orbweaver.console.terminal.runs.progress import ProgressDisplay, share_done
from orbweaver.model import Tally
from orbweaver.queue.records.recrawls import RecrawlState
from orbweaver.queue.runs.verify_result import HostProgress, VerifyProgress
from rich.console import Console

QUEUED, RUNNING, DONE = RecrawlState.QUEUED, RecrawlState.RUNNING, RecrawlState.FINISHED


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def progress(*states: RecrawlState, files: int = 0, queued: int = 0, waiting: int = 0) -> VerifyProgress:
    each = tuple(
        HostProgress(f"www.host-{number}.test", state, Tally(files=files, queued=queued, pages=1))
        for number, state in enumerate(states)
    )
    total = Tally(files=files * len(states), queued=queued, pages=len(states))
    done = sum(state is DONE for state in states)
    return VerifyProgress(len(states), done, total, matches=0, unknown=0, waiting=waiting, each=each)


def test_the_bar_shows_the_hosts_that_are_done_and_makes_no_claim_about_the_last_ones() -> None:
    assert share_done(progress(RUNNING, QUEUED)) == 0
    between_slices = replace(progress(RUNNING, QUEUED).each[1], slices=1)
    assert share_done(replace(progress(RUNNING, QUEUED), each=(between_slices,))) is None
    assert share_done(progress(DONE, RUNNING, QUEUED, QUEUED)) == 0.25
    assert share_done(progress(*[DONE] * 99, RUNNING)) is None
    assert share_done(progress(DONE, waiting=1)) is None


def on_terminal(columns: int, lines: int) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=columns, height=lines, highlight=False)


def picture(display: ProgressDisplay, one: VerifyProgress, columns: int, lines: int) -> list[str]:
    plain = Console(file=io.StringIO(), width=columns, height=lines, highlight=False)
    plain.print(display._picture(one, ""))
    assert isinstance(plain.file, io.StringIO)
    return plain.file.getvalue().splitlines()


@pytest.mark.parametrize(("columns", "lines"), [(40, 10), (60, 24), (80, 24), (120, 50), (200, 8)])
def test_there_is_a_row_a_host_as_far_as_the_terminal_has_room(columns: int, lines: int) -> None:
    display = ProgressDisplay(on_terminal(columns, lines), clock=Clock())
    said = picture(display, progress(*[RUNNING] * 20, QUEUED, files=1_234, queued=56), columns, lines)
    assert max(map(len, said)) <= columns
    assert len(said) < lines
    rows = [line for line in said if line.startswith("www")]
    assert 1 <= len(rows) <= 12
    assert all("1,234" in row and "56" in row for row in rows)
    assert said[-1] == f"and {20 - len(rows)} more hosts"


def test_the_bar_does_not_run_backwards() -> None:
    display = ProgressDisplay(on_terminal(80, 24), clock=Clock())
    shares = []
    for states in ((DONE, DONE, QUEUED, QUEUED), (DONE, QUEUED, QUEUED, QUEUED), (DONE, DONE, DONE, QUEUED)):
        display._picture(progress(*states), "")
        shares.append(display._share)
    assert shares == [0.5, 0.5, 0.75]


def work(seconds: float, *, done: int = 0, hosts_waiting: int = 0, visited: int = 0, waiting: int = 0) -> Work:
    return Work(seconds, 40, done, hosts_waiting, visited, waiting)


def test_no_time_is_said_before_there_is_something_to_judge_by() -> None:
    eta = Eta(0)
    assert eta.say(work(1, hosts_waiting=30, visited=5, waiting=9)) == ""
    assert eta.say(work(60, done=2, hosts_waiting=30)) == ""
    assert eta.say(work(60, done=4, hosts_waiting=30)) == "about 9 min left"


def test_with_no_host_waiting_the_time_is_for_what_is_known_at_the_pace_of_the_last_minute() -> None:
    eta = Eta(0)
    assert eta.say(work(0, visited=1, waiting=100)) == ""
    assert eta.say(work(10, visited=101, waiting=600)) == "about 1 min for the URLs known so far"
    for second in range(20, 400, 10):  # slower: one URL a second
        said = eta.say(work(second, visited=101 + second, waiting=600))
    assert said == "about 10 min for the URLs known so far"
    for second in range(400, 500, 10):
        said = eta.say(work(second, visited=500, waiting=600))
    assert said == "no answer for a while"
    assert eta.say(work(510, visited=3, waiting=10)) == "", "the recrawl began again"


def test_without_a_terminal_lines_come_soon_and_then_less_and_less_often() -> None:
    clock = Clock()
    said = io.StringIO()
    console = Console(file=said, width=200, highlight=False)
    said_at = []
    with ProgressDisplay(console, clock=clock) as display:
        for second in range(600):
            clock.seconds = 100.0 + second
            assert isinstance(console.file, io.StringIO)
            before = console.file.tell()
            display.show(progress(RUNNING, files=second))
            if console.file.tell() != before:
                said_at.append(second)
        display.show(progress(DONE, files=600))
    assert said_at[:6] == [0, 5, 15, 35, 75, 135]
    assert {later - sooner for sooner, later in itertools.pairwise(said_at[5:])} == {60}
    assert said.getvalue().splitlines()[-1].startswith("hosts 1/1  pages 1  files 600")
