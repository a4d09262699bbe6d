"""Finds cases by what a person has of them: an id or its beginning, a digest, a URL as it was pasted, or a host."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice

from orbweaver.console.errors import NothingToDo
from orbweaver.console.text import safe
from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.rules import urls
from orbweaver.model import Case
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.cases import case_entries, case_index, case_store
from orbweaver.takedown.cases.case_entries import bare
from orbweaver.takedown.cases.places import place_of

# A scan of 200,000 ids takes 20 questions.
SCANNED_AT_ONCE = 10_000
# So many characters of an id are shown to people; fewer name no case.
SHORTEST_ID = 8
_IS_ID = re.compile(r"[0-9a-f-]{8,36}").fullmatch
_DIGESTS = {32: "md5", 40: "sha1", 64: "sha256"}
_IS_DIGEST = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}").fullmatch


def find(store: Store, asked: str) -> Iterator[Case]:
    """Yield the cases that are meant, oldest first; none where nothing is. Raises NothingToDo for what means nothing.

    A URL means the cases that have it as their place, or whose redirects led over it, or whose landing page it is. A
    host means its cases, on any port unless one is given; an address too. Cases of an older release are entered in the
    index before.
    """
    case_index.enter_some(store, None)
    asked = asked.strip()
    lower = asked.lower()
    if _IS_DIGEST(lower):
        name = _DIGESTS[len(lower)]
        if name == "sha256":
            yield from case_store.read_many(store, case_store.case_ids_of_file(store, lower))
        else:
            yield from (case for case in case_index.cases_of_text(store, lower) if getattr(case, name) == lower)
        return
    if _IS_ID(lower):
        found = list(_by_id(store, lower))
        yield from case_store.read_many(store, found)
        if found or "-" in lower:
            return
    yield from _by_url(store, asked)


def find_one(store: Store, asked: str) -> Case:
    """Return the one case that is meant; raises NothingToDo where none is, or several are."""
    first = list(islice(find(store, asked), 2))
    if not first:
        raise NothingToDo(f"{_shown(asked)} is no case of the store{_too_short(asked)}: see orbweaver cases list")
    if len(first) > 1:
        raise NothingToDo(f"{_shown(asked)} means several cases: give the id of one, see orbweaver cases find")
    return first[0]


def _too_short(asked: str) -> str:
    """Return why nothing was found by what may be the beginning of an id, as words that follow."""
    is_short = len(asked) < SHORTEST_ID and set(asked.lower()) <= set("0123456789abcdef")
    return f" (of an id write at least {SHORTEST_ID} characters)" if is_short else ""


def _by_id(store: Store, beginning: str) -> Iterator[str]:
    if case_store.existing(store, [beginning]):
        yield beginning
        return
    for member, _ in store.zscan_iter(keys.cases(), match=f"{beginning}*", count=SCANNED_AT_ONCE):
        yield text(member)


def _by_url(store: Store, asked: str) -> Iterator[Case]:
    written = urls.refang(asked)
    try:
        url = urls.canonicalise(written if "://" in written else f"http://{written}")
    except UrlRefused as error:
        raise NothingToDo(f"{_shown(asked)} is no id, no digest and no URL: {error}") from error
    is_host = "://" not in written and not set("/?") & set(written)
    if is_host:
        yield from filter(_at_host(url), case_index.cases_on(store, case_entries.host_shelf(urls.hostname_of(url))))
        return
    ids = {case_id: None for one in _texts(url) for case_id in case_index.case_ids_of_text(store, one)}
    for start in range(0, len(ids), case_store.PAGE):
        yield from filter(_at_url(url), case_store.read_many(store, islice(ids, start, start + case_store.PAGE)))


def _at_host(url: str) -> Callable[[Case], bool]:
    host, hostname = urls.host_of(url), urls.hostname_of(url)
    if host != hostname:
        return lambda case: case.host == host
    return lambda case: hostname in {urls.hostname_of(case.url), case.ip}


def _at_url(url: str) -> Callable[[Case], bool]:
    """Compare without the scheme: a pasted URL often has another one, or none."""
    wanted, place = _texts(url)

    def is_meant(case: Case) -> bool:
        on_the_way = (one.url for one in case.redirects or () if not one.is_cut)
        known = (case.url, case.last_url, case.final_url, case.referrer, *on_the_way)
        return wanted in {bare(one) for one in known if one is not None} or bare(place_of(case.url).url) == place

    return is_meant


def _texts(url: str) -> tuple[str, str]:
    return bare(url), bare(place_of(url).url)


def _shown(asked: str) -> str:
    return repr(safe(asked[:80]))
