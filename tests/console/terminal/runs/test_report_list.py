"""The list of reports for people: nothing in it can be clicked."""

from __future__ import annotations

import io

import pytest
from orbweaver.console.terminal.runs import report_list
from orbweaver.model import Report
from orbweaver.queue.records.report_outcomes import ReportOutcome, ReportResult
from rich.console import Console


@pytest.mark.parametrize("led_to", ["http://www.example.com/a", "HTTPS://www.example.com/a"])
def test_where_a_report_led_cannot_be_clicked_either(led_to: str) -> None:
    said = f"redirected to {led_to}: another host"
    result = ReportResult(report=Report(url="http://h.example/"), outcome=ReportOutcome.OUT_OF_SCOPE, said=said)
    shown = io.StringIO()
    report_list.show(Console(file=shown, width=200), [result])
    assert "://www[.]example[.]com/a: another host" in shown.getvalue()
    assert "http" not in shown.getvalue().lower()
