"""Keeps what somebody wants to hand in between the preview and the order to schedule it: in memory, not for long."""

from __future__ import annotations

import io
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Final

from orbweaver.model import Limits, ScopeKind
from orbweaver.queue.hosts.changes import Entered
from orbweaver.queue.intake import handing_in
from orbweaver.queue.intake.handing_in import HandedIn
from orbweaver.queue.intake.orders import Terms

# As many as `/api/v1` takes at once. A command has no such limit.
MOST_REPORTS: Final = 10_000
KEPT_SECONDS: Final = 1_800.0
# Of all people together; the oldest go first.
MOST_BYTES: Final = 64 * 1024 * 1024
MOST_DRAFTS: Final = 100
# Of what came of one host, about: its name, and perhaps why it is not visited.
_BYTES_OF_A_HOST: Final = 300


@dataclass(frozen=True, slots=True)
class EnteredHost:
    """The outcome for one host, as a page says it: without its record, whose reports name people and places."""

    name: str
    is_new: bool
    new_reports: int
    kept_back: str | None

    @classmethod
    def of(cls, entered: Entered) -> EnteredHost:
        """Return what the page says of a host that was entered."""
        return cls(entered.name, entered.is_new, entered.new_reports, entered.kept_back)


@dataclass(frozen=True)
class ReportDraft:
    """The draft of one person, who wants to look at it first: the bytes as they came, and how they are to be recrawled.

    `entered` is what came of it, None while it is not scheduled.
    """

    owner: str
    body: bytes = field(repr=False)
    encoding: str | None
    scope: ScopeKind
    terms: Terms
    limits: Limits
    is_now: bool
    entered: tuple[EnteredHost, ...] | None = None

    @property
    def size(self) -> int:
        """How many bytes of memory it takes, about."""
        return len(self.body) + _BYTES_OF_A_HOST * len(self.entered or ())

    def read(self) -> HandedIn:
        """Read the reports. Raises ReportsUnreadable, TooManyReports, AuthorityMissing."""
        return handing_in.read(
            io.BytesIO(self.body),
            self.scope,
            self.terms,
            name="the reports",
            most=MOST_REPORTS,
            encoding=self.encoding,
            limits=self.limits,
        )


class ReportDrafts:
    """The drafts of one console: when it ends they are gone, and nobody but their owner gets one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, ReportDraft]] = {}

    def put(self, draft: ReportDraft, draft_id: str | None = None) -> str:
        """Keep a draft, in place of an earlier one with this id; returns its id."""
        draft_id = draft_id or secrets.token_urlsafe(16)
        with self._lock:
            self._kept.pop(draft_id, None)
            self._kept[draft_id] = (time.monotonic(), draft)
            self._forget()
        return draft_id

    def get(self, draft_id: str, owner: str) -> ReportDraft | None:
        """Return the draft of a person; None when it is too old, or somebody else's."""
        with self._lock:
            self._forget()
            _, draft = self._kept.get(draft_id, (0.0, None))
        return draft if draft is not None and draft.owner == owner else None

    def _forget(self) -> None:
        oldest = time.monotonic() - KEPT_SECONDS
        for draft_id, (kept_at, _) in list(self._kept.items()):
            size = sum(draft.size for _, draft in self._kept.values())
            if kept_at < oldest or size > MOST_BYTES or len(self._kept) > MOST_DRAFTS:
                del self._kept[draft_id]
