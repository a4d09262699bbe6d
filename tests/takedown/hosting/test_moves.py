"""A file has moved when other people must act, and not when its host has several addresses."""

from __future__ import annotations

from datetime import timedelta

import pytest
from builders import NOON, STAMP, a_match, a_sighting
from orbweaver.model import Case, Hosting
from orbweaver.takedown.cases.transitions import change_by_match
from orbweaver.takedown.hosting.moves import MOST_REMEMBERED, REMEMBERED, MoveKind, hosting_after, move_of

HOUR = timedelta(hours=1)
OLD, SAME_NET, OTHER = "192.0.2.1", "192.0.2.2", "198.51.100.1"


def a_case(ip: str | None, hosting: Hosting | None) -> Case:
    case = change_by_match(a_sighting(), a_match(), None, STAMP).after.case
    return case.model_copy(update={"ip": ip, "hosting": hosting})


def hosting(country: str | None = "SE", asn: int | None = 64496, *, cdn: str | None = None) -> Hosting:
    return Hosting(country=country, asn=asn, provider=cdn or "Example Hosting", is_cdn=cdn is not None)


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ((OLD, hosting()), (OLD, hosting()), None),
        ((OLD, hosting()), (OTHER, hosting(asn=64497)), MoveKind.PROVIDER),
        ((OLD, hosting()), (OTHER, hosting("NL", 64497)), MoveKind.PROVIDER),
        # The address went over to another provider with its network.
        ((OLD, hosting()), (OLD, hosting(asn=64497)), MoveKind.PROVIDER),
        ((OLD, hosting()), (OTHER, hosting("NL")), MoveKind.COUNTRY),
        # The same provider and country: the same people are told.
        ((OLD, hosting()), (SAME_NET, hosting()), None),
        ((OLD, hosting()), (OTHER, hosting(None)), None),
        # Without a database of networks nobody knows whose an address is.
        ((OLD, hosting(None, None)), (SAME_NET, hosting(None, None)), MoveKind.ADDRESS),
        ((OLD, hosting("SE", None)), (OTHER, hosting("NL", None)), MoveKind.COUNTRY),
        ((OLD, hosting()), (OTHER, hosting("SE", None)), MoveKind.ADDRESS),
        # A database was given, or taken away: nothing moved.
        ((OLD, hosting(None, None)), (OLD, hosting()), None),
        ((OLD, hosting()), (OLD, hosting(None, None)), None),
        # Into and out of a CDN, whose addresses and countries mean nothing.
        ((OLD, hosting(asn=None)), (OTHER, hosting(asn=None, cdn="Fastly")), MoveKind.CDN),
        ((OLD, hosting(asn=None, cdn="Fastly")), (OTHER, hosting(asn=None)), MoveKind.CDN),
        ((OLD, hosting("US", None, cdn="Fastly")), (OTHER, hosting("NL", None, cdn="Fastly")), None),
        ((OLD, hosting("US", 54113, cdn="Fastly")), (OTHER, hosting("NL", 13335, cdn="Cloudflare")), MoveKind.PROVIDER),
        # A case of an older release, and a proxy that hides the address.
        ((OLD, None), (OTHER, hosting()), None),
        ((None, hosting()), (OTHER, hosting(asn=64497)), None),
        ((OLD, hosting()), (None, Hosting()), None),
    ],
)
def test_what_is_a_move(
    before: tuple[str | None, Hosting | None], after: tuple[str | None, Hosting], kind: MoveKind | None
) -> None:
    assert move_of(a_case(*before), *after, NOON + HOUR) is kind


def test_a_host_with_addresses_at_two_providers_moves_once() -> None:
    case = a_case(OLD, hosting())
    moves = []
    for turn in range(1, 7):
        at = NOON + turn * HOUR
        ip, located = ((OTHER, hosting("NL", 64497)), (OLD, hosting()))[turn % 2 == 0]
        moves.append(move_of(case, ip, located, at))
        case = case.model_copy(update={"hosting": hosting_after(case, ip, located, at), "ip": ip, "last_seen": at})
    assert moves == [MoveKind.PROVIDER, None, None, None, None, None]


def test_a_way_back_after_more_than_a_week_is_a_move() -> None:
    case = a_case(OLD, hosting())
    at = NOON + HOUR
    there = hosting_after(case, OTHER, hosting(asn=64497), at)
    assert there.also_at == {OLD: NOON}
    case = case.model_copy(update={"hosting": there, "ip": OTHER, "last_seen": at})
    assert move_of(case, OLD, hosting(), NOON + REMEMBERED) is None
    assert move_of(case, OLD, hosting(), NOON + REMEMBERED + HOUR) is MoveKind.PROVIDER


def test_a_bounded_number_of_addresses_is_remembered() -> None:
    case = a_case(OLD, hosting())
    for turn in range(1, 40):
        ip, at = f"203.0.113.{turn}", NOON + turn * HOUR
        case = case.model_copy(update={"hosting": hosting_after(case, ip, hosting(), at), "ip": ip, "last_seen": at})
    assert case.hosting is not None
    assert sorted(case.hosting.also_at) == sorted(f"203.0.113.{turn}" for turn in range(39 - MOST_REMEMBERED, 39))


def test_a_sighting_through_a_proxy_leaves_what_was_known() -> None:
    case = a_case(OLD, hosting())
    assert hosting_after(case, None, Hosting(route="inhope"), NOON + HOUR) == hosting()
    assert hosting_after(a_case(None, None), None, Hosting(route="inhope"), NOON).route == "inhope"
