"""The page of statistics shows what the command prints: numbers, pictures with words, tables and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from xml.etree import ElementTree

import pytest
from console_site import Browser, an_account, serving
from orbweaver.console import statistics_csv
from orbweaver.console.web.counted_cases import FRESH, CountedCases
from orbweaver.console.web.pictures.charts import Numbers, bars, lines
from orbweaver.model import Role, now
from orbweaver.store.connection import Store
from orbweaver.takedown.audit import audit_log
from orbweaver.takedown.statistics.grouping import GroupedBy
from orbweaver.takedown.statistics.periods import Period
from orbweaver.takedown.statistics.reading import read_clocks
from orbweaver.takedown.statistics.report import report_on
from simulated_history import UTC_MIDNIGHT, simulate, write

HOSTILE = '"><script>alert(1)</script>{{7*7}}'


@pytest.fixture
def analyst(store: Store) -> Iterator[Browser]:
    write(store, simulate(1, UTC_MIDNIGHT, 90, 30))
    with serving(store) as url, Browser(url) as browser:
        browser.sign_in(an_account(store, Role.ANALYST))
        yield browser


def test_the_page_and_its_files_have_the_numbers_of_the_command(store: Store, analyst: Browser) -> None:
    page = analyst.get("/statistics?by=country")
    report = report_on(read_clocks(store), Period(), GroupedBy.COUNTRY, now())
    tiles = [" ".join(one.text().split()) for one in page.css(".tile")]
    assert tiles[0] == f"{report.whole.raised} raised"
    assert f"{report.whole.removed} removed" in tiles
    assert [one.attributes["role"] for one in page.css("figure svg")] == ["img"] * len(page.css("figure"))
    assert all(one.attributes["aria-label"] for one in page.css("figure svg"))
    assert len(page.css("figure table")) == len(page.css("figure"))
    link = next(one for one in page.css("a[download]"))
    analyst.get(str(link.attributes["href"]))
    assert analyst.answer is not None
    rows = list(csv.reader(io.StringIO(analyst.answer.text)))
    wanted = [[str(cell) for cell in row] for row in statistics_csv.rows_of(report)]
    as_of = wanted[0].index("as_of")
    assert [row[:as_of] + row[as_of + 1 :] for row in rows] == [row[:as_of] + row[as_of + 1 :] for row in wanted]
    analyst.get("/statistics/article-22")
    assert analyst.status == 200
    analyst.get("/statistics/article-22.csv")
    assert analyst.answer.text.startswith("provider,kind,notices")
    audit_log.seal(store)
    assert sum(b"page /statistics" in one.entry for one in audit_log.entries(store)) == 4


def test_a_period_or_a_way_that_cannot_be_read_is_said(analyst: Browser) -> None:
    for wrong in ("2026Q5", "yesterday", "2026-01-02..2026-01-01", "..", HOSTILE, "9" * 400):
        analyst.get("/statistics?" + "period=" + wrong.replace("&", "%26").replace("#", "%23"))
        assert (wrong, analyst.status) == (wrong, 422 if wrong != ".." else 200)
        assert analyst.answer is not None
        assert "<script>alert" not in analyst.answer.text
    for path in ("/statistics?by=colour", "/statistics/article-22?year=soon", "/statistics/article-22.csv?year=0"):
        analyst.get(path)
        assert analyst.status == 422


def test_the_cases_are_read_once_in_some_minutes_and_old_ones_are_shown_while_they_are_read_again(store: Store) -> None:
    write(store, simulate(1, UTC_MIDNIGHT, 90, 3))
    at = now()
    counted = CountedCases(store, clock=lambda: at)
    first = counted.get()
    assert first is not None
    store.flushall()
    at += FRESH - timedelta(seconds=1)
    assert counted.get() is first
    at += timedelta(seconds=2)
    assert counted.get() is not None  # the old ones, or the new ones where reading was that quick
    while (later := counted.get()) is first:
        pass
    assert later is not None
    assert (len(first.cases) > 0, later.cases) == (True, ())


def test_a_chart_escapes_its_words_and_has_no_style_script_or_link() -> None:
    numbers = Numbers(HOSTILE, [HOSTILE, "b\x00"], {HOSTILE: [1, None], "other": [2.5, 3]})
    for draw in (bars, lines):
        chart = draw(HOSTILE, HOSTILE, numbers)
        svg = ElementTree.fromstring(str(chart.svg))
        names = {one.tag for one in svg.iter()}
        assert names <= {"svg", "g", "rect", "path", "text", "circle", "line", "tspan"}
        attributes = {name for one in svg.iter() for name in one.attrib}
        assert not any(name.startswith("on") or name in {"style", "href", "id"} for name in attributes)
        assert svg.attrib["aria-label"] == HOSTILE
        assert chart.rows == ((HOSTILE, "1", "2"), ("b\N{REPLACEMENT CHARACTER}", "", "3"))
    nothing = lines("none", "none", Numbers("day", [], {"cases": []}))
    assert nothing.rows == ()
    assert "<svg" in bars("zero", "zero", Numbers("day", ["a"], {"cases": [0]})).svg
