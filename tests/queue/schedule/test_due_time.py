"""When a host is due, and that what set the time is said in words and numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.queue.errors import ScheduleRefused
from orbweaver.queue.schedule.census import share
from orbweaver.queue.schedule.due_time import due
from orbweaver.queue.schedule.explanation import Cause, DueTime, days_in_words
from orbweaver.queue.schedule.policy import PolicyName, SchedulePolicy
from orbweaver.queue.schedule.quiet_hours import QuietHours
from orbweaver.queue.schedule.rates import RateEvidence
from orbweaver.queue.schedule.scheduled_host import ScheduledHost

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
POLICY = SchedulePolicy(budget=1, jitter=0, ceiling_evens=10)
FLEET = [ScheduledHost(f"{number}.example") for number in range(5)]
NIGHT = QuietHours(22 * 60, 6 * 60, "Europe/Stockholm")
DAY = timedelta(days=1)


def decide(policy: SchedulePolicy = POLICY, fleet: list[ScheduledHost] = FLEET, **facts: object) -> DueTime:
    facts = {"last_visit": AT, "visits": 1, **facts}
    return due(ScheduledHost("a.example", **facts), policy, share(fleet, policy, AT), AT)  # type: ignore[arg-type]


def test_a_host_like_all_others_is_due_when_its_share_of_the_budget_says() -> None:
    told = decide()

    assert told.at == AT + 5 * DAY
    assert told.explanation.cause == Cause.POLICY
    assert told.explanation.text == (
        "policy square-root: every 5 days, 1.12 x sqrt(cost 1 / (weight 1 x rate 0.05 a day))"
    )


OFTEN, RARE = RateEvidence(hits=1e6, days=0), RateEvidence(hits=0, days=1e6)
CASES: dict[str, tuple[dict[str, object], datetime | None, Cause, str]] = {
    "a host that is never visited is due at once": (
        {"last_visit": None, "visits": 0},
        AT,
        Cause.FIRST_VISIT,
        "never visited: due at once",
    ),
    "the floor": ({"evidence": OFTEN}, AT + DAY / 24, Cause.FLOOR, "floor: not more often than every 1 hour"),
    "a floor of its own": (
        {"evidence": OFTEN, "floor_days": 2.0},
        AT + 2 * DAY,
        Cause.FLOOR,
        "floor: not more often than every 2 days",
    ),
    "the ceiling": ({"evidence": RARE}, AT + 50 * DAY, Cause.CEILING, "ceiling: at least every 50 days"),
    "a ceiling of its own": (
        {"evidence": RARE, "ceiling_days": 9.0},
        AT + 9 * DAY,
        Cause.CEILING,
        "ceiling: at least every 9 days",
    ),
    "a case in the last days": (
        {"last_case": AT - 2 * DAY},
        AT + 5 * DAY / 2**0.5,
        Cause.HOT,
        "hot until 2026-03-13 12:00 UTC, after a case at 2026-02-27 12:00 UTC: every 3.54 days, because the rate of "
        "hosts of its kind counts 2 times (rate 0.1 a day)",
    ),
    "failed visits": (
        {"failures": 2},
        AT + 5 * DAY,
        Cause.BACK_OFF,
        "back-off: failed visits in a row: 2, the last at 2026-03-01 12:00 UTC; again 5 days later",
    ),
    "a failed visit of a host with a floor of its own": (
        {"failures": 1, "floor_days": 4.0},
        AT + 4 * DAY,
        Cause.BACK_OFF,
        "back-off: failed visits in a row: 1, the last at 2026-03-01 12:00 UTC; again 4 days later",
    ),
    "a visit that is overdue": (
        {"last_visit": AT - 9 * DAY},
        AT,
        Cause.OVERDUE,
        "overdue since 2026-02-25 12:00 UTC: due now",
    ),
    "a last visit in the future, because a clock jumped back": (
        {"last_visit": AT + 900 * DAY},
        AT + 5 * DAY,
        Cause.POLICY,
        "policy square-root: every 5 days, 1.12 x sqrt(cost 1 / (weight 1 x rate 0.05 a day))",
    ),
    "an operator's now": (
        {"asked_at": AT - timedelta(minutes=1), "failures": 9, "evidence": RARE},
        AT - timedelta(minutes=1),
        Cause.OPERATOR,
        "operator: asked for a visit at 2026-03-01 11:59 UTC",
    ),
    "an operator's later": (
        {"asked_at": AT + 3 * DAY},
        AT + 3 * DAY,
        Cause.OPERATOR,
        "operator: asked for a visit at 2026-03-04 12:00 UTC",
    ),
    "an operator's later, after the policy's": (
        {"asked_at": AT + 9 * DAY},
        AT + 5 * DAY,
        Cause.POLICY,
        "policy square-root: every 5 days, 1.12 x sqrt(cost 1 / (weight 1 x rate 0.05 a day))",
    ),
    "an operator's later, for a host of weight 0": (
        {"asked_at": AT + 9 * DAY, "weight": 0},
        AT + 9 * DAY,
        Cause.OPERATOR,
        "operator: asked for a visit at 2026-03-10 12:00 UTC",
    ),
    "quiet hours at the time of the policy": (
        {"last_visit": AT - timedelta(hours=14), "quiet_hours": NIGHT},
        datetime(2026, 3, 6, 5, tzinfo=UTC),
        Cause.QUIET_HOURS,
        "quiet hours 22:00-06:00 Europe/Stockholm: not before 2026-03-06 05:00 UTC",
    ),
    "quiet hours keep an operator's now": (
        {"asked_at": AT, "quiet_hours": QuietHours(9 * 60, 17 * 60, "UTC")},
        datetime(2026, 3, 1, 17, tzinfo=UTC),
        Cause.QUIET_HOURS,
        "quiet hours 09:00-17:00 UTC: not before 2026-03-01 17:00 UTC",
    ),
    "quiet hours that are over since an operator asked": (
        {"asked_at": AT - timedelta(hours=4), "quiet_hours": QuietHours(7 * 60, 9 * 60, "UTC")},
        AT,
        Cause.QUIET_HOURS,
        "quiet hours 07:00-09:00 UTC: not before 2026-03-01 12:00 UTC",
    ),
    "quiet hours all day": (
        {"asked_at": AT, "quiet_hours": QuietHours(0, 1440, "UTC")},
        None,
        Cause.QUIET_HOURS,
        "quiet hours 00:00-24:00 UTC are the whole day: not due",
    ),
    "a weight of 0": (
        {"weight": 0, "evidence": OFTEN},
        None,
        Cause.WEIGHT,
        "weight 0, not due: give the host a weight above 0, or ask for a visit",
    ),
    "an operator's now, for a host of weight 0": (
        {"weight": 0, "asked_at": AT},
        AT,
        Cause.OPERATOR,
        "operator: asked for a visit at 2026-03-01 12:00 UTC",
    ),
    "a host that asked to wait, whoever asks for it": (
        {"asked_at": AT, "wait_until": AT + DAY / 24},
        AT + DAY / 24,
        Cause.HOST_WAIT,
        "the host asked to wait until 2026-03-01 13:00 UTC: not before",
    ),
    "a host that asked to wait for less than its interval": (
        {"wait_until": AT + DAY},
        AT + 5 * DAY,
        Cause.POLICY,
        "policy square-root: every 5 days, 1.12 x sqrt(cost 1 / (weight 1 x rate 0.05 a day))",
    ),
    "a host that asked to wait until a moment that is over": (
        {"asked_at": AT - DAY, "wait_until": AT - DAY / 24},
        AT - DAY,
        Cause.OPERATOR,
        "operator: asked for a visit at 2026-02-28 12:00 UTC",
    ),
    "a pause": (
        {"pause": "asked by the police", "asked_at": AT},
        None,
        Cause.PAUSE,
        "paused, not due: asked by the police",
    ),
    "an authority that is over, before a pause": (
        {"pause": "holiday", "authority": "order 7", "expires_at": AT, "asked_at": AT},
        None,
        Cause.AUTHORITY,
        "authority order 7, not due: it expires at 2026-03-01 12:00 UTC",
    ),
    "an authority that is over before the next visit": (
        {"authority": "order 7", "expires_at": AT + 4 * DAY},
        None,
        Cause.AUTHORITY,
        "authority order 7, not due: it expires at 2026-03-05 12:00 UTC",
    ),
}


@pytest.mark.parametrize(("facts", "moment", "cause", "said"), CASES.values(), ids=CASES)
def test_what_set_the_time_is_said(facts: dict[str, object], moment: datetime | None, cause: Cause, said: str) -> None:
    told = decide(**facts)

    assert told.explanation.cause == cause
    assert told.explanation.text.splitlines()[-1] == said
    assert (told.at is None) == (moment is None)
    if told.at is not None and moment is not None:
        assert abs(told.at - moment) < timedelta(milliseconds=1)


def test_everything_that_had_a_say_is_said_in_order() -> None:
    told = decide(evidence=OFTEN, failures=1, last_case=AT, quiet_hours=QuietHours(0, 1439, "UTC"))

    causes = [reason.cause for reason in told.explanation.reasons]
    assert causes == [Cause.POLICY, Cause.HOT, Cause.FLOOR, Cause.BACK_OFF, Cause.QUIET_HOURS]
    assert len(told.explanation.text.splitlines()) == 5
    assert told.explanation.reasons[0].numbers["weight"] == 1.0


def test_a_wish_for_later_is_said_beside_what_comes_before_it() -> None:
    told = decide(asked_at=AT + 9 * DAY)

    assert not told.is_asked_for
    assert told.explanation.text.splitlines()[0] == "operator: asked for one more visit, at 2026-03-10 12:00 UTC"
    assert decide(asked_at=AT).is_asked_for


def test_a_budget_of_nothing_makes_nothing_due_but_what_an_operator_asks_for() -> None:
    none = SchedulePolicy(budget=0)

    told = decide(none, last_visit=None)
    assert (told.at, told.explanation.cause) == (None, Cause.BUDGET)
    assert told.explanation.text == "budget 0, not due: raise the budget, or ask for a visit"
    assert decide(none, asked_at=AT).at == AT


@pytest.mark.parametrize(
    ("policy", "facts", "said"),
    [
        (
            SchedulePolicy(budget=1, name=PolicyName.UNIFORM),
            {},
            "policy uniform: all hosts equally often, every 5 days",
        ),
        (
            SchedulePolicy(budget=100, name=PolicyName.TIERS),
            {"last_case": AT},
            "policy tiers: a case within 14 days, every 24 hours",
        ),
        (
            SchedulePolicy(budget=0.1, name=PolicyName.TIERS, ceiling_days=60),
            {},
            "policy tiers: no case for so long, every 30 days x 1.67 to fit the budget",
        ),
        (
            SchedulePolicy(budget=0.01, ceiling_days=60),
            {},
            "policy square-root: leaves nothing to share out, because the budget of 0.01 a day pays for less than all "
            "ceilings\nceiling: at least every 60 days x 8.33, because the budget of 0.01 a day cannot pay for all "
            "ceilings",
        ),
        (
            SchedulePolicy(budget=1_000),
            {},
            "policy square-root: leaves nothing to share out, because the budget of 1,000 a day pays for all floors\n"
            "floor: not more often than every 1 hour",
        ),
    ],
)
def test_each_policy_says_how_it_counts(policy: SchedulePolicy, facts: dict[str, object], said: str) -> None:
    assert decide(policy, **facts).explanation.text == said


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ScheduleRefused, match="time zone"):
        due(FLEET[0], POLICY, share(FLEET, POLICY, AT), datetime(2026, 3, 1))  # noqa: DTZ001


moments = st.integers(-100_000, 100_000).map(lambda minutes: AT + timedelta(minutes=minutes))
perhaps = st.one_of(st.none(), moments)
quiet = st.one_of(
    st.none(),
    st.builds(
        QuietHours,
        begins=st.integers(0, 1440),
        ends=st.integers(0, 1440),
        zone=st.sampled_from(["UTC", "Europe/Stockholm", "America/New_York"]),
    ),
)
any_host = st.builds(
    ScheduledHost,
    host=st.just("a.example"),
    evidence=st.builds(RateEvidence, hits=st.floats(0, 1e9), days=st.floats(0, 1e9)),
    weight=st.one_of(st.just(0.0), st.floats(1e-6, 1e9)),
    cost=st.floats(1e-6, 1e9),
    visits=st.integers(0, 10**9),
    failures=st.integers(0, 10**9),
    last_visit=perhaps,
    last_case=perhaps,
    asked_at=perhaps,
    expires_at=perhaps,
    quiet_hours=quiet,
    floor_days=st.one_of(st.none(), st.floats(1e-6, 36_500)),
    ceiling_days=st.one_of(st.none(), st.floats(1e-6, 36_500)),
    wait_until=perhaps,
)
any_policy = st.builds(
    SchedulePolicy, budget=st.one_of(st.just(0.0), st.floats(1e-9, 1e9)), name=st.sampled_from(PolicyName)
)


@given(any_host, any_policy, moments)
def test_no_due_time_is_past_quiet_or_without_authority_and_each_is_explained(
    host: ScheduledHost, policy: SchedulePolicy, at: datetime
) -> None:
    told = due(host, policy, share([host, *FLEET], policy, at), at)

    assert told.explanation.text
    if told.at is None:
        assert told.explanation.cause in {Cause.BUDGET, Cause.WEIGHT, Cause.AUTHORITY, Cause.QUIET_HOURS}
        return
    assert host.quiet_hours is None or not host.quiet_hours.contain(told.at)
    assert host.quiet_hours is None or not host.quiet_hours.contain(max(told.at, at))
    assert host.asked_at is not None or told.at >= at
    assert host.wait_until is None or told.at >= host.wait_until or at >= host.wait_until
    assert host.expires_at is None or told.at < host.expires_at


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (0, "0 minutes"),
        (1 / 1440, "1 minute"),
        (1 / 48, "30 minutes"),
        (1 / 24, "1 hour"),
        (1, "24 hours"),
        (2, "2 days"),
        (3.14159, "3.14 days"),
        (36_500, "36,500 days"),
    ],
)
def test_days_are_shown_as_people_say_them(days: float, words: str) -> None:
    assert days_in_words(days) == words
