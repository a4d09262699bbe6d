"""Notices by Article 16 of the Digital Services Act (Regulation (EU) 2022/2065), one for a provider and day, as text.

Each language is one file in `languages/`, a Jinja2 template whose first line is the subject; the languages that there
are, are the files that lie there. The text is plain, so nothing is escaped as HTML. In its place every value that a
template shows becomes one line of visible characters: a host's or a list's text can begin no line of its own.
"""

from __future__ import annotations

import hashlib
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final

from orbweaver.model import format_time
from orbweaver.takedown.exports import grounds
from orbweaver.takedown.exports.checks import exact_url, one_line
from orbweaver.takedown.exports.classification import categories_of
from orbweaver.takedown.exports.export_record import ExportRecord
from orbweaver.takedown.exports.exportable import require_notifiable
from orbweaver.takedown.exports.reporter import Reporter

# What mail programs make clickable, in a text of a host or a list.
_LINK: Final = re.compile(r"(?:[a-z][a-z0-9+.-]*://|www\.)\S+", re.IGNORECASE)
_FOLDER: Final = Path(__file__).parent / "languages"
# A provider with more gets several notices a day: a person reads them, and mail servers refuse large mails.
MOST_CASES: Final = 200
ShowUrl = Callable[[str], str]


@dataclass(frozen=True)
class NoticeText:
    """A notice as a person reads it, with its subject."""

    subject: str
    body: str


@dataclass(frozen=True)
class Notice:
    """The cases of one provider that one notice is about; its reference is the same for the same cases and day."""

    provider: str
    day: date
    records: tuple[ExportRecord, ...]
    reporter: Reporter

    @property
    def reference(self) -> str:
        """The reference of the notice: of the same cases on the same day it is the same."""
        ids = sorted(str(record.case.case_id) for record in self.records)
        digest = hashlib.sha256("\n".join([self.provider, self.day.isoformat(), *ids]).encode()).hexdigest()
        return f"{self.day:%Y%m%d}-{digest[:12]}"


def languages() -> tuple[str, ...]:
    """Return the languages that there are, by the names of their files."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.txt")))


def require_in_notice(record: ExportRecord) -> None:
    """Raise ExportRefused, with the reason, for a case that cannot be in a notice."""
    require_notifiable(record)
    case = record.case
    for url in (case.final_url, case.referrer):
        if url is not None:
            exact_url(url)


def notices(records: Iterable[ExportRecord], day: date) -> Iterator[Notice]:
    """Yield the notices of a day: the cases by provider, at most MOST_CASES in one, in the order of the first case.

    All cases are such that `require_in_notice` lets them pass.
    """
    by_provider: dict[str, list[ExportRecord]] = {}
    for record in records:
        by_provider.setdefault(grounds.provider(record.case), []).append(record)
    for provider, of_provider in by_provider.items():
        for start in range(0, len(of_provider), MOST_CASES):
            part = tuple(of_provider[start : start + MOST_CASES])
            assert part[0].reporter is not None
            yield Notice(provider, day, part, part[0].reporter)


def text_of(notice: Notice, language: str, show_url: ShowUrl | None = None) -> NoticeText:
    """Return a notice in a language; with `show_url` its URLs are as that shows them to people, else exact."""
    rendered = _template(language).render(
        notice={
            "provider": notice.provider if show_url is None else _without_links(notice.provider),
            "day": notice.day.isoformat(),
            "reference": notice.reference,
            "cases": [_shown(record, show_url) for record in notice.records],
        },
        reporter=notice.reporter,
        is_defanged=show_url is not None,
    )
    subject, _, body = rendered.partition("\n")
    return NoticeText(subject, body.lstrip("\n"))


def _shown(record: ExportRecord, show_url: ShowUrl | None) -> dict[str, Any]:
    case = record.case
    show_text = _as_it_is if show_url is None else _without_links
    show_url = show_url or exact_url
    scheme, category = categories_of(record)[0]
    return {
        "url": show_url(case.newest_url),
        "final_url": show_url(case.final_url) if case.final_url != case.newest_url else None,
        "redirects": [{**one, "url": show_url(one["url"])} for one in grounds.redirects(case)[1:]],
        "landing_page": None if case.referrer is None else show_url(case.referrer),
        "is_cdn": case.hosting is not None and case.hosting.is_cdn,
        "archive_member": show_text(case.http.archive_member),
        "reference": str(case.case_id),
        "media": (case.sniffed_type or "").partition("/")[0],
        "size": case.size,
        "sha256": case.sha256,
        "sha1": case.sha1,
        "md5": case.md5,
        "algorithms": grounds.algorithms(case),
        "strength": grounds.strength(case).value,
        "is_assessed": record.released is not None,
        "list": show_text(_short(case.verdict.list)),
        "scheme": show_text(_short(scheme)),
        "category": show_text(_short(category)),
        "is_classified_by_people": record.is_classified_by_people,
        "first_seen": format_time(case.first_seen),
        "last_seen": format_time(case.last_seen),
        "returns": record.returns,
        "elsewhere": record.elsewhere,
    }


def _as_it_is(text: str | None) -> str | None:
    return text


def _without_links(text: str | None) -> str | None:
    """Return a text in which a mail program finds nothing to click on."""
    if text is None:
        return None
    return _LINK.sub(lambda link: link[0].replace("://", "[:]//").replace(".", "[.]"), text)


def _short(text: str | None) -> str | None:
    return None if text is None else textwrap.shorten(one_line(text), 200, placeholder=" ...")


@cache
def _template(language: str) -> Any:
    """Return the template of a language; one of `languages()`."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=False,  # noqa: S701 - plain text; finalize makes every value harmless in it
        finalize=lambda value: one_line(str(value)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(f"{language}.txt")
