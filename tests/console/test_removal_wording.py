"""What people read of the checks of a case, and of the same file elsewhere."""

from __future__ import annotations

from datetime import timedelta

import pytest
from builders import NOON, STAMP, a_match, a_sighting
from orbweaver.console.removal_wording import removal_lines, sibling_lines
from orbweaver.console.terminal.cases.case_blocks import place_lines
from orbweaver.model import Case, CaseState, Presence, Removal
from orbweaver.takedown.cases.transitions import change_by_match
from orbweaver.takedown.removal.siblings import siblings


def a_case(state: CaseState = CaseState.OPEN, url: str = "http://h.test/a.bin", **removal: object) -> Case:
    case = change_by_match(a_sighting(url=url), a_match(), None, STAMP).after.case
    facts = {"presence": Presence.GONE, "rule": "gone.http-404", "reason": "the host answered 404"} | removal
    checked = Removal(since=NOON, checked_at=NOON, **facts)  # type: ignore[arg-type]
    return case.model_copy(update={"state": state, "removal": checked if removal else None})


@pytest.mark.parametrize(
    ("case", "lines"),
    [
        (a_case(), []),
        (
            a_case(confirmations=2),
            [
                "check: the file is gone (gone.http-404: the host answered 404), 2026-03-01 12:00 UTC",
                "removal: 2 of 3 checks agree",
            ],
        ),
        (
            a_case(presence=Presence.BLOCKED, rule="blocked.gate.login", reason="a \x1b[1mlogin", unseen_since=NOON),
            [
                "check: the host does not show it to us (blocked.gate.login: a \ufffd[1mlogin), 2026-03-01 12:00 UTC",
                "nobody could see it since 2026-03-01 12:00 UTC",
            ],
        ),
        (
            a_case(
                CaseState.REMOVED,
                confirmations=3,
                first_gone_at=NOON,
                removed_at=NOON + timedelta(minutes=6),
                probation_checks=2,
                returns=1,
            ),
            [
                "check: the file is gone (gone.http-404: the host answered 404), 2026-03-01 12:00 UTC",
                "removed: first seen gone 2026-03-01 12:00 UTC, confirmed 2026-03-01 12:06 UTC",
                "probation: 2 of 8 checks",
                "reopened: it came back 1 time after a removal",
            ],
        ),
    ],
)
def test_a_case_says_what_its_checks_have_shown(case: Case, lines: list[str]) -> None:
    assert removal_lines(case) == lines
    assert [line.strip() for line in place_lines(case)][-len(lines) :] == lines or not lines


def test_the_same_file_elsewhere_is_counted() -> None:
    case, beside, far = a_case(), a_case(url="http://h.test/b.bin"), a_case(url="http://h.test/c.bin")
    far = far.model_copy(update={"host": "other.test"})
    assert sibling_lines(siblings(case, [case], 1)) == []
    assert sibling_lines(siblings(case, [case, beside, far], 3)) == [
        "the same file: 2 more places, 1 on this host, 1 on 1 other host"
    ]
