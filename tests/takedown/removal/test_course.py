"""Confirmations, removal, probation and return, as a case goes through its checks; time is a value."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from builders import NOON
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.model import CaseState, EventType, Presence, Removal
from orbweaver.takedown.cases.lifecycle import state_after
from orbweaver.takedown.removal.course import PROBATION, Cadence, Turn, after_check, first_due, seen_in_a_visit
from orbweaver.takedown.removal.judgement import VARIES, Judgement

CADENCE = Cadence(timedelta(hours=4), timedelta(hours=24))
LIVE = Judgement(Presence.LIVE, "live.seen", "")
MOVED = Judgement(Presence.MOVED, "moved.host", "")
GONE = Judgement(Presence.GONE, "gone.http-404", "")
NO_NAME = Judgement(Presence.GONE, "gone.no-such-name", "")
CHANGED = Judgement(Presence.CHANGED, "changed.file", "")
KNOWN = Judgement(Presence.CHANGED, "changed.known", "")
UNANSWERED = Judgement(Presence.CHANGED, "changed.unanswered", "")
BLOCKED = Judgement(Presence.BLOCKED, "blocked.http-403", "")
UNAVAILABLE = Judgement(Presence.UNAVAILABLE, "unavailable.timeout", "")
UNKNOWN = Judgement(Presence.UNKNOWN, "unknown.page", "")
NOT_COUNTED = [LIVE, MOVED, KNOWN, UNANSWERED, BLOCKED, UNAVAILABLE, UNKNOWN]


class Life(NamedTuple):
    """What became of a case: its state, the facts of its checks, its events, and when it is checked next."""

    state: CaseState
    removal: Removal | None
    events: tuple[tuple[EventType, datetime], ...]
    due_at: datetime | None

    @property
    def kinds(self) -> list[EventType]:
        return [kind for kind, _ in self.events]


def live(
    checks: Sequence[tuple[Judgement, timedelta | None]],
    state: CaseState = CaseState.OPEN,
    removal: Removal | None = None,
    at: datetime = NOON,
) -> Life:
    """Check a case again and again: each check comes so long after the one before, None: when it is due."""
    events: list[tuple[EventType, datetime]] = []
    told_at, due_at = at, first_due(state, at, CADENCE.recheck_every)
    for judgement, later in checks:
        if due_at is None:
            break
        at = due_at if later is None else at + later
        turn = after_check(state, removal, judgement, at, CADENCE, told_at=told_at)
        removal, due_at = turn.removal, turn.due_at
        if turn.kind is not None:
            events.append((turn.kind, at))
            told_at = told_at if turn.kind is EventType.NOTE else at
            state = state_after(state, turn.kind)
    return Life(state, removal, tuple(events), due_at)


def when_due(*judgements: Judgement) -> list[tuple[Judgement, timedelta | None]]:
    return [(one, None) for one in judgements]


def test_three_checks_that_agree_are_a_removal_and_the_first_of_them_is_when_it_was_seen_gone() -> None:
    one, two, three = (live(when_due(*[GONE] * count)) for count in (1, 2, 3))

    assert (one.events, two.events, three.kinds) == ((), (), [EventType.REMOVED])
    assert one.due_at == NOON + timedelta(hours=4, minutes=3)
    assert two.due_at == NOON + timedelta(hours=4, minutes=6)
    assert three.removal is not None
    assert three.removal.first_gone_at == NOON + timedelta(hours=4)
    assert three.removal.removed_at == NOON + timedelta(hours=4, minutes=6)
    assert three.due_at == three.removal.removed_at + timedelta(hours=1)


def test_checks_that_are_not_three_minutes_apart_are_one_confirmation() -> None:
    often = live([(GONE, timedelta(minutes=1))] * 3)

    assert often.state is CaseState.OPEN
    assert often.removal is not None
    assert often.removal.confirmations == 1
    assert live([(GONE, timedelta(minutes=1))] * 7).state is CaseState.REMOVED


def test_anything_between_two_confirmations_begins_them_anew() -> None:
    for other in (*NOT_COUNTED, CHANGED, NO_NAME):
        assert live(when_due(GONE, GONE, other, GONE, GONE)).state is CaseState.OPEN, other
        assert live(when_due(GONE, GONE, other, GONE, GONE, GONE)).state is CaseState.REMOVED, other


def test_another_file_is_a_removal_when_no_list_knows_it() -> None:
    assert live(when_due(CHANGED, CHANGED, CHANGED)).kinds == [EventType.REMOVED]
    for one in (KNOWN, UNANSWERED):
        assert live([(one, timedelta(hours=4))] * 5).state is CaseState.OPEN


def test_a_name_that_is_gone_is_confirmed_for_longer() -> None:
    assert live([(NO_NAME, timedelta(minutes=30))] * 4).state is CaseState.OPEN
    assert live([(NO_NAME, timedelta(minutes=30))] * 5).state is CaseState.REMOVED
    assert live(when_due(NO_NAME)).due_at == NOON + timedelta(hours=5)


@given(
    st.lists(
        st.tuples(st.sampled_from(NOT_COUNTED), st.timedeltas(timedelta(seconds=1), timedelta(days=9))), max_size=30
    )
)
def test_no_sequence_of_checks_in_which_nothing_says_that_the_file_is_gone_is_a_removal(
    checks: list[tuple[Judgement, timedelta | None]],
) -> None:
    assert EventType.REMOVED not in live(checks).kinds


ANY = st.lists(
    st.tuples(
        st.sampled_from([*NOT_COUNTED, GONE, CHANGED, NO_NAME]),
        st.one_of(st.none(), st.timedeltas(timedelta(seconds=1), timedelta(days=9))),
    ),
    max_size=40,
)


@given(ANY)
def test_a_removal_follows_three_absences_in_a_row_and_nothing_is_forgotten(
    checks: list[tuple[Judgement, timedelta | None]],
) -> None:
    state, removal, at, due_at = CaseState.OPEN, None, NOON, first_due(CaseState.OPEN, NOON, CADENCE.recheck_every)
    row: list[datetime] = []
    for judgement, later in checks:
        if due_at is None:
            break
        at = due_at if later is None else at + later
        row = [*row, at] if judgement.confirms is not None else []
        turn = after_check(state, removal, judgement, at, CADENCE, told_at=at)
        if turn.kind is EventType.REMOVED:
            assert len(row) >= 3
            assert at - row[0] >= timedelta(minutes=6)
        if turn.kind is not None:
            state = state_after(state, turn.kind)
        removal, due_at = turn.removal, turn.due_at
        assert (due_at is None) == (state is CaseState.CLOSED)
        assert due_at is None or due_at > at


def test_a_check_that_is_told_twice_counts_once() -> None:
    first = after_check(CaseState.OPEN, None, GONE, NOON, CADENCE, told_at=NOON)
    again = after_check(CaseState.OPEN, first.removal, GONE, NOON, CADENCE, told_at=NOON)

    assert again.removal == first.removal
    assert again.kind is None
    blocked = after_check(CaseState.OPEN, first.removal, BLOCKED, NOON, CADENCE, told_at=NOON)
    assert blocked.removal == first.removal  # nor does another word about the same moment


def test_a_file_that_is_seen_reminds_the_engine_once_a_day() -> None:
    seen = live(when_due(*[LIVE] * 13))

    assert [(kind, at - NOON) for kind, at in seen.events] == [
        (EventType.SEEN_LIVE, timedelta(hours=24)),
        (EventType.SEEN_LIVE, timedelta(hours=48)),
    ]


def test_nobody_could_see_it_for_a_day_is_said_once() -> None:
    unseen = live(when_due(LIVE, BLOCKED, *[UNAVAILABLE] * 14, LIVE, *[UNKNOWN] * 7))

    notes = [at - NOON for kind, at in unseen.events if kind is EventType.NOTE]
    assert notes == [timedelta(hours=8 + 24), timedelta(hours=18 * 4 + 24)]
    assert unseen.removal is not None
    assert unseen.removal.unseen_since == NOON + timedelta(hours=18 * 4)


def test_a_move_is_told_and_the_file_counts_as_there() -> None:
    moved = live(when_due(GONE, GONE, MOVED))

    assert moved.kinds == [EventType.MOVED]
    assert moved.removal is not None
    assert moved.removal.confirmations == 0


def removed(*later: Judgement) -> Life:
    return live(when_due(GONE, GONE, GONE, *later))


def test_after_a_removal_it_is_looked_for_at_the_times_of_the_plan_and_then_the_case_closes() -> None:
    closed = removed(*[GONE] * len(PROBATION))
    assert closed.kinds == [EventType.REMOVED, EventType.CLOSED]
    assert closed.due_at is None

    removed_at = closed.events[0][1]
    dues = [removed(*[GONE] * count).due_at for count in range(len(PROBATION))]
    assert dues == [removed_at + after for after in PROBATION]
    assert closed.events[1][1] == removed_at + timedelta(days=42)


def test_a_return_opens_the_same_case_again_and_is_counted() -> None:
    back = removed(GONE, GONE, LIVE)
    assert (back.kinds, back.state) == ([EventType.REMOVED, EventType.REOPENED], CaseState.OPEN)

    twice = removed(GONE, LIVE, GONE, GONE, GONE, LIVE)
    assert twice.removal is not None
    assert twice.removal.returns == 2
    assert (twice.removal.removed_at, twice.removal.first_gone_at) == (None, None)


def test_a_host_that_cannot_be_seen_during_probation_neither_reopens_nor_closes_it_until_the_longest_time_is_over() -> (
    None
):
    blocked = removed(*[BLOCKED] * len(PROBATION))
    assert blocked.state is CaseState.REMOVED
    assert blocked.due_at is not None
    assert blocked.due_at == blocked.events[0][1] + timedelta(days=43)

    assert removed(*[BLOCKED] * len(PROBATION), GONE).state is CaseState.CLOSED
    assert removed(*[BLOCKED] * (len(PROBATION) + 60)).state is CaseState.CLOSED


def test_a_late_check_stands_for_all_that_were_due_before_it() -> None:
    late = live([*when_due(GONE, GONE, GONE), (GONE, timedelta(days=8))])
    assert late.removal is not None
    assert late.removal.probation_checks == 5
    assert late.due_at == late.events[0][1] + timedelta(days=14)


def test_a_case_that_a_person_holds_is_not_checked() -> None:
    assert [state for state in CaseState if first_due(state, NOON, CADENCE.recheck_every) is not None] == [
        CaseState.OPEN,
        CaseState.REMOVED,
    ]
    assert isinstance(after_check(CaseState.OPEN, None, LIVE, NOON, CADENCE, told_at=NOON), Turn)


def test_an_ordinary_recrawl_that_sees_the_file_ends_the_count_and_counts_a_return() -> None:
    counted, back = live(when_due(GONE, GONE)).removal, removed(GONE).removal
    assert counted is not None
    assert back is not None
    later = NOON + timedelta(days=2)

    seen = seen_in_a_visit(counted, later, is_back=False)
    assert seen is not None
    assert (seen.presence, seen.rule, seen.confirmations, seen.returns) == (Presence.LIVE, "live.visit", 0, 0)
    again = seen_in_a_visit(back, later, is_back=True)
    assert again is not None
    assert (again.removed_at, again.returns) == (None, 1)
    assert seen_in_a_visit(counted, NOON, is_back=False) == counted
    assert seen_in_a_visit(None, later, is_back=True) is None


def test_a_sighting_that_is_told_after_later_checks_takes_back_what_they_confirmed_with_those_before_it() -> None:
    counted, gone = live(when_due(GONE, GONE)).removal, removed(GONE, GONE).removal
    assert counted is not None
    assert gone is not None
    assert gone.first_gone_at is not None
    assert gone.removed_at is not None

    between = seen_in_a_visit(counted, counted.checked_at - timedelta(minutes=1), is_back=False)
    assert between is not None
    assert (between.presence, between.confirmations, between.first_gone_at) == (Presence.GONE, 0, None)
    # it was removed meanwhile: it was seen gone first when nothing was seen any more
    before = seen_in_a_visit(gone, gone.first_gone_at + timedelta(minutes=1), is_back=False)
    assert before == gone.model_copy(update={"first_gone_at": gone.removed_at})
    # it came back between the removal and a check of the probation
    after = seen_in_a_visit(gone, gone.removed_at + timedelta(minutes=1), is_back=True)
    assert after is not None
    assert (after.confirmations, after.first_gone_at, after.removed_at, after.returns) == (0, None, None, 1)
    again = live([(GONE, timedelta(minutes=5))] * 3, CaseState.OPEN, after, gone.checked_at)
    assert [at - gone.checked_at for _, at in again.events] == [timedelta(minutes=15)]


def test_a_file_that_is_another_one_each_time_is_never_removed_and_a_person_is_told() -> None:
    checks = [CHANGED._replace(other="a")]
    checks += [Judgement(Presence.UNKNOWN, VARIES, "", other) for other in "bcdefghijk"]
    life = live(when_due(*checks))
    assert (life.state, life.kinds) == (CaseState.OPEN, [EventType.NOTE])
    assert life.removal is not None
    assert (life.removal.confirmations, life.removal.confirmed_by) == (0, "changed to k")
    assert life.due_at == life.removal.checked_at + CADENCE.recheck_every
    settled = live(when_due(*checks, *[CHANGED._replace(other="k")] * 3))
    assert settled.kinds == [EventType.NOTE, EventType.REMOVED]


def test_a_check_of_a_clock_that_was_a_year_ahead_does_not_make_all_later_ones_nothing() -> None:
    ahead = live(when_due(GONE, GONE), at=NOON + timedelta(days=365))
    assert ahead.removal is not None
    for checks, kinds in (([GONE] * 3, [EventType.REMOVED]), ([LIVE], [EventType.SEEN_LIVE])):
        life = live(when_due(*checks), removal=ahead.removal)
        assert life.removal is not None
        assert life.removal.checked_at < NOON + timedelta(days=1)
        assert [kind for kind in life.kinds if kind is not EventType.SEEN_LIVE or checks == [LIVE]] == kinds
    # A clock without battery says nothing.
    early = NOON.replace(year=1970)
    assert after_check(CaseState.OPEN, ahead.removal, LIVE, early, CADENCE, told_at=None).removal == ahead.removal
