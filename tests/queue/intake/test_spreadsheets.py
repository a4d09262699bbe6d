"""Reports are read from the spreadsheets that hotlines keep, with what was taken said for each sheet."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from xml.sax.saxutils import escape

import pytest
from orbweaver.model import Report
from orbweaver.queue.errors import ReportsUnreadable
from orbweaver.queue.intake import spreadsheets
from orbweaver.queue.intake.reports import BadLine, read_reports
from spreadsheet_bytes import Rows, excel

ODS = "application/vnd.oasis.opendocument.spreadsheet"


def libreoffice(rows: Rows) -> bytes:
    kept = io.BytesIO()
    office = "urn:oasis:names:tc:opendocument:xmlns"
    with zipfile.ZipFile(kept, "w") as archive:
        archive.writestr("mimetype", ODS)
        manifest = f'<m:file-entry m:full-path="/" m:media-type="{ODS}"/>'
        archive.writestr(
            "META-INF/manifest.xml", f'<m:manifest xmlns:m="{office}:manifest:1.0">{manifest}</m:manifest>'
        )
        lines = "".join(f"<table:table-row>{''.join(map(_table_cell, row))}</table:table-row>" for row in rows)
        archive.writestr(
            "content.xml",
            f'<office:document-content xmlns:office="{office}:office:1.0" xmlns:table="{office}:table:1.0"'
            f' xmlns:text="{office}:text:1.0"><office:body><office:spreadsheet><table:table table:name="Reports">'
            f"{lines}</table:table></office:spreadsheet></office:body></office:document-content>",
        )
    return kept.getvalue()


def _table_cell(value: str | int) -> str:
    return f'<table:table-cell office:value-type="string"><text:p>{escape(str(value))}</text:p></table:table-cell>'


def read(content: bytes) -> tuple[list[Report], list[tuple[int, str]]]:
    found = list(read_reports(io.BytesIO(content), name="reports.xlsx"))
    return (
        [item for item in found if isinstance(item, Report)],
        [(item.line, item.reason) for item in found if isinstance(item, BadLine)],
    )


TABLE: Rows = [
    ["Reports of May"],
    [],
    ["URL", "Report ID", "Received at", "Remark"],
    ["hxxp://example[.]com/a", 17, "2026-03-01T12:00:00Z", "seen twice"],
    ["", "R-2", "", "no url here"],
    ["http://example.com/b https://example.net/c", "R-3", "", ""],
]


@pytest.mark.parametrize("content", [excel(Reports=TABLE), libreoffice(TABLE)], ids=["Excel", "LibreOffice"])
def test_a_sheet_is_read_under_its_header(content: bytes) -> None:
    reports, said = read(content)

    assert [(report.url, report.report_id, report.line) for report in reports] == [
        ("http://example.com/a", "17", 4),
        ("http://example.com/b", "R-3", 6),
        ("https://example.net/c", "R-3", 6),
    ]
    assert reports[0].received_at == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert said == [
        (3, "sheet Reports: read under its header in row 3; columns that are not read: Remark"),
        (5, "no url"),
        (6, "url: 2 URLs, read as a report each"),
    ]


def test_every_sheet_with_urls_is_read_and_the_others_are_named() -> None:
    content = excel(
        Notes=[["to do"]],
        Empty=[],
        New=[["url"], ["http://example.com/a"]],
        Plain=[["x", "http://example.com/b"], ["y"]],
    )
    reports, said = read(content)

    assert [(report.url, report.line) for report in reports] == [
        ("http://example.com/a", 2),
        ("http://example.com/b", 1),
    ]
    assert said == [
        (1, "sheet Notes: not read, no URL is in it"),
        (1, "sheet New: read under its header in row 1"),
        (1, "sheet Plain: without a header, column B taken as url"),
        (2, "sheet Plain: no URL in the row"),
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            excel(A=[["http://example.com/a", "http://example.com/b"]]),
            "sheet A has URLs in columns A, B; name the column",
        ),
        (excel(A=[["nothing"]]), "no sheet of it has a column with URLs"),
        (excel(A=[["url"]])[:-30], "a ZIP file, and no spreadsheet that can be read"),
        (excel(A=[["url"]])[:60], "a ZIP file, and no spreadsheet that can be read"),
    ],
    ids=["two columns", "no URL", "cut at its end", "cut after its beginning"],  # the bytes hold the time
)
def test_a_file_of_no_use_is_refused_in_one_line(content: bytes, reason: str) -> None:
    with pytest.raises(ReportsUnreadable, match=reason) as refused:
        read(content)
    assert "\n" not in str(refused.value)


def test_a_spreadsheet_that_unpacks_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheets, "MOST_UNPACKED_BYTES", 500)
    with pytest.raises(ReportsUnreadable, match="more than 512 MiB, unpacked"):
        read(excel(A=TABLE))
    monkeypatch.setattr(spreadsheets, "MOST_BYTES", 500)
    with pytest.raises(ReportsUnreadable, match="more than 64 MiB"):
        read(excel(A=TABLE))
