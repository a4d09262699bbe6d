"""Decides which visits are made: by the scope's rules, by what was met before, and by what still waits."""

from __future__ import annotations

from collections.abc import Iterable

from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.rules import scope as scopes
from orbweaver.crawler.rules import url_rules
from orbweaver.crawler.rules.spelt_urls import SpeltUrl
from orbweaver.crawler.rules.urls import host_of
from orbweaver.crawler.visiting.addresses.same_addresses import SameAddresses
from orbweaver.crawler.visiting.addresses.spellings import Spellings
from orbweaver.crawler.visiting.frontier import MOST_CANDIDATES_WAITING, MOST_WAITING, Frontier, PlannedRequest
from orbweaver.crawler.visiting.records.outcomes import Ending
from orbweaver.crawler.visiting.records.suggestions import ScopeSuggestions
from orbweaver.crawler.visiting.records.visit_journal import VisitJournal
from orbweaver.crawler.visiting.visit import Visit
from orbweaver.model import Outcome, Scope, now

# So many pages wait whose URL differs from one that was met only in what probably does not count.
MOST_PAGE_VARIANTS = 10_000
# A file was left out that a wider `embeds` would fetch.
SUGGESTING = frozenset({"embeds.off", "embeds.site"})


class Admission:
    """Puts visits into the frontier, or records why not.

    `addresses` are the URLs that were met, `spellings` how they were written, and `suggestions` the hosts outside the
    scope whose files its pages show.
    """

    def __init__(self, scope: Scope, frontier: Frontier, visits: VisitJournal, key: bytes | None = None) -> None:
        self._scope = scope
        self._frontier = frontier
        self._visits = visits
        self.addresses = SameAddresses(key)
        self.spellings = Spellings()
        self.suggestions = ScopeSuggestions()

    def consider(self, visit: Visit, url: str, *, spelling: str | None = None, way: str = "redirected") -> None:
        """Put a visit into the frontier when the rules and memory allow it, else record why not.

        `spelling` is how the URL was written, None for as it is or as it was before. `way` says how a URL that is not
        the visit's first one was reached.
        """
        decision = url_rules.decide(self._scope, _reached(visit, url), now=now())
        rule, reason, outcome = decision.rule, decision.reason, decision.outcome
        if decision.is_allowed:
            self.spellings.add(url, spelling)
            planned = PlannedRequest(visit, url, cost=0 if visit.is_reported else decision.cost)
            if self._is_left_out(planned):
                return
            is_full = self._frontier.is_full_for_candidates if visit.is_candidate else self._frontier.is_full
            if visit.is_reported or not is_full:
                # A reported URL is fetched whatever the limits say.
                self._frontier.push(planned)
                return
            most = MOST_CANDIDATES_WAITING if visit.is_candidate else MOST_WAITING
            rule, reason, outcome = "limit.waiting", f"{most} URLs wait already", Outcome.LIMIT
        self._refuse(visit, url, rule, reason, outcome, way)

    def readmit(self, planned: PlannedRequest) -> None:
        """Put a visit that waited in an earlier slice into the frontier when the rules allow it, else record why not.

        It was admitted there, so there is room for it; its cost is what the rules say of it now.
        """
        visit, url = planned.visit, planned.url
        decision = url_rules.decide(self._scope, _reached(visit, url), now=now())
        if decision.is_allowed:
            self._frontier.push(PlannedRequest(visit, url, cost=0 if visit.is_reported else decision.cost))
        else:
            self._refuse(visit, url, decision.rule, decision.reason, decision.outcome)

    def consider_way_in(self, visit: Visit, way_in: SpeltUrl) -> bool:
        """Put the way through a gate into the frontier; False when it may not be asked for, which is not recorded."""
        url = way_in.url
        decision = url_rules.decide(self._scope, _reached(visit, url), now=now())
        if not decision.is_allowed or (self._frontier.is_full and not visit.is_reported):
            return False
        self.addresses.meet(url)  # not once more as a link of the page
        self.spellings.add(url, way_in.spelling)
        self._frontier.push(PlannedRequest(visit, url, cost=0 if visit.is_reported else decision.cost))
        return True

    def ask_after_all(self, left_out: Iterable[PlannedRequest]) -> None:
        """Visit what was left out because others seemed to answer the same."""
        for planned in left_out:
            if not (self._frontier.is_full and self.addresses.leave_out_unproved(planned.visit.url)):
                self._frontier.push(planned)

    def is_due(self, visit: Visit) -> bool:
        """Whether a visit that waited is still to be made; a candidate is not that was met as a link meanwhile."""
        return not visit.is_candidate or not self.addresses.has_met(visit.url)

    def leaves_out(self, planned: PlannedRequest) -> bool:
        """Whether a visit whose turn has come is not made: others of its kind have all answered the same."""
        visit = planned.visit
        return visit.is_variant and not visit.chain and self.addresses.leaves_out(planned)

    def scope_refusal(self, url: str) -> scopes.ScopeRefusal | None:
        """Return why a canonical URL is out of scope, None when it is not."""
        return scopes.refusal_of(self._scope, url)

    def is_on_hosts(self, url: str) -> bool:
        """Whether a canonical URL is on a host of the scope, whatever its path is."""
        refusal = scopes.refusal_of(self._scope, url)
        return refusal is None or refusal.rule == "path"

    def say_what_was_left_out(self) -> None:
        """Record, place by place, how many URLs were left out because others answered the same.

        Record, too, how many were not asked for as they were written.
        """
        if self.spellings.example is not None:
            reason = "URLs were asked for in their canonical form, not as they were written: too many had another"
            self._visits.journal.skip(
                self.spellings.example,
                Outcome.LIMIT,
                rule="limit.spellings",
                reason=reason,
                is_failure=False,
                count=self.spellings.left_out,
            )
        for left_out in self.addresses.left_out():
            rule, outcome = "trap.same-address", Outcome.TRAP
            why = "others of them answered the same"
            if not left_out.is_same:
                rule, outcome = "limit.same-address", Outcome.LIMIT
                why = "whether they answer the same was not found out"
            reason = f"URLs that differ from others only in this were left out: {left_out.differs_in}; {why}"
            self._visits.journal.skip(
                left_out.url, outcome, rule=rule, reason=reason, is_failure=False, count=left_out.count
            )

    def _refuse(
        self, visit: Visit, url: str, rule: str, reason: str, outcome: Outcome, way: str = "redirected"
    ) -> None:
        if visit.is_variant and not visit.chain and rule.startswith(("scope.", "embeds.")):
            return  # what has its key was refused, and that was said
        if rule in SUGGESTING:
            self.suggestions.note(host_of(url))
        if visit.chain:
            reason = f"{way} to {url}: {reason}"
        # A reported URL that leads out of scope was not checked, and nobody but a person can decide what to do.
        self._visits.end(visit, Ending(outcome, rule, reason, visit.is_reported))

    def _is_left_out(self, planned: PlannedRequest) -> bool:
        if self.leaves_out(planned):
            return True
        visit = planned.visit
        is_page_variant = visit.is_variant and visit.kind is LinkKind.PAGE and not visit.chain
        is_full = self._frontier.page_variants >= MOST_PAGE_VARIANTS
        return is_page_variant and is_full and self.addresses.leave_out_unproved(visit.url)


def _reached(visit: Visit, url: str) -> url_rules.ReachedUrl:
    return url_rules.ReachedUrl(
        url,
        visit.kind,
        referrer=visit.origin.referrer,
        depth=visit.origin.depth,
        is_reported=visit.is_reported,
        is_embed=visit.is_embed,
        is_redirect=bool(visit.chain) and url != visit.url,
        source=visit.source,
        is_way_in=visit.is_entering,
    )
