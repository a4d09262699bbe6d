"""`orbweaver cases export`: cases in the formats of providers, hotlines and police."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from orbweaver.commands.options import StateDir, read_settings
from orbweaver.model import CaseState, ExportFormat

EPILOG = (
    "Examples:\n\n"
    "  orbweaver cases export --format eml --case-state open --out notices\n\n"
    "  orbweaver cases export --format xarf --case 4ca89230 > report.json\n\n"
    "  orbweaver cases export --format dsa --host files.example --language sv --out -\n\n"
    "docs/exports.md has an example of each format. Exact URLs are in all formats but the text of eml.\n\n"
    "Exit status: 0 each chosen case is exported; 1 the format refuses some, which standard error names with the "
    "reason, or the store failed; 2 bad usage, no such case, or there is no store."
)
# Others are for machines.
_HAVE_LANGUAGE = frozenset({ExportFormat.DSA, ExportFormat.EML})


def export_cases(
    wanted: Annotated[ExportFormat, typer.Option("--format", help="The format.")],
    case_ids: Annotated[
        list[str] | None,
        typer.Option("--case", metavar="ID", help="Only this case, by its id or the beginning; may be repeated."),
    ] = None,
    case_state: Annotated[CaseState | None, typer.Option("--case-state", help="Only cases in this state.")] = None,
    hosts: Annotated[
        list[str] | None, typer.Option("--host", metavar="HOST", help="Only cases of this host; may be repeated.")
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", metavar="CODE", help="Of the text in dsa and eml: en (default), sv.")
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Directory for the files; -: standard output.")
    ] = Path("-"),
    state: StateDir = None,
) -> None:
    """Export cases: notices for providers, reports for hotlines, signals for police. Some cases are refused."""
    if language is not None and wanted not in _HAVE_LANGUAGE:
        raise typer.BadParameter(f"--language is for dsa and eml, and {wanted.value} has no text for people")
    from orbweaver.console.terminal.cases import exporting
    from orbweaver.takedown.exports.notice import languages

    if language is not None and language not in languages():
        raise typer.BadParameter(f"--language {language!r}: there are {', '.join(languages())}")
    choice = exporting.Choice(tuple(case_ids or ()), case_state, tuple(hosts or ()))
    status = exporting.run(
        read_settings(state), wanted, choice, language=language or "en", out=None if str(out) == "-" else out
    )
    raise typer.Exit(status)
