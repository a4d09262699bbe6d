"""What is counted of a group of cases, and between which bounds each number surely lies."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.model import CaseState
from orbweaver.takedown.statistics.clocks import CaseClocks, Start
from orbweaver.takedown.statistics.grouping import GroupedBy, name_of
from orbweaver.takedown.statistics.lists import slowest_tenth, still_online
from orbweaver.takedown.statistics.periods import Period, days, quarter, year
from orbweaver.takedown.statistics.report import report_on
from orbweaver.takedown.statistics.summary import FEWEST_TO_ESTIMATE, summarise, times_since
from orbweaver.takedown.statistics.turnbull import TimeInterval
from orbweaver.takedown.statistics.yearly_report import YearlyRow, yearly_rows

NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def clocks(
    *,
    live: float = 10,
    gone: float | None = None,
    delivered: float | None = 1,
    state: CaseState | None = None,
    received: float = 0,
    **other: Any,
) -> CaseClocks:
    """A case that was seen live and gone so many hours after NOON."""
    return CaseClocks(
        **{
            "case_id": "c-1",
            "host": "h.test",
            "country": "SE",
            "asn": 64496,
            "provider": "Example Hosting",
            "is_cdn": False,
            "route": "police",
            "kind": None,
            "state": state or (CaseState.OPEN if gone is None else CaseState.REMOVED),
            "was_opened": True,
            "received_at": NOON + hours(received),
            "delivered_at": None if delivered is None else NOON + hours(delivered),
            "acknowledged_at": None,
            "last_live_at": NOON + hours(live),
            "gone_at": None if gone is None else NOON + hours(gone),
            "returns": 0,
        }
        | other
    )


@pytest.mark.parametrize(
    ("case", "since_receipt", "since_delivery"),
    [
        (clocks(live=10, gone=14), TimeInterval(10, 14), TimeInterval(9, 13)),
        # Rounded outward: the true time is never outside.
        (clocks(live=10.9, gone=14.1), TimeInterval(10, 15), TimeInterval(9, 14)),
        (clocks(live=10), TimeInterval(10, None), TimeInterval(9, None)),
        (clocks(live=0, gone=0.2, delivered=0.1), TimeInterval(0, 1), TimeInterval(0, 1)),
        # Seen before it was received, and gone before anybody was told.
        (clocks(live=-5, gone=3, delivered=3), TimeInterval(0, 3), None),
        (clocks(live=1, gone=3, received=4), None, TimeInterval(0, 2)),
        (clocks(live=10, gone=14, delivered=None), TimeInterval(10, 14), None),
        # Clocks of two machines that disagree.
        (clocks(live=15, gone=14), TimeInterval(13, 14), TimeInterval(12, 13)),
    ],
)
def test_time_to_removal_is_an_interval(
    case: CaseClocks, since_receipt: TimeInterval | None, since_delivery: TimeInterval | None
) -> None:
    assert case.time_to_removal(Start.RECEIVED) == since_receipt
    assert case.time_to_removal(Start.DELIVERED) == since_delivery


def test_what_is_counted() -> None:
    summary = summarise(
        [
            clocks(gone=14),
            clocks(gone=14, state=CaseState.CLOSED, acknowledged_at=NOON, returns=2),
            clocks(returns=1),
            clocks(delivered=None),
            # Taken back after it was opened: by a list, and by a person.
            clocks(state=CaseState.HELD),
            clocks(state=CaseState.WITHDRAWN, returns=1),
            # Never opened.
            clocks(state=CaseState.HELD, was_opened=False, delivered=None),
            clocks(state=CaseState.WITHDRAWN, was_opened=False, delivered=None),
        ]
    )
    counts = (summary.raised, summary.removed, summary.online, summary.ever_removed, summary.returned)
    assert counts == (4, 2, 2, 3, 2)
    assert (summary.delivered, summary.acknowledged, summary.withdrawn) == (5, 1, 2)
    assert summary.recidivism == pytest.approx(2 / 3)
    assert summary.withdrawal_rate == pytest.approx(2 / 5)
    received, delivered = summary.times
    assert (received.start, received.cases, received.gone_before) == (Start.RECEIVED, 4, 0)
    assert (delivered.start, delivered.cases, delivered.gone_before) == (Start.DELIVERED, 3, 0)


def test_of_nothing_there_is_no_rate_and_no_time() -> None:
    summary = summarise([])
    assert (summary.recidivism, summary.withdrawal_rate) == (None, None)
    assert [(times.cases, times.shares, times.median) for times in summary.times] == [(0, (), None)] * 2


def test_few_cases_have_bounds_and_no_estimate() -> None:
    few = [clocks(live=10, gone=14)] * (FEWEST_TO_ESTIMATE - 1)
    times = times_since(Start.RECEIVED, few)
    assert [(share.hours, share.least, share.low, share.most) for share in times.shares] == [
        (12, 0, None, 1),
        (24, 1, None, 1),
        (72, 1, None, 1),
        (144, 1, None, 1),
    ]
    assert times.median is not None
    assert (times.median.least, times.median.low, times.median.high, times.median.most) == (10, None, None, 14)
    times = times_since(Start.RECEIVED, [*few, few[0]])
    assert times.median is not None
    assert (times.median.low, times.median.high, times.median.is_estimated) == (10, 14, True)


def test_a_quantile_that_has_not_come_has_no_upper_bound() -> None:
    times = times_since(Start.RECEIVED, [*[clocks(live=10, gone=14)] * 6, *[clocks(live=50)] * 6])
    assert times.nine_tenths is not None
    assert (times.nine_tenths.least, times.nine_tenths.low, times.nine_tenths.high) == (50, 50, None)
    assert times.nine_tenths.most is None


@given(
    st.lists(
        # In minutes: a case has its times to the millisecond.
        st.tuples(st.integers(6, 12_000), st.integers(0, 1_800), st.integers(6, 1_800), st.booleans()),
        min_size=1,
        max_size=40,
    )
)
def test_the_true_numbers_lie_between_the_bounds(files: list[tuple[int, int, int, bool]]) -> None:
    """Each file has a true time of removal, and was seen some time before, and some time after or never."""
    true = [removed / 60 for removed, _, _, _ in files]
    cases = [
        clocks(live=max(0, removed - before) / 60, gone=(removed + after) / 60 if is_over else None)
        for removed, before, after, is_over in files
    ]
    times = times_since(Start.RECEIVED, cases)
    for share in times.shares:
        actual = sum(time <= share.hours for time in true) / len(true)
        assert share.least <= actual <= share.most
        if share.low is not None and share.high is not None:
            assert share.least <= share.low <= share.high <= share.most
    for quantile in (times.median, times.nine_tenths):
        assert quantile is not None
        actual = sorted(true)[max(math.ceil(quantile.share * len(true) - 1e-9), 1) - 1]
        assert quantile.least - 1e-9 <= actual <= 1e-9 + (math.inf if quantile.most is None else quantile.most)
        if quantile.low is not None:
            assert quantile.least <= quantile.low <= (math.inf if quantile.high is None else quantile.high)
        if quantile.most is not None and quantile.is_estimated:
            assert quantile.high is not None
            assert quantile.high <= quantile.most


def test_lists_begin_with_what_was_there_longest() -> None:
    cases = [clocks(case_id=f"c-{number}", live=number, gone=number + 1) for number in range(1, 20)]
    cases += [
        clocks(case_id="open-1", live=5),
        clocks(case_id="open-2", live=19),
        clocks(state=CaseState.HELD, live=99),
    ]
    assert [case.case_id for case in still_online(cases)] == ["open-2", "open-1"]
    # 21 cases were raised. Of two that were there 19 hours for sure, the one that is there still may be there longer.
    assert [case.case_id for case in slowest_tenth(cases)] == ["open-2", "c-19", "c-18"]


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, ("h.test", "AS64496 Example Hosting", "SE", "police")),
        ({"provider": None}, ("h.test", "AS64496", "SE", "police")),
        ({"asn": None, "provider": None, "country": None, "route": None}, ("h.test", "unknown", "unknown", "none")),
        ({"is_cdn": True, "provider": "Fastly", "asn": None}, ("h.test", "Fastly (CDN)", "behind a CDN", "police")),
    ],
)
def test_the_name_of_a_group(changes: dict[str, Any], names: tuple[str, ...]) -> None:
    assert tuple(name_of(clocks(**changes), by) for by in GroupedBy) == names


def test_the_groups_are_parts_of_the_whole() -> None:
    cases = [clocks(country=country, gone=14) for country in ("SE", "NL", "NL")]
    report = report_on(cases, Period(), GroupedBy.COUNTRY, NOON)
    assert [(name, group.raised) for name, group in report.groups] == [("NL", 2), ("SE", 1)]
    assert report.whole.raised == 3


def test_the_table_of_a_year_counts_notices_by_provider_and_kind() -> None:
    cases = [
        clocks(gone=14, kind="scheme: A"),
        clocks(kind="scheme: A"),
        clocks(gone=0.5, kind="scheme: A"),
        clocks(state=CaseState.HELD, kind="scheme: A"),
        clocks(),
        clocks(delivered=None, kind="scheme: A"),
        clocks(delivered=24 * 365, kind="scheme: A"),  # a notice of the next year
        clocks(asn=64497, provider="=Other", kind="scheme: A"),
    ]
    assert yearly_rows(cases, year("2026")) == [
        YearlyRow("AS64496 Example Hosting", "not stated", 1, 0, 0, 1, 0),
        YearlyRow("AS64496 Example Hosting", "scheme: A", 4, 1, 1, 1, 1),
        YearlyRow("AS64497 =Other", "scheme: A", 1, 0, 0, 1, 0),
    ]


@pytest.mark.parametrize(
    ("period", "first", "after"),
    [
        (quarter("2026Q4"), "2026-10-01", "2027-01-01"),
        (quarter("2026-q1"), "2026-01-01", "2026-04-01"),
        (quarter("2026Q2"), "2026-04-01", "2026-07-01"),
        (quarter("2026Q3"), "2026-07-01", "2026-10-01"),
        (year("2024"), "2024-01-01", "2025-01-01"),
        (days("2026-10-01", "2026-10-01"), "2026-10-01", "2026-10-02"),
    ],
)
def test_a_period_has_its_first_and_its_last_moment(period: Period, first: str, after: str) -> None:
    begin, end = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (first, after))
    tick = timedelta(microseconds=1)
    assert [period.has(moment) for moment in (begin - tick, begin, end - tick, end)] == [False, True, True, False]


def test_a_period_may_have_no_end() -> None:
    assert days(None, None).has(NOON)
    assert days("2026-10-05", None).has(NOON)
    assert not days(None, "2026-10-04").has(NOON)


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (lambda: quarter("2026Q5"), "is no quarter: write 2026Q4"),
        (lambda: quarter("Q4"), "is no quarter"),
        (lambda: quarter("0000Q1"), "is no quarter"),
        (lambda: year("26"), "is no year: write 2026"),
        (lambda: year("0000"), "is no year"),
        (lambda: days("2026-13-01", None), "is no day: write 2026-10-01"),
        (lambda: days("yesterday", None), "is no day"),
        (lambda: days("2026-10-02", "2026-10-01"), "2026-10-01 is before 2026-10-02"),
    ],
)
def test_what_is_no_period_is_refused(read: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read()
