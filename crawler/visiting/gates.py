"""Takes a visit through gates: asks for the way in, then for its own URL again, with the cookies that were set."""

from __future__ import annotations

from typing import Final

from orbweaver.crawler.bodies.body import Body
from orbweaver.crawler.fetching.transfer import FetchedResponse
from orbweaver.crawler.links.html import decode_text
from orbweaver.crawler.visiting.gate_pages import MOST_CHARACTERS, Gate
from orbweaver.crawler.visiting.host_answers import GONE_STATUSES
from orbweaver.crawler.visiting.visit import GatePass, Visit

# In a row: of an age, of consent, and one more.
MOST_GATES: Final = 3


def text_of(response: FetchedResponse, body: Body) -> str | None:
    """Return the text of a page that may be a gate, None for every other answer."""
    if body.html is None or body.is_document_cut or response.status in GONE_STATUSES:
        return None
    if len(body.html) > 4 * MOST_CHARACTERS:  # in no encoding so few characters
        return None
    return decode_text(body.html, response.content_type)


def entering(visit: Visit, gate: Gate, request: int) -> Visit | None:
    """Return the visit on its way into a gate; None when the gate was entered before, or after too many gates.

    `request` is a hash of the request that the gate answered.
    """
    number = 1 if visit.gate is None else visit.gate.number + 1
    if number > MOST_GATES or (visit.gate is not None and visit.gate.words == gate.words):
        return None
    return visit._replace(chain=(*visit.chain, request), gate=GatePass(gate.words, number=number))


def again(visit: Visit, *, has_led: bool) -> Visit:
    """Return the visit on its way back to its own URL; `has_led` says that the way in showed something itself."""
    assert visit.gate is not None
    return visit._replace(gate=visit.gate._replace(is_entering=False, has_led=has_led))
