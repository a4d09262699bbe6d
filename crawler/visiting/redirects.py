"""Takes a visit on to where a host moves its URL: by a redirect, or by a page that does nothing else."""

from __future__ import annotations

from collections.abc import Callable

from orbweaver.crawler.fetching.asking.request_headers import ReporterHeaders
from orbweaver.crawler.rules.spelt_urls import SpeltUrl
from orbweaver.crawler.visiting.admission import Admission
from orbweaver.crawler.visiting.records.outcomes import Ending
from orbweaver.crawler.visiting.records.visit_journal import VisitJournal
from orbweaver.crawler.visiting.visit import Visit
from orbweaver.model import Outcome

# As browsers (https://fetch.spec.whatwg.org/#http-redirect-fetch).
MOST_REDIRECTS = 20
REDIRECTED = "redirected"


class Redirects:
    """Follows redirects, as far as they lead somewhere new and `admission` allows it.

    `cookies_for` returns the cookies that would go with a request for a URL in the name of a reporter.
    """

    def __init__(
        self, admission: Admission, visits: VisitJournal, cookies_for: Callable[[str, ReporterHeaders], str]
    ) -> None:
        self._admission = admission
        self._visits = visits
        self._cookies_for = cookies_for

    def follow(
        self,
        visit: Visit,
        asked: SpeltUrl,
        status: int,
        cookies: str,
        target: SpeltUrl,
        *,
        way: str = REDIRECTED,
    ) -> None:
        """Ask for `target` next, to which the answer for `asked`, with `cookies`, sent the visit by `way`.

        The same URL in another spelling is another request: some hosts send visitors to the one that they like.
        """
        # Python's hash of text is keyed: no server can make two requests equal.
        chain = (*visit.chain, hash((asked, cookies)))
        # With other cookies the same URL may answer otherwise: a gate sets its cookie so.
        request = (target, self._cookies_for(target.url, visit.origin.reporter_headers))
        if hash(request) in chain or len(chain) > MOST_REDIRECTS:
            reason = f"{len(chain)} redirects, the last to {target.url}"
            self._visits.end(visit, Ending(Outcome.REDIRECT_LOOP, "redirects", reason, is_failure=True))
            return
        self._admission.spellings.replace(target)
        self._admission.consider(visit.sent_on_by(asked.url, status)._replace(chain=chain), target.url, way=way)
