"""All formats by name: what each makes of records, in which files, and which cases it refuses, each with its reason."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from orbweaver.model import Case, ExportFormat
from orbweaver.takedown.errors import ExportRefused
from orbweaver.takedown.exports import iccam, mail, notice, provider_csv, triage_signals, vics_csv, xarf
from orbweaver.takedown.exports.export_record import ExportRecord
from orbweaver.takedown.exports.notice import Notice, ShowUrl

# These name their sender.
NEED_REPORTER: Final = frozenset(ExportFormat) - {ExportFormat.VICS, ExportFormat.AVIATOR}


@dataclass(frozen=True)
class ExportedFile:
    """A file of an export, by the name that it has in a directory."""

    name: str
    content: bytes


@dataclass(frozen=True)
class RefusedCase:
    """A case that a format does not take, and why."""

    case: Case
    reason: str


@dataclass(frozen=True)
class Export:
    """The files of an export, how many cases are in them, and the cases that are not."""

    files: tuple[ExportedFile, ...]
    cases: int
    refused: tuple[RefusedCase, ...]


@dataclass(frozen=True)
class NoticeManner:
    """The manner of a notice for people: its language, its time, and how URLs are shown to people."""

    language: str
    made_at: datetime
    show_url: ShowUrl


def export(wanted: ExportFormat, records: Iterable[ExportRecord], manner: NoticeManner) -> Export:
    """Return the records in a format; a case that it cannot take is refused, and never changed to fit."""
    taken: list[tuple[ExportRecord, Any]] = []
    refused: list[RefusedCase] = []
    for record in records:
        try:
            taken.append((record, _TAKE[wanted](record)))
        except ExportRefused as reason:
            refused.append(RefusedCase(record.case, str(reason)))
    files = tuple(_FILES[wanted](taken, manner)) if taken else ()
    return Export(files, len(taken), tuple(refused))


_Taken = list[tuple[ExportRecord, Any]]
# What each format makes of one case; it raises ExportRefused.
_TAKE: Final[dict[ExportFormat, Callable[[ExportRecord], Any]]] = {
    ExportFormat.XARF: xarf.report,
    ExportFormat.ICCAM: iccam.report,
    ExportFormat.DSA: notice.require_in_notice,
    ExportFormat.CSV: provider_csv.row,
    ExportFormat.VICS: vics_csv.row,
    ExportFormat.EML: mail.attachment,
    ExportFormat.AVIATOR: triage_signals.require_telling,
}


def _reports(kind: str, taken: _Taken) -> list[ExportedFile]:
    """Return a report for each case, on a line of its own: several after each other are JSON Lines."""
    return [ExportedFile(f"{record.case.case_id}.{kind}.json", _line(made)) for record, made in taken]


def _line(document: Any) -> bytes:
    return json.dumps(document).encode() + b"\n"


def _texts(taken: _Taken, manner: NoticeManner) -> list[ExportedFile]:
    made = []
    for one in _notices(taken, manner):
        text = notice.text_of(one, manner.language)
        made.append(ExportedFile(_name_of(one, f"{manner.language}.txt"), f"{text.subject}\n\n{text.body}".encode()))
    return made


def _mails(taken: _Taken, manner: NoticeManner) -> list[ExportedFile]:
    reports = {record.case.case_id: report for record, report in taken}
    return [
        ExportedFile(
            _name_of(one, f"{manner.language}.eml"),
            mail.message(one, reports, manner.language, manner.made_at, manner.show_url),
        )
        for one in _notices(taken, manner)
    ]


def _notices(taken: _Taken, manner: NoticeManner) -> list[Notice]:
    return list(notice.notices([record for record, _ in taken], manner.made_at.date()))


def _name_of(one: Notice, ending: str) -> str:
    """Return a file's name that shows the provider, and differs where only what it leaves out does."""
    shown = re.sub(r"[^a-z0-9.-]+", "-", one.provider.lower()).strip(".-")[:60] or "provider"
    return f"{one.reference}-{shown}.{ending}"


_FILES: Final[dict[ExportFormat, Callable[[_Taken, NoticeManner], list[ExportedFile]]]] = {
    ExportFormat.XARF: lambda taken, _: _reports("xarf", taken),
    ExportFormat.ICCAM: lambda taken, _: _reports("iccam", taken),
    ExportFormat.DSA: _texts,
    ExportFormat.CSV: lambda taken, _: [
        ExportedFile("provider.csv", provider_csv.document(row for _, row in taken).encode())
    ],
    ExportFormat.VICS: lambda taken, _: [
        ExportedFile("digests.csv", vics_csv.document(row for _, row in taken).encode())
    ],
    ExportFormat.EML: _mails,
    ExportFormat.AVIATOR: lambda taken, _: [
        ExportedFile("signals.json", _line(triage_signals.document(record for record, _ in taken)))
    ],
}
