"""Under which words a case stands in the index of cases: its shelves, and the texts that a person may have of it.

A shelf has the cases that have one thing in common, such as a state or a host. All of it follows from the case, and is
written in the transaction that writes the case: no entry is older or newer than its case.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from orbweaver.model import Case, CaseState
from orbweaver.store import keys
from orbweaver.takedown.cases import waiting_cost
from orbweaver.takedown.cases.places import place_of

if TYPE_CHECKING:
    from redis.client import Pipeline

# Count this up when the entries of a case change: then all cases are entered again, once.
RULES: Final = "2"
UNREVIEWED: Final = "unreviewed"
REOPENED: Final = "reopened"
# The only shelf that is ordered by since when, and not by when the file was first seen.
OPEN_SINCE: Final = "open-since"
_REVIEWED_STATES: Final = frozenset({CaseState.OPEN, CaseState.HELD})
_ENTER: Final = Path(__file__).with_name("case_entries.lua").read_text()


def state_shelf(state: CaseState) -> str:
    """Return the name of the shelf of a state."""
    return f"state/{state.value}"


def host_shelf(hostname: str) -> str:
    """Return the name of the shelf of a host, without port, or of an address that answered."""
    return f"host/{hostname.lower()}"


def provider_shelf(provider: str) -> str:
    """Return the name of the shelf of a provider, by the name that `provider_of` gives it."""
    return f"provider/{_short(provider)}"


def country_shelf(country: str) -> str:
    """Return the name of the shelf of a country, by its two letters."""
    return f"country/{country.upper()}"


def list_shelf(list_name: str) -> str:
    """Return the name of the shelf of a list, by the name that `list_of` gives it."""
    return f"list/{_short(list_name)}"


def provider_of(case: Case) -> str | None:
    """Return the network of a case, the number first, else the name alone; None where neither is known."""
    hosting = case.hosting
    if hosting is None:
        return None
    return f"AS{hosting.asn}" if hosting.asn is not None else hosting.provider


def list_of(case: Case) -> str | None:
    """Return the name of the list that a case rests on, else that of its service; None where neither is known."""
    return case.verdict.list or case.verdict.service


def shelves_of(case: Case) -> dict[str, float]:
    """Return the shelves on which a case stands, each with its place there, in seconds since 1970. Pure."""
    first_seen = case.first_seen.timestamp()
    hosting = case.hosting
    names = [state_shelf(case.state)]
    names += [host_shelf(one) for one in (hostname_of(case.url), case.ip) if one]
    names += [provider_shelf(provider)] if (provider := provider_of(case)) else []
    names += [country_shelf(hosting.country)] if hosting is not None and hosting.country else []
    names += [list_shelf(name)] if (name := list_of(case)) else []
    if case.state in _REVIEWED_STATES and case.assessment is None:
        names.append(UNREVIEWED)
    if case.state is CaseState.OPEN and case.removal is not None and case.removal.returns:
        names.append(REOPENED)
    shelves = dict.fromkeys(names, first_seen)
    if case.state is CaseState.OPEN:
        shelves[OPEN_SINCE] = _since(case).timestamp()
    return shelves


def names_of_shelves(case: Case) -> dict[str, str]:
    """Return what people call the shelves of a case that are offered for choice, by the name of the shelf. Pure."""
    hosting = case.hosting
    names: dict[str, str] = {}
    if (provider := provider_of(case)) is not None and hosting is not None:
        named = hosting.provider if hosting.asn is not None else None
        names[provider_shelf(provider)] = " ".join(part for part in (provider, named) if part)
    if hosting is not None and hosting.country:
        names[country_shelf(hosting.country)] = hosting.country
    if (name := list_of(case)) is not None:
        names[list_shelf(name)] = name
    return names


def texts_of(case: Case) -> frozenset[str]:
    """Return by which texts, shortened, a case is found: MD5, SHA-1, its URLs without schemes, its place. Pure.

    Of a case that was pseudonymised there are none.
    """
    if case.pseudonymised is not None:
        return frozenset()
    on_the_way = (one.url for one in case.redirects or () if not one.is_cut)
    urls = {case.url, case.last_url, case.final_url, case.referrer, place_of(case.url).url, *on_the_way} - {None}
    return frozenset(map(shortened, (case.md5, case.sha1, *(bare(url) for url in urls if url is not None))))


def bare(url: str) -> str:
    """Return a URL without its scheme: a pasted one often has another, or none."""
    return url.partition("://")[2]


def shortened(text: str) -> str:
    """Return 16 hexadecimal digits by which a text is found; whoever finds a case by them compares the text itself."""
    return _short(text)


def hostname_of(url: str) -> str:
    """Return the host of a canonical URL without its port; an IPv6 literal keeps its brackets."""
    host = bare(url).partition("/")[0]
    name, colon, _ = host.rpartition(":")
    return host if not colon or host.endswith("]") else name


def write(pipe: Pipeline, case: Case, *, is_older: bool = False) -> None:
    """Queue the entries of a case as it is now, in place of those before, on the transaction that writes the case.

    With `is_older` the case was read before, outside of a transaction: nothing is written where it has entries.
    """
    lines = [RULES]
    lines += [f"s {place:.3f} {name}" for name, place in sorted(shelves_of(case).items())]
    lines += [f"t 0 {one}:{case.case_id}" for one in sorted(texts_of(case))]
    held = waiting_cost.facts_of(case).written() if case.state is CaseState.HELD else ""
    key_names = (keys.case(str(case.case_id)), keys.held_cases(), keys.case_texts())
    mode = "older" if is_older else "now"
    pipe.eval(_ENTER, 3, *key_names, keys.case_shelf(""), str(case.case_id), mode, held, *lines)
    names = names_of_shelves(case)
    if names:
        pipe.hset(keys.case_shelf_names(), mapping=dict(_pairs(names)))


def _pairs(names: dict[str, str]) -> Iterable[tuple[str, str]]:
    return ((shelf, name[:200]) for shelf, name in names.items())


def _since(case: Case) -> datetime:
    return case.state_since or case.first_seen


def _short(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
