"""The grounds of a case, as every format tells them: what agreed, on which list, when, and that a machine did it."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from orbweaver.model import Algorithm, Case, Strength, format_time
from orbweaver.takedown.exports.checks import is_uri, one_line
from orbweaver.takedown.exports.export_record import ExportRecord

NAMES: Final[dict[Algorithm, str]] = {"sha256": "SHA-256", "sha1": "SHA-1", "md5": "MD5"}


def algorithms(case: Case) -> tuple[str, ...]:
    """Return the names of the digests that agreed, strongest first; older cases say the strongest alone."""
    verdict = case.verdict
    return tuple(NAMES[one] for one in verdict.algorithms or ((verdict.algorithm or "md5"),))


def agreed(case: Case) -> str:
    """Return the digests that agreed, strongest first, such as `SHA-256, MD5`."""
    return ", ".join(algorithms(case))


def strength(case: Case) -> Strength:
    """Return how much the match proves; of older cases, which do not say it: weak unless SHA-256 agreed."""
    verdict = case.verdict
    if verdict.strength is not None:
        return verdict.strength
    return Strength.STRONG if verdict.algorithm == "sha256" else Strength.WEAK


def match_in_words(record: ExportRecord) -> str:
    """Return how strong a match is, by which digests, and whether people assessed the file, in English."""
    case = record.case
    assessed = "" if record.released is None else ", and people who assessed the file released it"
    return f"{strength(case).value} match by {agreed(case)}{assessed}"


def provenance(record: ExportRecord) -> dict[str, Any]:
    """Return list and verdict of a case as a JSON object; without the entry's id, which only its list understands."""
    case = record.case
    verdict = case.verdict
    assessed = record.released
    named = None if assessed is None else assessed.classification
    return {
        "matched_by": list(verdict.algorithms or ((verdict.algorithm,) if verdict.algorithm else ())),
        "strength": strength(case).value,
        "list": verdict.list,
        "list_version": verdict.list_version,
        "list_built_to": None if verdict.built_to is None else format_time(verdict.built_to),
        "scheme": verdict.scheme,
        "category": verdict.category,
        "asked_at": None if verdict.asked_at is None else format_time(verdict.asked_at),
        "assessed_by_a_person": assessed is not None,
        "assessed_as": None if named is None else named.model_dump(mode="json"),
        "detected_automatically": True,
    }


def redirects(case: Case) -> list[dict[str, Any]]:
    """Return the answers that led from the URL of a case to its file, in order, as JSON objects.

    One whose URL not every reader takes for the same address is left out: it refuses no case.
    """
    return [{"url": one.url, "status": one.status} for one in case.redirects or () if is_uri(one.url)]


def final_url(case: Case) -> str | None:
    """Return the URL where the redirects of a case ended; None where readers may take it for another address."""
    return case.final_url if is_uri(case.final_url) else None


def provider(case: Case) -> str:
    """Return who can take the file down, as far as it is known: the provider, else the address, else the host."""
    named = None if case.hosting is None else one_line(case.hosting.provider or "").strip()
    return named or address(case) or host_name(case)


def host_name(case: Case) -> str:
    """Return the host without its port, and without the brackets of an IPv6 address."""
    return urlsplit(case.newest_url).hostname or case.host


def address(case: Case) -> str | None:
    """Return the address that answered, an IPv4 address as such; None where a proxy hid it."""
    for text in (case.ip, host_name(case)):
        try:
            found = ip_address(text or "")
        except ValueError:
            continue
        mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
        return str(mapped or found)
    return None
