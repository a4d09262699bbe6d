"""Takes visits through gates: asks for the way in, then for their own URL again, with the cookies that were set."""

from __future__ import annotations

from typing import Final, NamedTuple

from orbweaver.crawler.bodies.body import Body
from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.fetching.transfer import FetchedResponse
from orbweaver.crawler.links.encodings import decode
from orbweaver.crawler.rules.spelt_urls import spell
from orbweaver.crawler.rules.urls import host_of, path_of
from orbweaver.crawler.visiting.admission import Admission
from orbweaver.crawler.visiting.gates.gate_pages import MOST_CHARACTERS, Gate, GateKind, gate_of, shows_something
from orbweaver.crawler.visiting.link_follower import base_of
from orbweaver.crawler.visiting.records.host_answers import GONE_STATUSES
from orbweaver.crawler.visiting.records.outcomes import Ending, is_success
from orbweaver.crawler.visiting.records.visit_journal import VisitJournal
from orbweaver.crawler.visiting.visit import GatePass, Visit
from orbweaver.model import Outcome

# In a row: of an age, of consent, and one more.
MOST_GATES: Final = 3
_FIRST_PAGES: Final = frozenset(
    {"", "default", "enter", "home", "index", "main", "splash", "start", "warning", "welcome"}
)


class Passage(NamedTuple):
    """The end of a visit at a gate: it is on its way through, or the response is the one that the visit was for.

    `gate` is one that was not passed.
    """

    is_on_its_way: bool
    gate: Gate | None = None


_ARRIVED: Final = Passage(is_on_its_way=False)
_ON_ITS_WAY: Final = Passage(is_on_its_way=True)


class Gatekeeper:
    """Meets every response, and takes its visit through the gate that it is, if one click does."""

    def __init__(self, admission: Admission, visits: VisitJournal) -> None:
        self._admission = admission
        self._visits = visits

    def meet(self, visit: Visit, response: FetchedResponse, body: Body, cookies: str) -> Passage:
        """Go on through a gate when one click does; the response was asked for with `cookies`."""
        text = _text_of(response, body)
        # What may be no reference is not worth a failure.
        gate = None if text is None or visit.is_candidate else gate_of(text, is_refused=not is_success(response.status))
        if visit.is_entering:
            # What is no page, "OK" or nothing, may be the answer to the click alone.
            self._visits.journal.tally.pages += text is not None and gate is None and is_success(response.status)
            has_led = is_success(response.status) and (
                body.sniffed_type is not None
                if body.html is None
                else gate is None and (text is None or shows_something(text)) and _leads_on(visit.url, response.url)
            )
            onward = visit.sent_on_by(response.url, response.status)
            self._admission.consider(_again(onward, has_led=has_led), visit.url)
            return _ON_ITS_WAY
        if gate is None or (visit.gate is not None and visit.gate.has_led):
            if visit.gate is not None and is_success(response.status):
                self._passed(visit)
            return _ARRIVED
        if gate.kind is GateKind.LOGIN and not visit.is_reported:
            return _ARRIVED  # sites link to their login
        if self._enter(visit, response, gate, cookies):
            return _ON_ITS_WAY
        return Passage(is_on_its_way=False, gate=gate)

    def _enter(self, visit: Visit, response: FetchedResponse, gate: Gate, cookies: str) -> bool:
        """Ask for the way through a gate; False when there is none, or it may not be asked for."""
        onward = visit.sent_on_by(response.url, response.status)
        entering = _entering(onward, gate, hash((response.url, cookies, gate.words)))
        if entering is None or gate.reference is None:
            return False
        try:
            way_in = spell(base_of(response.asked, gate.base), gate.reference)
        except UrlRefused:
            return False
        return self._admission.consider_way_in(entering, way_in)

    def _passed(self, visit: Visit) -> None:
        assert visit.gate is not None
        reason = f'passed a gate: "{visit.gate.words}"'
        self._visits.skip(visit, Ending(Outcome.GATE, "gate.passed", reason, is_failure=False))


def _text_of(response: FetchedResponse, body: Body) -> str | None:
    """Return the text of a page that may be a gate, None for every other answer."""
    if body.html is None or body.is_document_cut or response.status in GONE_STATUSES:
        return None
    if len(body.html) > 4 * MOST_CHARACTERS:  # in no encoding so few characters
        return None
    return decode(body.html, response.content_type).text


def _leads_on(url: str, way_in: str) -> bool:
    """Whether what the way into a gate showed may be what the gate hides at `url`: it is there, below it or beside it.

    Beside it only when the gate is the first page of a folder: a gate in front of every page often leads to the first
    one, also when it did not open.
    """
    folder, _, name = path_of(url).rpartition("/")
    stem = name.partition(".")[0]
    is_first = stem in _FIRST_PAGES and "?" not in url
    place, entered = (f"{folder}/" if is_first else f"{folder}/{stem}"), path_of(way_in)
    return host_of(url) != host_of(way_in) or (entered.startswith(place) and url != way_in)


def _entering(visit: Visit, gate: Gate, request: int) -> Visit | None:
    """Return the visit on its way into a gate; None when the gate was entered before, or after too many gates.

    `request` is a hash of the request that the gate answered.
    """
    number = 1 if visit.gate is None else visit.gate.number + 1
    if number > MOST_GATES or (visit.gate is not None and visit.gate.words == gate.words):
        return None
    return visit._replace(chain=(*visit.chain, request), gate=GatePass(gate.words, number=number))


def _again(visit: Visit, *, has_led: bool) -> Visit:
    """Return the visit on its way back to its own URL; `has_led` says that the way in showed something itself."""
    assert visit.gate is not None
    return visit._replace(gate=visit.gate._replace(is_entering=False, has_led=has_led))
