"""A case as a file in the format of others; what a format refuses is said, and nothing is downloaded."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response
from orbweaver.console.case_exports import export_of
from orbweaver.console.errors import FormUnusable, NothingToDo
from orbweaver.console.text import reason_for_people
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.console import Console
from orbweaver.console.web.guard import AccessGuard, Caller
from orbweaver.console.web.pages.cases.case_page import noted_case
from orbweaver.console.web.translation import to_translate
from orbweaver.model import ExportFormat
from orbweaver.takedown.errors import ReporterUnknown
from orbweaver.takedown.exports.formats import NEED_REPORTER
from orbweaver.takedown.exports.notice import languages
from orbweaver.takedown.exports.reporter import reporter_of

# A signal for the triage of police is about a file, with all its places.
MOST_PLACES: Final = 2_000
_NOTHING: Final = to_translate("This format takes nothing of the case.")


def pages(console: Console, guard: AccessGuard) -> APIRouter:
    """Return the route of the download."""
    router = APIRouter()
    store = console.store

    @router.post("/cases/{case_id}/export")
    def export(case_id: str, caller: Caller = guard.may(Right.DECIDE_CASES)) -> Response:
        try:
            wanted = ExportFormat(caller.field("format"))
        except ValueError:
            raise FormUnusable(to_translate("Choose one of the formats.")) from None
        language = caller.field("language") or languages()[0]
        if language not in languages():
            raise FormUnusable(to_translate("Choose one of the languages."))
        case = noted_case(store, case_id, caller, f"page /cases/ID, export as {wanted.value}")
        try:
            reporter = reporter_of(console.settings) if wanted in NEED_REPORTER else None
            made = export_of(store, wanted, [case], reporter, language=language, most=MOST_PLACES)
        except (ReporterUnknown, NothingToDo) as refused:
            raise FormUnusable(str(refused)) from refused
        refusals = [one.reason for one in made.refused if one.case.case_id == case.case_id]
        if refusals or not made.files:
            raise FormUnusable(reason_for_people(" ".join(refusals) or _NOTHING))
        [file] = made.files
        return Response(
            file.content,
            media_type="application/octet-stream",
            headers={"Content-Disposition": f'attachment; filename="{file.name}"'},
        )

    return router
