"""The audit log: who saw and did what, the newest first; and its verification."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from orbweaver.console import access, audit_verifying
from orbweaver.console.errors import FormUnusable
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.console import Console
from orbweaver.console.web.guard import AccessGuard, Caller
from orbweaver.console.web.translation import to_translate
from orbweaver.takedown.audit import audit_log, records
from orbweaver.takedown.audit.audit_log import StoredEntry
from orbweaver.takedown.errors import AuditLogBroken, AuditUnusable

PATH: Final = "/audit"
ENTRIES_SHOWN: Final = 50
# For entries that a filter lets through, so many are looked at before the page says that there may be more.
LOOKED_AT: Final = 5_000
# And so many bytes of them: one access to 500 cases is an entry of 20 KB.
MOST_BYTES: Final = 8 * 1024 * 1024
_UNDER_WAY: Final = to_translate("The log is being verified already. Try again in a while.")
_KINDS: Final = (records.ACCESS, records.EVENT, records.DECISION, records.RETENTION)
_DECIMALS: Final = 15


@dataclass(frozen=True)
class ShownEntry:
    """An entry of the log, in parts for people; what cannot be read is None."""

    number: int
    kind: str | None
    at: str | None
    who: str | None
    what: str | None
    subject: tuple[str, ...]


def pages(console: Console, guard: AccessGuard) -> APIRouter:
    """Return the routes of the audit log."""
    router = APIRouter()
    turn = threading.Lock()

    @router.get(PATH)
    def show(
        request: Request,
        who: str = "",
        kind: str = "",
        about: str = "",
        before: str = "",
        caller: Caller = guard.may(Right.SEE_AUDIT),
    ) -> Response:
        if kind and kind not in _KINDS:
            raise FormUnusable(f"a kind of record is one of {', '.join(_KINDS)}")
        if before and not (before.isascii() and before.isdecimal() and len(before) <= _DECIMALS):
            raise FormUnusable("the number of an entry is a number")
        access.note(console.store, caller.actor, "page /audit")
        broken = None
        try:
            audit_log.seal(console.store)
        except AuditLogBroken as error:
            broken = str(error)
        shown, next_before = _chosen(console, who.strip(), kind, about.strip(), int(before) if before else None)
        return console.templates.page(
            request,
            "audit.html",
            caller.session,
            shown=shown,
            next_before=next_before,
            size=audit_log.size(console.store),
            kinds=_KINDS,
            asked={"who": who, "kind": kind, "about": about},
            broken=broken,
        )

    @router.post(PATH)
    def verify(request: Request, caller: Caller = guard.may(Right.SEE_AUDIT)) -> Response:
        access.note(console.store, caller.actor, "audit verify")
        if not turn.acquire(blocking=False):  # it reads the whole log, and the pages share their threads
            raise FormUnusable(_UNDER_WAY)
        try:
            found = audit_verifying.verify(console.store, console.settings, (), ())
        except AuditUnusable as error:
            raise FormUnusable(str(error)) from error
        finally:
            turn.release()
        return console.templates.page(request, "audit_verified.html", caller.session, found=found)

    return router


def _chosen(
    console: Console, who: str, kind: str, about: str, before: int | None
) -> tuple[list[ShownEntry], int | None]:
    """Return the entries to be shown, and the number before which the next page begins; None at the end of the log."""
    shown: list[ShownEntry] = []
    read = 0
    for looked_at, one in enumerate(_read(console, before), start=1):
        entry = _entry(one)
        read += len(one.entry)
        if _is_asked_for(entry, who, kind, about):
            shown.append(entry)
        if len(shown) == ENTRIES_SHOWN or looked_at == LOOKED_AT or read >= MOST_BYTES:
            return shown, one.number
    return shown, None


def _read(console: Console, before: int | None) -> Iterator[StoredEntry]:
    while page := audit_log.newest(console.store, audit_log.PAGE, before):
        yield from page
        before = page[-1].number


def _is_asked_for(entry: ShownEntry, who: str, kind: str, about: str) -> bool:
    return (
        (not kind or entry.kind == kind)
        and (not who or who.lower() in (entry.who or "").lower())
        and (not about or any(one.startswith(about) for one in entry.subject))
    )


def _entry(stored: StoredEntry) -> ShownEntry:
    try:
        read: Any = json.loads(stored.entry)["record"]
    except (ValueError, KeyError, TypeError, RecursionError):
        read = None
    record = read if isinstance(read, dict) else {}
    actor, about = record.get("actor"), record.get("subject")
    subject = [record.get("case_id"), *(about if isinstance(about, list) else ())]
    return ShownEntry(
        number=stored.number,
        kind=_text(record.get("kind")),
        at=_text(record.get("at")),
        who=_text(actor.get("name")) if isinstance(actor, dict) else None,
        what=_text(record.get("what")) or _text(record.get("event_type")),
        subject=tuple(str(one) for one in subject if one is not None),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
