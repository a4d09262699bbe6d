"""Looks at what a reported URL gave: a page that sends on elsewhere, or says that nothing is there, is no answer."""

from __future__ import annotations

from typing import NamedTuple

from orbweaver.crawler.asked_as import NOT_SAID, AskedAs, Destination
from orbweaver.crawler.bodies.body import Body
from orbweaver.crawler.bodies.document_kinds import DocumentKind
from orbweaver.crawler.fetching.transfer import FetchedResponse
from orbweaver.crawler.links.encodings import decode
from orbweaver.crawler.links.pages.shown import Shown, shown_of
from orbweaver.crawler.visiting.admission import Admission
from orbweaver.crawler.visiting.gone_pages import MOST_TEXT_BYTES, Gone, GoneHow, gone_of, gone_of_text
from orbweaver.crawler.visiting.link_follower import policy_of
from orbweaver.crawler.visiting.records.outcomes import Ending, is_success
from orbweaver.crawler.visiting.records.visit_journal import VisitJournal
from orbweaver.crawler.visiting.redirects import Redirects
from orbweaver.crawler.visiting.sent_on import SentOn, moves_of
from orbweaver.crawler.visiting.visit import Visit
from orbweaver.model import Outcome

_GONE_IN_WORDS = {
    GoneHow.GONE: "a page that says that it is gone",
    GoneHow.SUSPENDED: "a page that says that the account or the site was closed",
    GoneHow.PARKED: "a page of a name without a site",
    GoneHow.ELSEWHERE: "a page that says that it is not shown here, or not to us",
    GoneHow.UNAVAILABLE: "a page that says that its host is in trouble",
    GoneHow.EMPTY_INDEX: "the list of a folder without files",
}


class Meeting(NamedTuple):
    """The end of a look at a response: its visit goes on elsewhere, or ends with `ending`, or neither."""

    is_sent_on: bool = False
    ending: Ending | None = None


NOTHING_MET = Meeting()


class ReportedPages:
    """Meets what reported URLs gave, and takes their visits on where a page does nothing but that."""

    def __init__(self, admission: Admission, visits: VisitJournal, redirects: Redirects) -> None:
        self._admission = admission
        self._visits = visits
        self._redirects = redirects

    def meet(self, visit: Visit, response: FetchedResponse, body: Body, cookies: str) -> Meeting:
        """Look at a response, which was asked for with `cookies`; other visits than those of reports pass."""
        if not visit.is_reported or not is_success(response.status):
            return NOTHING_MET
        shown = None if body.html is None else shown_of(decode(body.html, response.content_type).text)
        moves = moves_of(response, body, shown)
        if moves.asks_again:
            reason = "a page that shows nothing: its script sets a cookie and asks for the page again"
            return Meeting(ending=Ending(Outcome.GATE, "gate.script", reason, is_failure=True, status=response.status))
        if moves.refused is not None:
            reason = f"sent on to a URL that is refused: {moves.refused}"
            return Meeting(ending=Ending(Outcome.REFUSED_URL, "url", reason, is_failure=True))
        for sent_on in moves.sent_on:
            if sent_on.is_all:
                self._send_on(visit, response, body, cookies, sent_on)
                return Meeting(is_sent_on=True)
        for sent_on in moves.sent_on:
            if sent_on.is_soon and self._leads_out(visit, sent_on):
                return NOTHING_MET  # the visit has its ending, and what the page shows is read all the same
        if moves.may_go_to is not None and (refusal := self._admission.scope_refusal(moves.may_go_to)) is not None:
            reason = f"the page shows nothing, and its script may go to {moves.may_go_to}: {refusal.reason}"
            self._visits.skip(visit, Ending(Outcome.OUT_OF_SCOPE, f"scope.{refusal.rule}", reason, is_failure=False))
        gone = gone_said(response, body, shown)
        if gone is None:
            return NOTHING_MET
        reason = f'reported URL answered {_GONE_IN_WORDS[gone.how]}: "{gone.words}"'
        return Meeting(
            ending=Ending(Outcome.ERROR_PAGE, f"error_page.{gone.how}", reason, is_failure=True, status=response.status)
        )

    def _send_on(self, visit: Visit, response: FetchedResponse, body: Body, cookies: str, sent_on: SentOn) -> None:
        is_frame = sent_on.way == "a frame"
        page = hash(body.document or b"")
        # Somebody who comes to the next page comes from this one, as over a link.
        origin = visit.origin._replace(referrer=response.url, referrer_page=page, policy=policy_of(response))
        onward = visit._replace(origin=origin, asked_as=AskedAs(Destination.FRAME) if is_frame else NOT_SAID)
        self._admission.addresses.meet(sent_on.to.url)  # not once more as a link of the page
        way = f"sent on by {sent_on.way}"
        self._redirects.follow(onward, response.asked, response.status, cookies, sent_on.to, way=way)

    def _leads_out(self, visit: Visit, sent_on: SentOn) -> bool:
        refusal = self._admission.scope_refusal(sent_on.to.url)
        if refusal is not None:
            reason = f"sent on by {sent_on.way} to {sent_on.to.url}: {refusal.reason}"
            self._visits.end(visit, Ending(Outcome.OUT_OF_SCOPE, f"scope.{refusal.rule}", reason, is_failure=True))
        return refusal is not None


def gone_said(response: FetchedResponse, body: Body, shown: Shown | None) -> Gone | None:
    """Return what an answer says by its words; `shown` is what its page shows, None when it is none."""
    if shown is not None:
        return gone_of(shown, response.url)
    text = body.document
    is_text = body.document_kind in {DocumentKind.TEXT, DocumentKind.XML} and body.sniffed_type is None
    if text is None or not is_text or len(text) > MOST_TEXT_BYTES:
        return None
    return gone_of_text(decode(text, response.content_type).text)
