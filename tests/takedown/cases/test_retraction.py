"""Answers that take a case's evidence back, and answers that do not: one table, and the promises of decide()."""

from __future__ import annotations

from datetime import timedelta

import pytest
from builders import NOON, digests_of
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.matcher_client.verdicts import judge, merge, unknown
from orbweaver.model import (
    Algorithm,
    CaseState,
    EntryStatus,
    HoldReason,
    Listing,
    Nature,
    Retraction,
    Verdict,
    VerdictResult,
)
from orbweaver.takedown.cases.retraction import decide, evidence_of, retraction_of

DIGESTS = digests_of(b"known")
LATER = NOON + timedelta(days=1)
ONE, OTHER = "hashlist:/one", "https://other.test"


def entry(
    service: str = ONE,
    *algorithms: Algorithm,
    status: str = "active",
    nature: Nature = Nature.ABUSE,
    entry_id: str | None = "7",
    list_name: str | None = None,
) -> Listing:
    return Listing(
        service=service,
        list=list_name or f"list of {service}",
        entry_id=entry_id,
        algorithms=algorithms or ("sha256",),
        status=EntryStatus(status),
        nature=nature,
    )


def says(service: str, *listings: Listing, at: timedelta = timedelta(days=1)) -> Verdict:
    return judge(DIGESTS, listings, service=service, asked_at=NOON + at)


def opened(*listings: Listing) -> Verdict:
    """The verdict that opens a case: one answer of each service, merged."""
    services = dict.fromkeys(one.service or "" for one in listings)
    said = [says(name, *(one for one in listings if one.service == name), at=timedelta()) for name in services]
    return merge(DIGESTS, said)


FIRST = opened(entry())
BOTH = opened(entry(), entry(OTHER))
WEAK_TOO = opened(entry(), entry(OTHER, "md5"))
DOWN = unknown("timed out", service=OTHER, asked_at=LATER)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # the list says so
        (FIRST, says(ONE, entry(status="withdrawn")), Retraction.WITHDRAWN),
        (FIRST, says(ONE, entry(status="disputed")), Retraction.DISPUTED),
        (FIRST, says(ONE), Retraction.NO_LONGER_LISTED),
        (FIRST, says(ONE, entry(nature=Nature.BENIGN)), Retraction.NO_LONGER_LISTED),
        # the same entry of the same list, asked by another way
        (FIRST, says(OTHER, entry(OTHER, status="withdrawn", list_name=f"list of {ONE}")), Retraction.WITHDRAWN),
        # an entry that was numbered anew
        (FIRST, says(ONE, entry(entry_id="8", status="disputed")), Retraction.DISPUTED),
        # what was disputed is withdrawn
        (opened(entry(status="disputed")), says(ONE, entry(status="withdrawn")), Retraction.WITHDRAWN),
        # nothing new, or weaker, takes nothing back
        (opened(entry(status="disputed")), says(ONE, entry(status="disputed")), None),
        (FIRST, says(ONE, entry(ONE, "md5")), None),
        (FIRST, says(ONE, entry(), entry(nature=Nature.BENIGN, entry_id="8")), None),
        (FIRST, says(ONE, entry(nature=Nature.UNKNOWN)), None),
        # nobody said anything
        (FIRST, unknown("timed out", service=ONE), None),
        (FIRST, merge(DIGESTS, [says(ONE), DOWN]), None),
        (BOTH, merge(DIGESTS, [says(ONE, entry(status="withdrawn")), DOWN]), None),
        (opened(entry(OTHER)), merge(DIGESTS, [says(ONE, entry(ONE, "md5")), DOWN]), None),
        # another service's silence
        (FIRST, says(OTHER), None),
        (FIRST, says(OTHER, entry(OTHER, "md5")), None),
        (BOTH, says(ONE), None),
        (BOTH, says(ONE, entry(status="withdrawn")), None),
        (FIRST, says(f"{ONE} and more"), None),
        (FIRST, says(f"{OTHER} {ONE}"), None),  # one service, with a space in its path
        # another service goes on
        (BOTH, merge(DIGESTS, [says(ONE, entry(status="withdrawn")), says(OTHER, entry(OTHER))]), None),
        (BOTH, merge(DIGESTS, [says(ONE), says(OTHER, entry(OTHER))]), None),
        # what goes on is weaker than what was taken back
        (WEAK_TOO, merge(DIGESTS, [says(ONE), says(OTHER, entry(OTHER, "md5"))]), Retraction.NO_LONGER_LISTED),
        (WEAK_TOO, says(ONE, entry(status="withdrawn")), Retraction.WITHDRAWN),
        # all of them
        (BOTH, merge(DIGESTS, [says(ONE), says(OTHER)]), Retraction.NO_LONGER_LISTED),
    ],
)
def test_only_a_list_that_says_so_takes_back_what_it_listed(
    before: Verdict, after: Verdict, expected: Retraction | None
) -> None:
    assert retraction_of(evidence_of(before), after) is expected


def test_what_was_taken_back_is_shown_with_the_list_that_did_it() -> None:
    decision = decide(says(ONE, entry(status="withdrawn")), CaseState.OPEN, evidence_of(FIRST))
    shown = decision.evidence
    assert (decision.state, shown.result, shown.strength) == (CaseState.HELD, VerdictResult.NO_MATCH, None)
    assert (shown.held_because, shown.status) == ((HoldReason.WITHDRAWN,), EntryStatus.WITHDRAWN)
    assert (shown.list, shown.entry_id, shown.asked_at) == (f"list of {ONE}", "7", LATER)


def test_the_list_version_that_took_back_is_that_of_the_service_which_listed_it() -> None:
    said = [judge(DIGESTS, [], service=name, asked_at=LATER, list_version=f"new {name}") for name in (OTHER, ONE)]
    shown = decide(merge(DIGESTS, said), CaseState.OPEN, evidence_of(FIRST)).evidence
    assert (shown.service, shown.list_version) == (ONE, f"new {ONE}")


def test_a_doubtful_match_does_not_end_a_retraction_and_a_clear_one_does() -> None:
    withdrawn = decide(says(ONE), CaseState.OPEN, evidence_of(FIRST))
    later = timedelta(days=2)
    weak = decide(says(OTHER, entry(OTHER, "md5"), at=later), withdrawn.state, withdrawn.evidence)
    assert weak.evidence.held_because == (HoldReason.WEAK, HoldReason.NO_LONGER_LISTED)
    assert decide(says(ONE, entry(), at=later), weak.state, weak.evidence).state is CaseState.OPEN


def test_an_answer_that_was_overtaken_takes_nothing_back_and_undoes_no_retraction() -> None:
    evidence = evidence_of(FIRST)
    earlier = timedelta(days=-1)
    assert decide(says(ONE, at=earlier), CaseState.OPEN, evidence).state is CaseState.OPEN
    held = decide(says(ONE), CaseState.OPEN, evidence)
    assert decide(opened(entry()), held.state, held.evidence).state is CaseState.HELD
    disputed = decide(says(ONE, entry(status="disputed")), CaseState.OPEN, evidence)
    assert decide(opened(entry()), disputed.state, disputed.evidence).state is CaseState.HELD


def test_a_match_that_comes_late_still_opens_a_case_that_waits_for_it() -> None:
    weak = evidence_of(says(OTHER, entry(OTHER, "md5")))
    assert decide(FIRST, CaseState.HELD, weak).state is CaseState.OPEN


listings = st.builds(
    entry,
    st.sampled_from([ONE, OTHER]),
    st.sampled_from(["sha256", "sha1", "md5"]),
    status=st.sampled_from(["active", "disputed", "withdrawn"]),
    nature=st.sampled_from(list(Nature)),
    entry_id=st.sampled_from(["7", "8", None]),
)
by_service = st.lists(listings, max_size=3)


@st.composite
def answers(draw: st.DrawFn) -> Verdict:
    """The answers of one or both services on one day; each may be unable to answer."""
    found = draw(by_service)
    asked = draw(st.sampled_from([(ONE,), (OTHER,), (ONE, OTHER)]))
    said = [
        unknown("down", service=service)
        if draw(st.integers(0, 3)) == 0
        else says(service, *(one for one in found if one.service == service))
        for service in asked
    ]
    return merge(DIGESTS, said)


@given(answers(), answers(), st.sampled_from(CaseState))
def test_the_same_answer_again_changes_nothing_more(first: Verdict, second: Verdict, state: CaseState) -> None:
    if first.result is not VerdictResult.MATCH:
        return
    once = decide(second, state, evidence_of(first))
    again = decide(second, once.state, once.evidence)
    assert (again.state, again.evidence, again.retraction) == (once.state, once.evidence, None)


@given(answers(), answers(), st.sampled_from(CaseState))
def test_a_service_that_says_nothing_of_its_own_takes_nothing_of_its_own_back(
    first: Verdict, second: Verdict, state: CaseState
) -> None:
    if first.result is not VerdictResult.MATCH or first.leading is None:
        return
    decision = decide(second, state, evidence_of(first))
    spoke = {one.service for one in second.listings}
    if second.result is VerdictResult.UNKNOWN:
        assert decision.retraction is None
    if decision.retraction is Retraction.NO_LONGER_LISTED:
        assert second.reason is None
        assert first.leading.service in {one.service for one in second.sources}
    elif decision.retraction is not None:
        assert first.leading.service in spoke
