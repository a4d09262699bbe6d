"""Reads the fields of one record of a reports file: its URLs, and what else is said of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from orbweaver.crawler.errors import AccessRefused, UrlRefused
from orbweaver.crawler.fetching.asking.header_values import header_value
from orbweaver.crawler.rules.urls import canonicalise, refang
from orbweaver.model import now
from orbweaver.queue.errors import BadFields
from orbweaver.queue.intake.report_lines import has_stray_bytes
from orbweaver.queue.intake.written_urls import WrittenUrl, read_urls

# A receipt may be so much ahead of this machine: by another clock, or as local time without its zone.
OTHER_CLOCK = timedelta(days=1)


def read_written(value: object) -> list[WrittenUrl]:
    """Return the URLs of a field. Raises BadFields, NotCertain."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        value = "\n".join(value)
    if not isinstance(value, str) or not value.strip():
        raise BadFields("no url")
    if has_stray_bytes(value):
        raise BadFields("not valid UTF-8; if the file has another encoding, say it with --encoding windows-1252")
    written = read_urls(value)
    if not written:
        raise BadFields("no url")
    return written


def read_about(fields: dict[str, object], notes: list[str]) -> dict[str, object]:
    """Return what a record says beside its URLs, by the names of `Report`; what is ignored is added to the notes."""
    return {
        "report_id": _read_text(fields, "report_id", notes),
        "received_at": _read_moment(fields, notes),
        "source": _read_text(fields, "source", notes),
        "referrer": _read_referrer(fields, notes),
        "classification": _read_text(fields, "classification", notes),
        "user_agent": _read_header(fields, "user_agent", notes),
        "accept_language": _read_header(fields, "accept_language", notes),
        "cookies": _read_header(fields, "cookies", notes),
    }


def _read_text(fields: dict[str, object], key: str, notes: list[str]) -> str | None:
    value = fields.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        notes.append(f"{key}: not text, ignored")
        return None
    if has_stray_bytes(value):
        notes.append(f"{key}: not valid UTF-8, ignored; say the file's encoding with --encoding")
        return None
    if any("\ud800" <= character <= "\udfff" for character in value):
        notes.append(f"{key}: not valid Unicode, ignored")
        return None
    return value.strip() or None


def _read_header(fields: dict[str, object], key: str, notes: list[str]) -> str | None:
    """Return a text that can be sent as a header; line ends inside one would add headers of somebody's choice."""
    text = _read_text(fields, key, notes)
    if text is None:
        return None
    try:
        return header_value(text)
    except AccessRefused as error:
        notes.append(f"{key}: {error.reason}, ignored")
        return None


def _read_referrer(fields: dict[str, object], notes: list[str]) -> str | None:
    text = _read_text(fields, "referrer", notes)
    if text is None:
        return None
    try:
        return canonicalise(refang(text))
    except UrlRefused as error:
        notes.append(f"referrer: {error.reason}, ignored")
        return None


def has_no_zone(fields: dict[str, object]) -> bool:
    """Whether a record has a time of receipt without a time zone."""
    value = fields.get("received_at")
    try:
        return isinstance(value, str) and datetime.fromisoformat(value.strip()).tzinfo is None
    except ValueError:
        return False


def _read_moment(fields: dict[str, object], notes: list[str]) -> datetime | None:
    value = fields.get("received_at")
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        # Text only: a number may be seconds, milliseconds or days, and a guess would be evidence.
        moment = datetime.fromisoformat(value.strip() if isinstance(value, str) else "")
        # A time without an offset is taken for UTC, as everywhere in the project.
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        notes.append("received_at: not an RFC 3339 time, ignored")
        return None
    if moment > now() + OTHER_CLOCK:  # a slip of the pen would put the case into a quarter to come
        notes.append("received_at: a time that has not come yet, ignored")
        return None
    return moment
