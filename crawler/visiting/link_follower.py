"""Follows what a response leads to: the links in its headers and in its document, and what may be references."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from orbweaver.crawler.asked_as import NOT_SAID, AskedAs, ReferrerPolicy
from orbweaver.crawler.bodies.body import Body
from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.fetching.asking.request_headers import ReporterHeaders
from orbweaver.crawler.fetching.transfer import FetchedResponse
from orbweaver.crawler.link_kind import LinkKind, LinkSource
from orbweaver.crawler.links.found_links import MAX_CANDIDATES, Link
from orbweaver.crawler.links.http_headers import header_links
from orbweaver.crawler.links.pages.attribute_values import refresh_reference
from orbweaver.crawler.revisiting.page_memory import PageMemory
from orbweaver.crawler.rules import image_services, inner_urls, urls
from orbweaver.crawler.rules.referrers import policy_of_header
from orbweaver.crawler.rules.spelt_urls import SpeltUrl, spell, spelling_of
from orbweaver.crawler.visiting.addresses import dedup_key
from orbweaver.crawler.visiting.addresses.same_addresses import MOST_COMPARED, Met, page_answer
from orbweaver.crawler.visiting.admission import Admission
from orbweaver.crawler.visiting.forms import forms_of
from orbweaver.crawler.visiting.records.outcomes import Ending, is_success
from orbweaver.crawler.visiting.records.visit_journal import VisitJournal
from orbweaver.crawler.visiting.request_manner import referrer_of
from orbweaver.crawler.visiting.typed_files import TypedFiles
from orbweaver.crawler.visiting.visit import UNKNOWN_ORIGIN, Origin, Visit, expected_kind
from orbweaver.model import Outcome

# So many links are remembered, so that none is followed twice: 12 to 24 bytes each.
URLS_SEEN = 5_000_000
# Each has at most 16 KiB of them.
MOST_PLAYLISTS_WITH_VARIABLES = 200
# Of one robots.txt: each is fetched.
MOST_SITEMAPS = 20
NOTHING_SAID: Mapping[Link, AskedAs] = MappingProxyType({})


class LinkFollower:
    """Makes visits of links, and lets `admission` decide about each.

    `roots` are the numbers of the reported URLs, by their dedup key: a page that leads to one is noted in `visits`.
    `cookies_for` returns the cookies that would go with a request for a URL in the name of a reporter. `pages` gives
    the references of a document. `variables` are those of HLS playlists. Without `follows_links` the files inside a
    document are found, and it leads to nothing but itself.
    """

    def __init__(
        self,
        admission: Admission,
        visits: VisitJournal,
        roots: Mapping[str, set[int]],
        cookies_for: Callable[[str, ReporterHeaders], str],
        pages: PageMemory,
        *,
        follows_links: bool = True,
    ) -> None:
        self._admission = admission
        self._visits = visits
        self._roots = roots
        self._cookies_for = cookies_for
        self._pages = pages
        self._follows_links = follows_links
        self.typed_files = TypedFiles()
        self.variables: dict[str, Mapping[str, str]] = {}

    def follow(self, visit: Visit, response: FetchedResponse, body: Body, cookies: str) -> None:
        """Go where the headers and the document of a response lead, which was asked for with `cookies`."""
        linked = header_links(link=response.headers.getall("Link", ()), refresh=response.headers.get("Refresh"))
        policy = policy_of(response)
        if linked and self._follows_links:
            origin = visit.origin.of_links(response.url, policy=policy)
            self._follow_links(origin, response.url, response.asked, linked)
        if body.document is None or body.document_kind is None:
            return
        # Python's hash of bytes is keyed: no server can make two pages equal.
        page = hash(body.document)
        if page == visit.origin.referrer_page:
            if dedup_key.key(visit.url) == dedup_key.key(visit.origin.referrer or ""):
                self._admission.addresses.compared(visit.url, is_same=True)
            reason = "the same page as the one that links to it: its links were not followed"
            self._visits.skip(visit, Ending(Outcome.TRAP, "trap.same-page", reason, is_failure=False))
            return
        page_links = self._pages.references(
            body.document,
            body.document_kind,
            content_type=response.content_type,
            base_url=response.url,
            imported=self.variables.get(visit.origin.referrer or "", {}),
        )
        if page_links.variables and len(self.variables) < MOST_PLAYLISTS_WITH_VARIABLES:
            self.variables[response.url] = page_links.variables
        for note in page_links.notes:
            is_failure = note.outcome is Outcome.INCOMPLETE
            self._visits.skip(visit, Ending(note.outcome, note.rule, note.reason, is_failure))
        if body.is_document_cut or page_links.is_truncated:
            rule = "limit.html" if body.is_document_cut else "limit.links"
            reason = "the page is longer than what is read of a page; links after that were not seen"
            self._visits.skip(visit, Ending(Outcome.LIMIT, rule, reason, is_failure=False))
        self._visits.embedded(visit, response, page_links)
        base = base_of(response.asked, page_links.base)
        if not cookies:
            self._reload(visit, response, page_links.refresh, base)
        if not self._follows_links:
            return
        origin = visit.origin.of_links(response.url, page, page_links.referrer_policy or policy)
        before = self._follow_links(
            origin, response.url, response.asked, page_links.files_before_base, page_links.asked_as
        )
        linked_urls = self._follow_links(origin, response.url, base, page_links.links, page_links.asked_as)
        if page_links.candidates_left_out:
            reason = f"the page has more than {MAX_CANDIDATES} texts that may be references; the others were left out"
            self._visits.skip(visit, Ending(Outcome.LIMIT, "limit.candidates", reason, is_failure=False))
        candidates = self._follow_candidates(origin, response.url, base, page_links.candidates)
        if body.html is not None and page_links.may_have_forms:
            candidates += self._follow_forms(visit, origin, response, base, body.html)
        is_compared = self._admission.addresses.has_met_variants and len(body.document) <= MOST_COMPARED
        is_whole = body.digests is None and response.cut_by is None
        if is_compared and is_whole and linked_urls is not None and is_success(response.status):
            leads_to = {self._admission.addresses.identity(url) for url in [*(before or ()), *linked_urls, *candidates]}
            self._admission.ask_after_all(
                self._admission.addresses.answered(visit.url, page_answer(body.document, leads_to))
            )

    def found_sitemaps(self, robots_url: str, sitemaps: Sequence[str]) -> None:
        """Go on to the sitemaps that a robots.txt names; it is no page that somebody comes from."""
        origin = UNKNOWN_ORIGIN.of_links(robots_url, policy=ReferrerPolicy.NO_REFERRER)
        for sitemap in sitemaps[:MOST_SITEMAPS] if self._follows_links else ():
            self._follow_link(origin, robots_url, SpeltUrl(robots_url), Link(sitemap, LinkKind.PAGE))

    def go_to_originals(self, origin: Origin, page_url: str, url: str, kind: LinkKind) -> None:
        """Go on to the picture of which the one at `url` is a smaller copy, when its URL says so."""
        for original in image_services.originals(url, page_url):
            self._go_to(origin, original, kind)

    def go_to_inner_urls(self, origin: Origin, url: str) -> None:
        """Go on to what the parameters of a URL may name on the hosts of the scope."""
        for inner in inner_urls.inner_urls(url):
            if self._admission.is_on_hosts(inner):
                self._go_to_candidate(origin, inner, Link(inner, LinkKind.PAGE, LinkSource.ATTRIBUTE))

    def _reload(self, visit: Visit, response: FetchedResponse, refresh: str | None, base: SpeltUrl) -> None:
        """Ask for a page again that reloads itself, if it has set the first cookie now: it may have been a gate.

        Only once: a cookie that is gone whenever the page is asked for would be set for ever.
        """
        header = response.headers.get("Refresh")
        if refresh is None and header is not None:
            refresh = refresh_reference(header)
        if refresh is None or not self._cookies_for(response.url, visit.origin.reporter_headers):
            return
        try:
            target = spell(base, refresh) if refresh.strip() else response.asked
        except UrlRefused:
            return
        if target.url != response.url:
            return
        request = hash((target, ""))
        if request in visit.chain:
            reason = "the page sets a cookie and reloads itself, and the cookie is gone when it is asked for again"
            self._visits.skip(visit, Ending(Outcome.REDIRECT_LOOP, "redirects", reason, is_failure=False))
            return
        self._admission.spellings.replace(target)
        onward = visit.sent_on_by(response.url, response.status)._replace(chain=(*visit.chain, request))
        self._admission.consider(onward, target.url)

    def _follow_links(
        self,
        origin: Origin,
        page_url: str,
        base: SpeltUrl,
        links: Iterable[Link],
        asked_as: Mapping[Link, AskedAs] = NOTHING_SAID,
    ) -> list[str] | None:
        """Return the URLs of the links; None when not all were looked at."""
        linked_urls = []
        for link in links:
            if len(self._admission.addresses) >= URLS_SEEN:
                self._seen_enough(page_url)
                return None
            url = self._follow_link(origin, page_url, base, link, asked_as.get(link, NOT_SAID))
            if url is not None:
                linked_urls.append(url)
        return linked_urls

    def _follow_link(
        self, origin: Origin, page_url: str, base: SpeltUrl, link: Link, asked_as: AskedAs = NOT_SAID
    ) -> str | None:
        """Return the URL of a link, None when it is refused as a URL."""
        try:
            url = urls.join(base.url, link.reference)
        except UrlRefused as error:
            self._refused_link(page_url, error.reason)
            return None
        if self._go_to(origin, url, link.kind, asked_as, written=(base, link.reference)) is not Met.SEEN:
            self.go_to_originals(origin, page_url, url, link.kind)
            self.go_to_inner_urls(origin, url)
        return url

    def _go_to(
        self,
        origin: Origin,
        url: str,
        kind: LinkKind,
        asked_as: AskedAs = NOT_SAID,
        *,
        written: tuple[SpeltUrl, str] | None = None,
    ) -> Met:
        """Visit a URL, unless it was met; `written` is its reference as written, behind what that is relative to."""
        met = self._admission.addresses.meet(url)
        if met is not Met.NEW:
            roots = self._roots.get(dedup_key.key(url))
            if roots is not None and origin.root not in roots:  # a page that links to itself leads nowhere
                self._visits.reported.links_to_reported(origin.root)
        is_seen = met is Met.SEEN
        if is_seen and not self.typed_files.is_waiting_for_page(url):
            return met
        is_embed, is_variant = kind is LinkKind.FILE, met is Met.VARIANT
        visit_kind = expected_kind(url, kind)
        visit = Visit(url, visit_kind, origin, is_embed=is_embed, is_variant=is_variant, asked_as=asked_as)
        if not is_seen:
            self._admission.consider(visit, url, spelling=None if written is None else spelling_of(*written, url))
        elif visit_kind is LinkKind.FILE and referrer_of(visit, url) is not None:
            again = self.typed_files.led_to(visit)
            if again is not None:
                self._admission.consider(again, url)
        return met

    def _follow_candidates(
        self, origin: Origin, page_url: str, base: SpeltUrl, candidates: Iterable[Link]
    ) -> list[str]:
        """Visit what may be references, unless they were met; a link that is met later counts by itself.

        What is no URL was no reference. Nor is a page of a host outside the scope: scripts are full of such names.
        Return the URLs of the others.
        """
        candidate_urls = []
        for link in candidates:
            if len(self._admission.addresses) >= URLS_SEEN:
                self._seen_enough(page_url)
                break
            try:
                url, spelling = spell(base, link.reference)
            except UrlRefused:
                continue
            for one in [url, *image_services.originals(url, page_url)]:
                if link.kind is LinkKind.FILE or self._admission.is_on_hosts(one):
                    candidate_urls.append(one)
                    self._go_to_candidate(origin, one, link, spelling if one == url else None)
        return candidate_urls

    def _follow_forms(
        self, visit: Visit, origin: Origin, response: FetchedResponse, base: SpeltUrl, page: bytes
    ) -> list[str]:
        """Visit where forms lead that are links in another shape; return their URLs."""
        forms = forms_of(page, response.content_type)
        if forms.has_unsent_download:
            reason = "a download button sends a form by POST, which acts on the host: the file behind it was not seen"
            self._visits.skip(visit, Ending(Outcome.GATE, "gate.download", reason, is_failure=True))
        links = [Link(reference, LinkKind.PAGE, LinkSource.FORM) for reference in forms.references]
        return self._follow_candidates(origin, response.url, base, links)

    def _go_to_candidate(self, origin: Origin, url: str, link: Link, spelling: str | None = None) -> None:
        met = self._admission.addresses.meet_candidate(url)
        if met is not Met.SEEN:
            kind, is_embed, is_variant = expected_kind(url, link.kind), link.kind is LinkKind.FILE, met is Met.VARIANT
            visit = Visit(url, kind, origin, is_embed=is_embed, is_variant=is_variant, source=link.source)
            self._admission.consider(visit, url, spelling=spelling)

    def _refused_link(self, page_url: str, reason: str) -> None:
        """Record each reason once; never the reference itself, which may hold content (a script, a data: URI)."""
        if self._admission.addresses.note(reason):  # no reason is a URL
            self._visits.journal.skip(
                page_url,
                Outcome.REFUSED_URL,
                rule="url",
                reason=f"links like one on this page are refused: {reason}",
                is_failure=False,
            )

    def _seen_enough(self, page_url: str) -> None:
        self._visits.journal.skip(
            page_url,
            Outcome.LIMIT,
            rule="limit.seen",
            reason=f"{URLS_SEEN} URLs were seen on this host: new links on this page and others are left out",
            is_failure=False,
        )


def policy_of(response: FetchedResponse) -> ReferrerPolicy | None:
    """Return the policy that the headers of a response declare for what its page leads to."""
    return policy_of_header(response.headers.getall("Referrer-Policy", ()))


def base_of(page: SpeltUrl, base: str | None) -> SpeltUrl:
    """Return the URL to which the references of a page are relative; `base` is its own `<base href>`."""
    if base is None:
        return page
    try:
        return spell(page, base)
    except UrlRefused:
        return page  # browsers ignore a base that cannot be read, too
