"""`orbweaver stats` on a simulated history with known times of removal, against a computation of the test's own."""

from __future__ import annotations

import csv
import io
import json
import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest
from builders import url_of
from orbweaver.commands.cases import stats
from orbweaver.console import statistics_csv
from orbweaver.console.terminal.statistics import showing
from orbweaver.settings import Settings
from orbweaver.store import embedded, keys
from orbweaver.store.connection import Store
from orbweaver.takedown.statistics import periods
from orbweaver.takedown.statistics.grouping import GroupedBy
from orbweaver.takedown.statistics.yearly_report import YearlyRow
from orbweaver_command import Workplace
from simulated_history import UTC_MIDNIGHT, SimulatedCase, simulate, write
from typer.testing import CliRunner

FIRST = datetime(2026, 9, 1, tzinfo=UTC_MIDNIGHT.tzinfo)
CASES = list(simulate(13, FIRST, 150, 240))
QUARTER = [case for case in CASES if UTC_MIDNIGHT <= case.received_at < datetime(2027, 1, 1, tzinfo=FIRST.tzinfo)]
BANDS = (12, 24, 72, 144)
GROUPINGS: dict[str, Callable[[SimulatedCase], str]] = {
    "host": lambda case: case.host,
    "provider": lambda case: case.provider,
    "country": lambda case: case.country,
    "route": lambda case: case.route,
}
Hours = tuple[int, float]  # later than the first, and the second at the latest; inf: not yet


@pytest.fixture(scope="module")
def place() -> Iterator[Workplace]:
    with tempfile.TemporaryDirectory() as folder:
        made = Workplace(Path(folder))
        with embedded.running(made.state) as store:
            write(store, CASES)
            yield made


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def shown(place: Workplace, capsys: pytest.CaptureFixture[str], by: str | None, form: str) -> str:
    """What the command prints of the quarter."""
    grouped_by = None if by is None else GroupedBy(by)
    showing.show(Settings(state_dir=place.state), periods.quarter("2026Q4"), grouped_by, form=form)
    return capsys.readouterr().out


def counted(cases: Sequence[SimulatedCase]) -> dict[str, str]:
    """The counts of a group, by their columns."""
    raised = [case for case in cases if not case.is_withdrawn]
    gone = [case for case in raised if case.gone_after is not None]
    returned = sum(case.returns > 0 for case in gone)
    delivered = [case for case in cases if case.delivered_after is not None]
    withdrawn = sum(case.is_withdrawn for case in delivered)
    return {
        "raised": str(len(raised)),
        "removed": str(len(gone)),
        "online": str(len(raised) - len(gone)),
        "ever_removed": str(len(gone)),
        "returned": str(returned),
        "delivered": str(len(delivered)),
        "acknowledged": "0",
        "withdrawn": str(withdrawn),
        "recidivism": f"{returned / len(gone):.4f}" if gone else "",
        "withdrawal_rate": f"{withdrawn / len(delivered):.4f}" if delivered else "",
    }


def observed(cases: Sequence[SimulatedCase], clock: str) -> tuple[list[Hours], int]:
    """The hours between which each file was removed, and how many were gone before the clock began."""
    found: list[Hours] = []
    gone_before = 0
    for case in cases:
        start = 0.0 if clock == "received" else case.delivered_after
        if case.is_withdrawn or start is None:
            continue
        if case.gone_after is not None and case.gone_after <= start:
            gone_before += 1
            continue
        upper = math.inf if case.gone_after is None else math.ceil(round(case.gone_after - start, 6))
        found.append(
            (min(max(0, math.floor(case.live_after - start)), upper - 1 if upper < math.inf else 10**6), upper)
        )  # type: ignore[arg-type]
    return found, gone_before


def certain_shares(times: Sequence[Hours]) -> dict[str, str]:
    shares = {}
    for hours in BANDS:
        shares[f"within_{hours}h_least"] = f"{sum(upper <= hours for _, upper in times) / len(times):.4f}"
        shares[f"within_{hours}h_most"] = f"{sum(lower < hours for lower, _ in times) / len(times):.4f}"
    return shares


def certain_quantiles(times: Sequence[Hours]) -> dict[str, str]:
    found = {}
    for name, tenths in (("median", 5), ("nine_tenths", 9)):
        place = -(-len(times) * tenths // 10) - 1
        lower, upper = sorted(lower for lower, _ in times)[place], sorted(upper for _, upper in times)[place]
        found[f"{name}_hours_least"] = str(lower)
        found[f"{name}_hours_most"] = "" if upper == math.inf else str(upper)
    return found


def estimated_shares(times: Sequence[Hours]) -> dict[int, tuple[float, float]]:
    """Turnbull's estimate by plain steps of expectation and maximisation, cell by cell."""
    ends: list[tuple[float, int]] = sorted({(lower, 1) for lower, _ in times} | {(upper, 0) for _, upper in times})
    cells = [(a[0], b[0]) for a, b in pairwise(ends) if (a[1], b[1]) == (1, 0)]
    inside = [[n for n, (left, right) in enumerate(cells) if low <= left and right <= up] for low, up in times]
    masses = [1 / len(cells)] * len(cells)
    for _ in range(1_500):
        new = [0.0] * len(cells)
        for places in inside:
            whole = sum(masses[n] for n in places)
            for n in places:
                new[n] += masses[n] / whole / len(times)
        masses = new
    pairs = list(zip(cells, masses, strict=True))
    return {
        hours: (sum(m for (_, right), m in pairs if right <= hours), sum(m for (left, _), m in pairs if left < hours))
        for hours in BANDS
    }


def true_hours(cases: Sequence[SimulatedCase], clock: str) -> list[float]:
    """The true times of removal of the files that are timed."""
    found = []
    for case in cases:
        start = 0.0 if clock == "received" else case.delivered_after
        if case.is_withdrawn or start is None or (case.gone_after is not None and case.gone_after <= start):
            continue
        found.append(math.inf if case.removed_after is None else max(0.0, case.removed_after - start))
    return found


@pytest.mark.parametrize("by", GROUPINGS)
def test_the_table_of_a_quarter_is_what_the_test_computes_itself(
    place: Workplace, capsys: pytest.CaptureFixture[str], by: str
) -> None:
    rows = read_csv(shown(place, capsys, by, "csv"))
    groups: dict[str, list[SimulatedCase]] = {}
    for case in QUARTER:
        groups.setdefault(GROUPINGS[by](case), []).append(case)
    assert {row["group"].lstrip("'") for row in rows} == {"all", *groups}
    assert len(rows) == 2 * (len(groups) + 1)
    for row in rows:
        cases = groups.get(row["group"], QUARTER)
        assert (row["from"], row["to"], row["by"]) == ("2026-10-01", "2026-12-31", "all" if cases is QUARTER else by)
        times, gone_before = observed(cases, row["clock"])
        certain = {
            **counted(cases),
            **certain_shares(times),
            **certain_quantiles(times),
            "timed": str(len(times)),
            "gone_before": str(gone_before),
        }
        assert {name: row[name] for name in certain} == certain, (row["group"], row["clock"])
        actual = true_hours(cases, row["clock"])
        for hours in BANDS:
            share = sum(time <= hours for time in actual) / len(actual)
            assert float(row[f"within_{hours}h_least"]) - 5e-5 <= share <= float(row[f"within_{hours}h_most"]) + 5e-5
        median = sorted(actual)[-(-len(actual) // 2) - 1]
        assert float(row["median_hours_least"]) <= median <= float(row["median_hours_most"] or "inf")


def test_the_estimates_are_turnbulls(place: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    for row in read_csv(shown(place, capsys, "provider", "csv")):
        cases = [case for case in QUARTER if row["group"] in {"all", case.provider}]
        if row["clock"] == "delivered" or not cases or row["group"] == "all":
            continue
        times, _ = observed(cases, "received")
        for hours, (low, high) in estimated_shares(times).items():
            assert float(row[f"within_{hours}h_low"]) == pytest.approx(low, abs=2e-3)
            assert float(row[f"within_{hours}h_high"]) == pytest.approx(high, abs=2e-3)
        actual = sorted(true_hours(cases, "received"))
        # Not promised, but what an estimate is for: within the noise of so few cases.
        assert float(row["median_hours_low"]) == pytest.approx(actual[len(actual) // 2], rel=0.25)


def test_the_command_prints_the_table(place: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    ran = place.run("stats", "--quarter", "2026Q4", "--by", "route", "--csv")
    assert (ran.status, ran.stderr) == (0, "")
    timeless = [{**row, "as_of": ""} for row in read_csv(ran.stdout)]
    assert timeless == [{**row, "as_of": ""} for row in read_csv(shown(place, capsys, "route", "csv"))]


def test_json_has_the_same_numbers_and_the_lists_of_cases(place: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    row = read_csv(shown(place, capsys, None, "csv"))[0]
    said = json.loads(shown(place, capsys, None, "json"))
    assert (said["from"], said["to"], said["by"], said["groups"]) == ("2026-10-01", "2026-12-31", None, [])
    received = said["all"]["times"][0]
    assert str(received["median"]["low"]) == row["median_hours_low"]
    assert f"{received['shares'][1]['low']:.4f}" == row["within_24h_low"]
    online = [case for case in QUARTER if case.gone_after is None and not case.is_withdrawn]
    assert len(said["still_online"]) == len(online) == int(row["online"])
    longest = max(case.live_after for case in online)
    assert said["still_online"][0]["hours_least"] == math.floor(longest)
    assert said["still_online"][0]["hours_most"] is None
    assert len(said["slowest_tenth"]) == math.ceil(int(row["raised"]) / 10)


def test_the_audit_log_notes_who_was_shown_which_cases(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    write(store, CASES[:20])
    settings, any_time = Settings(store_url=url_of(store)), periods.days(None, None)
    showing.show(settings, any_time, None, form="json")
    said = json.loads(capsys.readouterr().out)
    showing.show(settings, any_time, None, form="csv")
    noted = [json.loads(fields[b"record"]) for _, fields in store.xrange(keys.audit_waiting())]
    shown, table = [record for record in noted if record["kind"] == "access"]
    listed = {case["case_id"] for case in (*said["still_online"], *said["slowest_tenth"])}
    assert (shown["what"], set(shown["subject"]), table["what"], table["subject"]) == ("stats", listed, "stats", [])


def test_a_person_reads_each_number_with_its_bounds(place: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(place, capsys, "country", "text")
    row = read_csv(shown(place, capsys, None, "csv"))[0]
    least, most = (float(row[f"within_24h_{bound}"]) for bound in ("least", "most"))
    estimate = (float(row["within_24h_low"]) + float(row["within_24h_high"])) / 2
    assert f"{estimate:.0%} ({least:.0%}-{most:.0%})" in text
    assert "Cases received from 2026-10-01 to 2026-12-31" in text
    assert "Time to removal from the first delivery" in text
    assert "[.]test" in text


def test_the_yearly_table_counts_each_notice_once(place: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    settings, year = Settings(state_dir=place.state), periods.year("2026")
    showing.show_year(settings, year, form="csv")
    rows = read_csv(capsys.readouterr().out)
    notices = [case for case in CASES if case.delivered_after is not None]
    of_year = [case for case in notices if (case.received_at.year, case.received_at.month) <= (2026, 12)]
    assert abs(sum(int(row["notices"]) for row in rows) - len(of_year)) <= 1  # one may be told in the new year
    assert {row["provider"] for row in rows} == {
        "AS64496 Fast Hosting",
        "AS64497 Slow Hosting",
        "AS64498 =Formula Hosting",
    }
    for row in rows:
        parts = ("removed", "gone_before", "no_action", "withdrawn")
        assert int(row["notices"]) == sum(int(row[part]) for part in parts)
    showing.show_year(settings, year, form="text")
    assert capsys.readouterr().out.count("Hosting") == 3
    showing.show_year(settings, year, form="json")
    assert len(json.loads(capsys.readouterr().out)["notices"]) == 3


def test_no_name_of_a_provider_is_a_formula_in_a_spreadsheet() -> None:
    told = [YearlyRow("=1+1", "@kind", 1, 0, 0, 1, 0), YearlyRow("A;=1", " =1", 1, 0, 0, 1, 0)]
    rows = statistics_csv.rows_of_year(told)
    assert [row[:2] for row in rows][1:] == [["'=1+1", "'@kind"], ["A;'=1", " '=1"]]


def test_what_cannot_be_meant_is_bad_usage() -> None:
    for arguments, said in (
        (("--quarter", "2026Q4", "--year", "2026"), "or --quarter, or --year"),
        (("--quarter", "2026Q9"), "is no quarter: write 2026Q4"),
        (("--from", "soon"), "is no day: write 2026-10-01"),
        (("--json", "--csv"), "give --json or --csv"),
        (("--article-22",), "give --year"),
        (("--article-22", "--year", "2026", "--by", "host"), "and no --by"),
    ):
        ran = CliRunner().invoke(stats.app, arguments)
        assert ran.exit_code == 2
        assert said in " ".join(ran.output.replace("│", " ").split())


def test_an_empty_store_has_numbers_of_nothing(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(store_url=url_of(store))
    for form in ("json", "csv", "text"):
        showing.show(settings, periods.days(None, None), None, form=form)
    first, *rest = capsys.readouterr().out.splitlines()
    said = json.loads(first)["all"]
    assert (said["raised"], said["recidivism"], said["times"][0]["median"]) == (0, None, None)
    assert [row["median_hours_low"] for row in read_csv("\n".join(rest[:3]))] == ["", ""]
