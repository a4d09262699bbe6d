"""From listings to a verdict: what is a match, how strong it is, when it is held, and what several services say."""

from __future__ import annotations

import pytest
from builders import NOON, digests_of
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.matcher_client.verdicts import MOST_LISTINGS, abridge, judge, merge, unknown
from orbweaver.model import ALGORITHMS, Algorithm, EntryStatus, Listing, Nature, Verdict, VerdictResult

DIGESTS = digests_of(b"known")
SIZE = DIGESTS.size


def listing(*algorithms: Algorithm, **said: object) -> Listing:
    return Listing.model_validate({"algorithms": algorithms or ("sha256",), **said})


def judged(*listings: Listing) -> Verdict:
    return judge(DIGESTS, listings, service="one", asked_at=NOON)


@pytest.mark.parametrize(
    ("listings", "strength", "held_because"),
    [
        ([listing("sha256")], "strong", ()),
        ([listing("sha1")], "weak", ("weak",)),
        ([listing("sha1", size=SIZE)], "strong", ()),
        ([listing("md5")], "weak", ("weak",)),
        ([listing("md5", size=SIZE)], "strong", ()),  # DESIGN 8: the size confirms it
        ([listing("sha1", "md5")], "strong", ()),
        ([listing("sha1"), listing("md5", list="other")], "strong", ()),  # one list confirms the other
        ([listing("md5", size=SIZE + 1)], "weak", ("size_differs", "weak")),
        ([listing("sha256", size=SIZE + 1)], "strong", ("size_differs",)),
        ([listing("sha256", size=0)], "strong", ("size_differs",)),
        ([listing(nature=Nature.UNKNOWN)], "strong", ("unknown_category",)),
        ([listing(status=EntryStatus.DISPUTED)], "strong", ("disputed",)),
        ([listing("md5", status=EntryStatus.DISPUTED)], "weak", ("weak", "disputed")),
        ([listing(status=EntryStatus.DISPUTED), listing()], "strong", ()),  # another entry stands by it
        ([listing(), listing("md5", nature=Nature.BENIGN)], "strong", ("benign_too",)),
        ([listing(), listing(nature=Nature.BENIGN, status=EntryStatus.WITHDRAWN)], "strong", ()),
    ],
)
def test_strength_and_what_holds_a_match(listings: list[Listing], strength: str, held_because: tuple[str, ...]) -> None:
    for order in (listings, listings[::-1]):
        verdict = judged(*order)
        assert (verdict.result, verdict.strength, verdict.held_because) == ("match", strength, held_because)


@pytest.mark.parametrize(
    "listings",
    [[], [listing(nature=Nature.BENIGN)], [listing(status=EntryStatus.WITHDRAWN)]],
    ids=["none", "benign", "withdrawn"],
)
def test_nothing_that_accuses_is_no_match_and_what_was_listed_stays_visible(listings: list[Listing]) -> None:
    verdict = judged(*listings)
    assert (verdict.result, verdict.listings, verdict.leading) == ("no_match", tuple(listings), None)


def test_the_listing_with_the_fewest_doubts_speaks_for_the_match() -> None:
    best = listing("sha256", entry_id="best")
    verdict = judged(
        listing(nature=Nature.BENIGN),
        listing("sha256", status=EntryStatus.DISPUTED),
        listing("md5", entry_id="weaker"),
        best,
    )
    assert verdict.leading == best
    assert len(verdict.listings) == 4


MATCH, NO_MATCH, UNKNOWN = judged(listing()), judged(), unknown("down", service="two", asked_at=NOON)


@pytest.mark.parametrize(
    ("verdicts", "result", "reason"),
    [
        ([MATCH, NO_MATCH], "match", None),
        ([MATCH, UNKNOWN], "match", "down"),
        ([NO_MATCH, NO_MATCH], "no_match", None),
        ([NO_MATCH, UNKNOWN], "unknown", "down"),
        ([UNKNOWN, UNKNOWN], "unknown", "down; down"),
        ([judged(listing(nature=Nature.BENIGN)), UNKNOWN], "unknown", "down"),
    ],
)
def test_any_match_wins_and_any_unknown_keeps_the_rest_from_being_clean(
    verdicts: list[Verdict], result: str, reason: str | None
) -> None:
    for order in (verdicts, verdicts[::-1]):
        merged = merge(DIGESTS, order)
        assert (merged.result, merged.reason) == (result, reason)


def test_a_benign_list_of_one_service_holds_the_match_of_another() -> None:
    merged = merge(DIGESTS, [MATCH, judged(listing(nature=Nature.BENIGN, list="known good"))])
    assert (merged.result, merged.held_because) == ("match", ("benign_too",))
    assert [one.list for one in merged.listings] == [None, "known good"]


@pytest.mark.parametrize(
    ("listings", "result", "held_because"),
    [
        ([listing("sha256")], "match", ()),
        ([listing("sha1")], "match", ("weak",)),
        ([listing("md5", size=SIZE)], "match", ()),
        ([], "unknown", ()),
        ([listing(nature=Nature.BENIGN)], "unknown", ()),
        ([listing(status=EntryStatus.WITHDRAWN)], "unknown", ()),
    ],
)
@pytest.mark.parametrize("unanswered", [["odd"], ["odd", "odd"], ["", ""]])
def test_what_has_no_answer_loses_no_match_and_makes_nothing_clean(
    listings: list[Listing], result: str, held_because: tuple[str, ...], unanswered: list[str]
) -> None:
    verdict = judge(DIGESTS, listings, service="one", asked_at=NOON, unanswered=unanswered)
    assert (verdict.result, verdict.held_because, verdict.reason) == (result, held_because, unanswered[0])
    assert merge(DIGESTS, [verdict, NO_MATCH]).reason == (unanswered[0] or "no reason given")


listings_of_any_kind = st.builds(
    Listing,
    algorithms=st.sets(st.sampled_from(ALGORITHMS), min_size=1).map(
        lambda chosen: tuple(one for one in ALGORITHMS if one in chosen)
    ),
    nature=st.sampled_from(Nature),
    status=st.sampled_from(EntryStatus),
    size=st.sampled_from([None, SIZE, SIZE + 1]),
)


@given(st.lists(st.lists(listings_of_any_kind, max_size=3), min_size=1, max_size=4))
def test_services_that_answer_together_say_what_one_with_all_their_listings_says(groups: list[list[Listing]]) -> None:
    apart = merge(DIGESTS, [judge(DIGESTS, group, service="s", asked_at=NOON) for group in groups])
    together = judged(*(one for group in groups for one in group))
    assert (apart.result, apart.strength, set(apart.held_because)) == (
        together.result,
        together.strength,
        set(together.held_because),
    )
    accused = any(
        one.nature is not Nature.BENIGN and one.status is not EntryStatus.WITHDRAWN for group in groups for one in group
    )
    assert (apart.result is VerdictResult.MATCH) is accused


KINDS = st.builds(
    lambda algorithms, nature, status, size: listing(*algorithms, nature=nature, status=status, size=size),
    st.sets(st.sampled_from(ALGORITHMS), min_size=1).map(lambda some: [one for one in ALGORITHMS if one in some]),
    st.sampled_from(Nature),
    st.sampled_from(EntryStatus),
    st.sampled_from([None, SIZE, SIZE + 1, SIZE + 2]),
)


@given(st.lists(KINDS, min_size=1, max_size=8), KINDS, st.integers(0, 8))
def test_an_abridged_answer_is_judged_as_the_whole(rare: list[Listing], frequent: Listing, before: int) -> None:
    listings = [*rare[:before], *[frequent] * (MOST_LISTINGS + 1), *rare[before:]]
    whole = [one.model_copy(update={"entry_id": str(number)}) for number, one in enumerate(listings)]
    some = abridge(whole, SIZE)

    assert len(some) == MOST_LISTINGS
    assert sorted(some, key=lambda one: int(one.entry_id or "")) == some, "their order stays"
    said, expected = judged(*some), judged(*whole)
    assert (said.result, said.strength, said.held_because) == (
        expected.result,
        expected.strength,
        expected.held_because,
    )
    assert said.leading == expected.leading


def test_every_kind_of_listing_has_room() -> None:
    sets = [[one for at, one in enumerate(ALGORITHMS) if bits >> at & 1] for bits in range(1, 2 ** len(ALGORITHMS))]
    kinds = [
        listing(*algorithms, nature=nature, status=status, size=size)
        for algorithms in sets
        for nature in Nature
        for status in EntryStatus
        for size in (None, SIZE, SIZE + 1)
    ]
    some = abridge([*[listing()] * MOST_LISTINGS, *kinds], SIZE)
    assert all(kind in some for kind in kinds)


def test_what_is_short_is_not_abridged() -> None:
    listings = [listing(entry_id=str(number)) for number in range(MOST_LISTINGS)]
    assert abridge(listings, SIZE) == listings
