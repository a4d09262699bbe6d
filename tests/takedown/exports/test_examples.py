"""The examples in docs/exports.md are what the formats make; to write them, run this file with Python."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests")] if __name__ == "__main__" else []

from export_cases import a_case, a_listing, an_event  # noqa: E402
from orbweaver.crawler.rules.urls import defang  # noqa: E402
from orbweaver.model import ExportFormat, Hosting  # noqa: E402
from orbweaver.takedown.exports.export_record import record_of  # noqa: E402
from orbweaver.takedown.exports.formats import NoticeManner, export  # noqa: E402
from orbweaver.takedown.exports.reporter import Reporter  # noqa: E402

PAGE = ROOT / "docs" / "exports.md"
CASE = a_case(
    a_listing(scheme="icse", category="baseline", algorithms=("sha256", "sha1", "md5")),
    referrer="https://files.example/a/",
    hosting=Hosting(country="SE", asn=64496, provider="Example Hosting AB"),
)
LANGUAGES = {ExportFormat.DSA: "sv"}


def example(wanted: ExportFormat) -> str:
    """The text of an example, as the page has it."""
    # Not the event's id: it covers the schema's version, so it would be another in the next release.
    event = an_event(CASE).model_copy(update={"event_id": CASE.case_id})
    record = record_of(CASE, [event], Reporter("Example Hotline", "notice@hotline.example", "hotline.example"))
    manner = NoticeManner(LANGUAGES.get(wanted, "en"), datetime(2026, 3, 2, 8, tzinfo=UTC), defang)
    made = export(wanted, [record], manner)
    assert made.refused == ()
    (file,) = made.files
    text = file.content.decode().replace("\r\n", "\n")
    if wanted is ExportFormat.EML:
        head, _, rest = text.partition("WHERE IT IS")
        return f"{head}[...]\n\n{rest[rest.index('--==') :].partition('ewog')[0]}[...]"
    return json.dumps(json.loads(text), indent=2, ensure_ascii=False) if text.startswith("{") else text.rstrip()


def section(wanted: ExportFormat) -> str:
    kind = {"dsa": "text", "csv": "text", "vics": "text", "eml": "text"}.get(wanted, "json")
    return f"### {wanted}\n\n```{kind}\n{example(wanted)}\n```\n"


@pytest.mark.parametrize("wanted", ExportFormat)
def test_the_page_shows_what_the_format_makes(wanted: ExportFormat) -> None:
    assert section(wanted) in PAGE.read_text(), "run: python tests/takedown/exports/test_examples.py"


if __name__ == "__main__":
    before = PAGE.read_text().partition("### xarf")[0]
    PAGE.write_text(before + "\n".join(section(wanted) for wanted in ExportFormat))
