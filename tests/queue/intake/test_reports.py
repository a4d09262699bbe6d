"""Reports in: what each format gives, what each bad line costs, and that no bytes can do worse."""

import gc
import io
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from orbweaver.crawler.rules.urls import canonicalise
from orbweaver.model import Report
from orbweaver.queue.errors import ReportsUnreadable
from orbweaver.queue.intake.broken_lines import BROKEN, NOT_CLOSED
from orbweaver.queue.intake.reports import FOR_SCRIPTS, BadLine, read_reports


def read(content: bytes | str) -> list[Report | BadLine]:
    """Read without the lines' numbers, which a test of their own looks at."""
    stream = io.BytesIO(content) if isinstance(content, bytes) else io.StringIO(content)
    found = read_reports(stream, name="reports.csv")
    return [one.model_copy(update={"line": None}) if isinstance(one, Report) else one for one in found]


def of_file(content: str) -> list[tuple[int, str]]:
    return [(one.line, one.reason) for one in read(content) if isinstance(one, BadLine) and one.is_of_file]


@pytest.mark.parametrize(
    "header",
    [
        "URL,Report ID",
        "url,report-id",
        "\ufeffUrl , ReportID ",
        "url;REPORT_ID",
        '"url"\t"report id"',
        "\ufeffURL,Report.Id",
    ],
)
def test_our_columns_are_known_however_they_are_written(header: str) -> None:
    mark = next(one for one in ",;\t" if one in header)
    (found,) = read(f"{header}\nhttp://example.com/a{mark}R-7\n")
    assert found == Report(url="http://example.com/a", report_id="R-7")


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"', "sep=;;;", "sep=", "\ufeffsep=;"])
def test_the_line_that_tells_excel_the_separator_is_no_report(line: str) -> None:
    found = read(f"{line}\r\nurl;report_id\r\nhttp://example.com/a;R-1\r\n")
    assert found == [Report(url="http://example.com/a", report_id="R-1")]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("Reports of May\n\nURL;Report ID\nhttp://example.com/a;R-1\n", 3),
        ("http://example.com/b\nreport_id,url\nR-1,http://example.com/a\n", 2),
        ("url|report_id\nhttp://example.com/a|R-1\n", 1),
    ],
)
def test_a_csv_that_was_taken_for_a_list_of_urls_is_refused(content: str, line: int) -> None:
    with pytest.raises(ReportsUnreadable, match=f"^reports.csv: line {line} is the header of a CSV: put it into"):
        read(content)


def test_what_is_not_read_is_said_once_for_the_file() -> None:
    content = "url,Ticket,Report ID,remark\n" + "http://example.com/a,1,R-1,x\n" * 3
    assert of_file(content) == [(1, "columns that are not read: Ticket, remark")]
    content = '{"url": "http://example.com/a", "ticket": 1}\n' * 3
    assert of_file(content) == [(1, "key that is not read: ticket")]
    assert of_file("URL;REFERER;WORKUSER;REFERENCE;SOURCE;TYPE\nhttp://example.com/a;;;;;\n") == []
    assert len(of_file("".join(f'{{"url": "http://h.example/", "k{one}": 1}}\n' for one in range(99)))) == 20


def test_a_time_without_a_zone_is_taken_as_utc_and_said_once() -> None:
    content = "url,received_at\n" + "http://example.com/a,2026-03-01 12:00\n" * 2 + "http://example.com/b,nonsense\n"
    found = read(content)
    assert next(one.received_at for one in found if isinstance(one, Report)) == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert of_file(content) == [(2, "received_at: without a time zone, taken as UTC, here and in the lines below")]
    assert of_file("url,received_at\nhttp://example.com/a,2026-03-01T12:00:00Z\n") == []


def test_a_host_that_begins_with_www_is_a_url_with_a_note() -> None:
    for line in ("www.example.com/a", "WWW.example.com/a", "www[.]example[.]com/a"):
        found = read(f"{line}\n")
        assert urls_of(found) == ["http://www.example.com/a"]
        assert bad_of(found) == [(1, "url: without http:// or https://, taken as http://")]
    assert urls_of(read("example.com/a\nwwww.example.com\n")) == []


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\n", "a JPG file (image/jpeg)"),
        (b"\x89PNG\r\n\x1a\n", "a PNG file (image/png)"),
        (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom\x00\x00", "a MP4 file (video/mp4)"),
        (b"%PDF-1.7\n%\xe2\xe3\n", "a PDF file (application/pdf)"),
    ],
)
def test_a_file_that_is_no_text_is_called_what_it_is(content: bytes, kind: str) -> None:
    with pytest.raises(ReportsUnreadable, match=re.escape(f"this is {kind} and no reports")):
        read(content)


def test_a_report_keeps_how_its_url_was_written_and_one_that_was_stored_before_has_no_such_field() -> None:
    (pasted,) = read("hxxp://example[.]com/%7ea/?\n")
    assert pasted == Report(url="http://example.com/~a/", spelling="/%7ea/?")
    assert Report.model_validate_json('{"url": "http://example.com/"}').spelling is None


def test_a_report_says_its_line() -> None:
    stream = io.BytesIO(b"url\n\nhttp://example.com/a\nnonsense\nhttp://example.com/b\n")
    found = [one for one in read_reports(stream, name="reports.csv") if isinstance(one, Report)]
    assert [(one.url, one.line) for one in found] == [("http://example.com/a", 3), ("http://example.com/b", 5)]


def urls_of(items: list[Report | BadLine]) -> list[str]:
    return [item.url for item in items if isinstance(item, Report)]


def bad_of(items: list[Report | BadLine]) -> list[tuple[int, str]]:
    return [(item.line, item.reason) for item in items if isinstance(item, BadLine)]


FULL = Report(
    url="http://example.com/a",
    report_id="R-1",
    received_at=datetime(2026, 3, 1, 12, 0, tzinfo=UTC),
    source="portal",
    referrer="http://example.net/",
    classification="baseline",
)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(
            "url,report_id,received_at,source,referrer,classification\n"
            "http://example.com/a,R-1,2026-03-01T12:00:00Z,portal,http://example.net/,baseline\n",
            id="comma",
        ),
        pytest.param(
            "\ufeffURL;Report_ID;Received_At;Source;Referrer;Classification\r\n"
            "hxxp://example[.]com/a;R-1;2026-03-01T13:00:00+01:00;portal;hxxp://example[.]net;baseline\r\n",
            id="semicolon, BOM, capitals, defanged",
        ),
        pytest.param(
            "note\tclassification\tsource\turl\treferer\treceived_at\treport_id\n"
            "x\tbaseline\tportal\thttp://example.com/a\thttp://example.net\t2026-03-01 12:00\tR-1",
            id="tab, other order, extra column, no last line end",
        ),
        pytest.param(
            'url,"report_id",received_at,source,referrer,classification\n'
            '"http://example.com/a","R-1","2026-03-01T12:00:00Z"," portal ","http://example.net/","baseline"\n',
            id="quoted",
        ),
        pytest.param(
            '\n# exported\n{"url": "http://example.com/a", "report_id": "R-1", "source": "portal", "more": [1],'
            ' "received_at": "2026-03-01T12:00:00Z", "referrer": "http://example.net",'
            ' "classification": "baseline"}\n',
            id="JSON Lines",
        ),
    ],
)
def test_every_format_gives_the_same_report(content: str) -> None:
    for found in (read(content), read(content.encode())):
        assert [one for one in found if not isinstance(one, BadLine) or not one.is_of_file] == [FULL]


@pytest.mark.parametrize(
    "content",
    [
        'url,user_agent,accept_language,cookies\nhttp://example.com/a,"A (x; y)","de,en;q=0.5"," a=1; b=2 "\n',
        "Cookie\tUser-Agent\tURL\tAccept-Language\na=1; b=2\tA (x; y)\thttp://example.com/a\tde,en;q=0.5\n",
        '{"url": "http://example.com/a", "user_agent": "A (x; y)", "accept_language": "de,en;q=0.5",'
        ' "cookies": "a=1; b=2"}\n',
    ],
)
def test_how_the_reporter_asked_is_read(content: str) -> None:
    assert read(content) == [
        Report(url="http://example.com/a", user_agent="A (x; y)", accept_language="de,en;q=0.5", cookies="a=1; b=2")
    ]


@pytest.mark.parametrize("key", ["user_agent", "accept_language", "cookies"])
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ('"a\\r\\nX-Injected: 1"', "control character or line end"),
        ('"a\\u0000"', "control character or line end"),
        ('"caf\\u00e9"', "character that is not ASCII"),
        ("[1]", "not text"),
        ('"' + "x" * 9_000 + '"', "longer than 8000 characters"),
    ],
)
def test_what_cannot_be_sent_is_ignored_and_said(key: str, value: str, reason: str) -> None:
    items = read(f'{{"url": "http://example.com/a", "{key}": {value}}}')

    assert items[0] == Report(url="http://example.com/a")
    assert bad_of(items) == [(1, f"{key}: {reason}, ignored")]


def test_scart_files_are_recognised_by_their_header() -> None:
    content = (
        "URL;REFERER;WORKUSER;REFERENCE;SOURCE;TYPE\nhttp://example.com/a;http://example.net/;w;R-1;portal;image\n"
    )
    assert read(content) == [FULL.model_copy(update={"classification": "image", "received_at": None})]


def test_a_text_file_has_one_url_a_line() -> None:
    items = read(
        "# reported today\n\nhttp://example.com/a,b;c\n  hxxp://example[.]com/  \n#end\nhttp://example.com/a,b;c\n"
    )
    assert urls_of(items) == ["http://example.com/a,b;c", "http://example.com/", "http://example.com/a,b;c"]
    assert not bad_of(items)


def test_a_single_column_needs_no_quotes_around_commas() -> None:
    assert urls_of(read('url\nhttp://example.com/a,b;c\n"http://example.com/d,e"\n')) == [
        "http://example.com/a,b;c",
        "http://example.com/d,e",
    ]


GOOD = b"http://example.com/good"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"example.com/a", "url: no scheme"),
        (b"ftp://example.com/", "url: scheme ftp is not http or https"),
        (b"http://example.com/\0", "NUL byte in the line"),
        (
            b"http://example.com/\xe4",
            "not valid UTF-8; if the file has another encoding, say it with --encoding windows-1252",
        ),
        (
            b"http://example.com/\rhttp://example.com/",
            "carriage return inside the line; save with Unix or Windows line ends",
        ),
        (b"http://example.com/" + b"a" * 70_000, "line is longer than 64 KiB"),
        (b"http://example.com/" + b"a" * 700_000, "line is longer than 64 KiB"),
    ],
    ids=lambda value: ascii(value[:30]),
)
def test_a_bad_line_costs_only_itself(line: bytes, reason: str) -> None:
    for content in (GOOD + b"\n" + line + b"\n" + GOOD, GOOD + b"\r\n" + line + b"\r\n" + GOOD + b"\r\n"):
        items = read(content)
        assert urls_of(items) == [GOOD.decode()] * 2
        assert bad_of(items) == [(2, reason)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("http://example.com/a", "1 columns where the header has 2"),
        ("http://example.com/a,R-1,more", "3 columns where the header has 2"),
        ('"http://example.com/a,R-1', "a quote is not closed"),
        ('"http://example.com/a"x,R-1', "not a CSV record"),
        (",R-1", "no url"),
        ("not a url,R-1", "url: no scheme"),
    ],
)
def test_a_bad_record_costs_only_itself(line: str, reason: str) -> None:
    items = read(f"url,report_id\nhttp://example.com/a,R-1\n{line}\nhttp://example.com/b,R-2\n")
    assert urls_of(items) == ["http://example.com/a", "http://example.com/b"]
    assert bad_of(items) == [(3, reason)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not valid JSON"),
        ("[1]", "not a JSON object"),
        ("{}", "no url"),
        ('{"url": 1}', "no url"),
        ('{"url": "javascript:alert(1)"}', "url: scheme javascript is not http or https"),
        ('{"url": "http://example.com/\\ud800"}', "url: not valid Unicode"),
        ('{"url": ' + "[" * 50_000, "JSON is nested too deeply"),
        ('{"url": ' + "1" * 5_000 + "}", "not valid JSON"),
    ],
    ids=lambda value: value[:30],
)
def test_a_bad_object_costs_only_itself(line: str, reason: str) -> None:
    gc.collect()  # a deep value reaches the end of the stack, where closing the garbage of other tests would fail
    good = '{"url": "http://example.com/a"}'
    items = read(f"{good}\n{line}\n{good}\n")
    assert urls_of(items) == ["http://example.com/a"] * 2
    assert bad_of(items) == [(2, reason)]


@pytest.mark.parametrize(
    ("field", "value", "note"),
    [
        ("referrer", '"about:blank"', "referrer: scheme about is not http or https, ignored"),
        ("received_at", '"yesterday"', "received_at: not an RFC 3339 time, ignored"),
        ("received_at", '"9000-01-01T00:00:00Z"', "received_at: a time that has not come yet, ignored"),
        ("received_at", "1767225600", "received_at: not an RFC 3339 time, ignored"),
        ("received_at", '"0001-01-01T00:00:00+14:00"', "received_at: not an RFC 3339 time, ignored"),
        ("source", "[]", "source: not text, ignored"),
        ("source", "true", "source: not text, ignored"),
        ("report_id", '"\\ud800"', "report_id: not valid Unicode, ignored"),
    ],
)
def test_a_bad_field_is_noted_and_the_report_kept(field: str, value: str, note: str) -> None:
    report, bad = read(f'{{"url": "http://example.com/a", "{field}": {value}}}')
    assert report == Report(url="http://example.com/a")
    assert isinstance(bad, BadLine)
    assert (bad.line, bad.reason, bad.is_report_kept) == (1, note, True)


def test_a_number_may_be_a_report_id() -> None:
    assert read('{"url": "http://example.com/a", "report_id": 17}') == [
        Report(url="http://example.com/a", report_id="17")
    ]


def test_an_excerpt_is_short_printable_and_not_clickable() -> None:
    (bad,) = read(b"\x1b[2J\xff http://example.com/" + b"a" * 200)
    assert isinstance(bad, BadLine)
    assert bad.excerpt.startswith("\\x1b[2J\\xff hxxp://example.com/aaa")
    assert len(bad.excerpt) == 60
    assert bad.excerpt.isprintable()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "reports.csv: no reports in it; write one URL a line, or CSV with a url column"),
        (
            b"\xef\xbb\xbf\n \r\n# nothing\n",
            "reports.csv: no reports in it; write one URL a line, or CSV with a url column",
        ),
        (b"link,report_id\n", "reports.csv: its CSV header has no url column; name the column with the URLs url"),
        (b"Adres;Datum\n", "reports.csv: its CSV header has no url column; name the column with the URLs url"),
        (b'[{"url": "http://example.com/"}]', "reports.csv: a JSON array; write JSON Lines, one object per line"),
        (b'{\n"reports": [\n', "reports.csv: JSON over several lines; write JSON Lines, one object a line"),
        (b'{"reports": [\n', "reports.csv: JSON over several lines; write JSON Lines, one object a line"),
        (
            b"{\\rtf1\\ansi http://example.com/}",
            "reports.csv: an RTF document; save it as plain text, or copy its URLs into a text file",
        ),
        (
            "url\n".encode("utf-16-le"),
            "reports.csv: looks like UTF-16 without its mark; say it with --encoding utf-16-le",
        ),
        (
            "http://example.com/".encode("utf-16-be"),
            "reports.csv: looks like UTF-16 without its mark; say it with --encoding utf-16-be",
        ),
        (
            b"PK\x03\x04...",
            "reports.csv: a ZIP file, and no spreadsheet that can be read (Cannot detect file format); "
            "save the sheet as CSV UTF-8",
        ),
    ],
)
def test_a_file_of_no_use_is_refused_in_one_line(content: bytes, message: str) -> None:
    with pytest.raises(ReportsUnreadable) as refused:
        read(content)
    assert str(refused.value) == message


def test_a_file_is_read_from_its_path(tmp_path: Path) -> None:
    path = tmp_path / "reports.txt"
    path.write_bytes(GOOD)
    assert urls_of(list(read_reports(path, name="reports.txt"))) == [GOOD.decode()]
    for missing in (tmp_path, tmp_path / "missing.csv"):
        with pytest.raises(ReportsUnreadable, match=r"^x: .*; check the path and its permissions$"):
            list(read_reports(missing, name="x"))


def test_a_text_stream_that_cannot_decode_is_refused() -> None:
    stream = io.TextIOWrapper(io.BytesIO(b"\xff\n"), encoding="utf-8")
    with pytest.raises(ReportsUnreadable, match="not UTF-8 text"):
        list(read_reports(stream, name="x"))


def test_reports_come_while_the_file_is_still_read() -> None:
    class Endless(io.RawIOBase):
        def readline(self, size: int | None = -1) -> bytes:
            return GOOD + b"\n"

    items: Iterator[Report | BadLine] = read_reports(Endless(), name="x")  # type: ignore[arg-type]
    assert [next(items) for _ in range(1000)] == [Report(url=GOOD.decode(), line=one) for one in range(1, 1001)]


LINES = st.lists(
    st.sampled_from(
        [b"url", b"report_id", b"received_at", b",", b";", b"\t", b'"', b"\n", b"\r\n", b"\xef\xbb\xbf", b"\0", b"\xff"]
        + [
            b"http://example.com/",
            b"hxxp://",
            b"{",
            b"}",
            b'{"url":',
            b"2026-01-01",
            b"[.]",
            b"#",
            b":",
            b"\\ud800",
            b" ",
        ]
    ),
    max_size=40,
).map(b"".join)


@given(st.binary(max_size=300) | LINES)
@example(b'{"url":"http://example.com/","source":"\\ud800"}')
def test_no_bytes_raise_anything_but_unreadable(content: bytes) -> None:
    items: list[Report | BadLine] = []
    with suppress(ReportsUnreadable):
        items = read(content)
    for item in items:
        if isinstance(item, Report):
            assert canonicalise(item.url) == item.url
        else:
            assert item.excerpt.isprintable()
            assert len(item.excerpt) <= 60
            assert item.line >= 1


@given(st.text(max_size=200))
def test_no_text_raises_anything_but_unreadable(content: str) -> None:
    with suppress(ReportsUnreadable):
        read(content)


def test_a_csv_without_a_header_is_read_where_a_date_or_a_tab_shows_its_columns() -> None:
    for content in (
        "http://example.com/a,R-1,2026-01-15\nhttp://example.com/b,R-2,2026-01-16\n",
        "R-1;http://example.com/a;2026-01-15\nR-2;http://example.com/b;\n",
        "http://example.com/a\tR-1\nhttp://example.com/b\tR-2\n",
    ):
        found = [item for item in read(content) if isinstance(item, Report)]
        assert [(report.url, report.report_id) for report in found] == [
            ("http://example.com/a", "R-1"),
            ("http://example.com/b", "R-2"),
        ]
        assert of_file(content)[0][1].startswith("no header; its columns are taken as ")


def test_a_header_that_is_commented_out_is_the_header() -> None:
    content = "# url,report_id,source\nhttp://example.com/a,R-1,portal\n"
    assert read(content)[1:] == [Report(url="http://example.com/a", report_id="R-1", source="portal")]
    assert of_file(content) == [(1, "a comment taken as the header")]
    assert urls_of(read("# url,report_id,source\nhttp://example.com/a,b\n")) == ["http://example.com/a,b"]


def test_a_quoted_field_may_go_on_over_lines() -> None:
    content = 'url,report_id,remark\nhttp://example.com/a,R-1,"first\nsecond, http://x.example/\n"\nhttp://example.com/b,R-2,\n'
    found = list(read_reports(io.StringIO(content), name="x"))
    assert [(item.url, item.report_id, item.line) for item in found if isinstance(item, Report)] == [
        ("http://example.com/a", "R-1", 2),
        ("http://example.com/b", "R-2", 5),
    ]
    both = 'url,report_id\n"http://example.com/a\nhttp://example.com/b",R-1\n'
    assert urls_of(read(both)) == ["http://example.com/a", "http://example.com/b"]


@pytest.mark.parametrize("after", [0, 1, 49, 50, 200])
def test_a_quote_that_is_never_closed_costs_its_line_alone(after: int) -> None:
    lines = [f"http://example.com/{number},R-{number}" for number in range(after)]
    content = "\n".join(["url,report_id", 'http://example.com/x,"R', *lines])
    assert urls_of(read(content)) == [f"http://example.com/{number}" for number in range(after)]
    assert bad_of(read(content))[0] == (2, "a quote is not closed")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_a_byte_order_mark_says_the_encoding(encoding: str) -> None:
    mark = "\ufeff" if encoding.startswith("utf-16-") else ""
    content = (mark + "url,source\r\nhttp://example.com/a,caf\u00e9 \u4e2d\r\n" * 1).encode(encoding)
    found = read(content)
    assert [item for item in found if isinstance(item, Report)] == [
        Report(url="http://example.com/a", source="caf\u00e9 \u4e2d")
    ]
    assert [reason for _, reason in bad_of(found)] == (["read as UTF-16"] if "16" in encoding else [])


def test_a_declared_encoding_is_taken_and_said() -> None:
    content = "url,source\nhttp://example.com/a,caf\u00e9\n".encode("windows-1252")
    [note, report] = read_reports(io.BytesIO(content), name="x", encoding="windows-1252")
    assert isinstance(note, BadLine)
    assert (note.reason, note.is_of_file) == ("read as windows-1252", True)
    assert isinstance(report, Report)
    assert report.source == "caf\u00e9"
    for encoding, reason in (("base64", "is not known"), ("nonsense", "is not known"), ("utf-16", "not utf-16 text")):
        with pytest.raises(ReportsUnreadable, match=reason):
            list(read_reports(io.BytesIO(b"http://example.com/a\xff"), name="x", encoding=encoding))
    # What the sender of a file may name, and takes quadratic time.
    for encoding, reason in (("punycode", "is not known"), ("Unicode_Escape", "is not known")):
        with pytest.raises(ReportsUnreadable, match=reason):
            list(read_reports(io.BytesIO(b"http://example.com/a\xff"), name="x", encoding=encoding))


def test_bytes_of_another_encoding_cost_their_field_and_never_the_url() -> None:
    content = "url,source\nhttp://example.com/a,caf\u00e9\nhttp://example.com/caf\u00e9,x\n".encode("windows-1252")
    report, note, bad = read(content)
    assert report == Report(url="http://example.com/a")
    assert isinstance(note, BadLine)
    assert note.reason == "source: not valid UTF-8, ignored; say the file's encoding with --encoding"
    assert isinstance(bad, BadLine)
    assert (bad.line, bad.is_report_kept, bad.reason[:15]) == (3, False, "not valid UTF-8")


def test_of_several_urls_of_a_cell_each_is_a_report_and_a_bad_one_is_said() -> None:
    found = read("url;report_id\nhttp://example.com/a ftp://example.com/b http://example.com/c;R-1\n")
    assert [(item.url, item.report_id) for item in found if isinstance(item, Report)] == [
        ("http://example.com/a", "R-1"),
        ("http://example.com/c", "R-1"),
    ]
    assert bad_of(found) == [
        (2, "url: scheme ftp is not http or https"),
        (2, "url: 2 URLs, read as a report each"),
    ]


@pytest.mark.parametrize(
    "content",
    [
        "id,url,url\n1,http://example.com/a,http://example.com/b\n",
        "id,URL 1,URL 2\n1,http://example.com/a,http://example.com/b\n",
        "id,URL(s)\n1,http://example.com/a http://example.com/b\n",
        '{"urls": ["http://example.com/a", "http://example.com/b"]}\n',
        '{"url": "http://example.com/a", "urls": ["http://example.com/b"]}\n',
    ],
)
def test_of_several_columns_of_urls_each_counts(content: str) -> None:
    assert urls_of(read(content)) == ["http://example.com/a", "http://example.com/b"]


def test_a_word_beside_a_url_that_may_be_meant_as_one_is_a_bad_line() -> None:
    found = read("http://example.com/a.jpg, example[.]org/b\n")
    assert urls_of(found) == ["http://example.com/a.jpg"]
    assert [(item.reason, item.is_report_kept) for item in found if isinstance(item, BadLine)] == [
        ("url: no scheme", False)
    ]


def test_a_mail_whose_text_is_encoded_is_refused_before_its_urls() -> None:
    with pytest.raises(ReportsUnreadable, match="line 2: a mail whose text is encoded"):
        read("Subject: x\nContent-Transfer-Encoding: quoted-printable\n\nhttp://example.com/a=3Fb\n")


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ("see http://example.com/influence-operations-and-", "disinformation is here", BROKEN),
        ("(it is at http://example.com/", "content/duffers-guide)", BROKEN),
        ("http://example.com/gal", "lery/1.jpg", BROKEN),
        ("http://example.com/gallery/", "photo.jpg", BROKEN),
        ("http://example.com/show.php?id=", "12 thanks", BROKEN),
        ("http://example.com/a?b=1&", "c=2", BROKEN),
        ("> http://example.com/gal", "> lery/1.jpg", BROKEN),
        ("Look: <http://example.com/very/long/", "path>", NOT_CLOSED),
        ("> <http://example.com/very/long/", "> path>", NOT_CLOSED),
    ],
)
def test_a_url_that_a_line_break_cut_is_never_fetched_by_its_first_half(first: str, second: str, reason: str) -> None:
    found = read(f"{first}\n{second}\n")
    assert urls_of(found) == []
    assert bad_of(found)[0] == (1, f"url: {reason}")
    assert len(urls_of(read(f"{first.replace('<', '')}\n\n{second}\n"))) == 1


@pytest.mark.parametrize(
    "second",
    [
        "Anna",
        "seen by Anna",
        "and there",
        "http://example.com/b",
        "www.example.com/b",
        "example.org/b.jpg",
        "15/01/2026",
    ]
    + ["# a remark", "", "<http://example.com/b>", "- http://example.com/b", "a@example.com", "192.0.2.1/a"],
)
@pytest.mark.parametrize("first", ["http://example.com/a.jpg", "http://example.com/gallery", "http://example.com/g/"])
def test_a_url_that_is_whole_is_read_whatever_stands_in_the_next_line(first: str, second: str) -> None:
    assert urls_of(read(f"{first}\n{second}\n"))[0] == first


def test_a_line_with_a_url_in_it_is_no_header() -> None:
    found = read("url,http://example.com/a,bad page\nhttp://example.com/b\n")
    assert urls_of(found) == ["http://example.com/b"]
    assert bad_of(found)[0][0] == 1


def test_what_only_scripts_see_of_a_url_is_noted() -> None:
    assert bad_of(read("http://example.com/#!/gallery/1\nhttp://example.com/#top\n")) == [(1, FOR_SCRIPTS)]


def test_a_line_of_a_long_file_in_utf_16_is_bounded() -> None:
    content = ("http://example.com/a\n" + "x" * 300_000 + "\nhttp://example.com/b\n").encode("utf-16")
    found = read(content)
    assert urls_of(found) == ["http://example.com/a", "http://example.com/b"]
    assert (2, "line is longer than 64 KiB") in bad_of(found)
