"""A checkpoint says to the next process what the last one knew, within bounds, and cheaply."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.asked_as import AskedAs, Destination, ReferrerPolicy
from orbweaver.crawler.errors import CheckpointRefused
from orbweaver.crawler.fetching.asking.request_headers import RequestHeaders
from orbweaver.crawler.fetching.budget import Budget
from orbweaver.crawler.link_kind import LinkKind, LinkSource
from orbweaver.crawler.revisiting.known_responses import KnownResponses
from orbweaver.crawler.revisiting.revisit import Revisit
from orbweaver.crawler.visiting.checkpoints import state as states
from orbweaver.crawler.visiting.checkpoints import taking
from orbweaver.crawler.visiting.checkpoints.earlier_slices import EarlierSlices
from orbweaver.crawler.visiting.checkpoints.keeping import (
    CHECKPOINT_SECONDS,
    CheckpointClock,
    Checkpointing,
    Checkpoints,
)
from orbweaver.crawler.visiting.checkpoints.taking import RecrawlParts
from orbweaver.crawler.visiting.frontier import Frontier, PlannedRequest
from orbweaver.crawler.visiting.navigator import Navigator
from orbweaver.crawler.visiting.records.journal import Journal
from orbweaver.crawler.visiting.visit import GatePass, Origin, Visit
from orbweaver.model import AccessProfile, Limits, Outcome, Report, Scope, ScopeKind, Tally

SCOPE = Scope(kind=ScopeKind.HOST, name="h.test")
REPORTS = (
    Report(url="http://h.test/", report_id="R-1", cookies="session=1"),
    Report(url="http://h.test/b", report_id="R-2"),
)


MANY = 5_000


class Left(list[EarlierSlices]):
    """The kept checkpoints, as the store has them."""

    def keep(self, met: Sequence[bytes], state: bytes) -> None:
        self.append(EarlierSlices(state, (*(self[-1].met if self else ()), *met)))


class Recrawl:
    """The parts of a recrawl without a network."""

    def __init__(self, left: Left, reports: Sequence[Report] = REPORTS, max_pages: int = 2_000) -> None:
        self.checkpoints = Checkpoints(Checkpointing(left.keep, left[-1] if left else EarlierSlices()), reports)
        frontier, journal, budget = Frontier(), Journal(lambda *_: None), Budget(Limits(max_pages=max_pages))
        headers = RequestHeaders(AccessProfile(), user_agent="orbweaver")
        navigator = Navigator(
            SCOPE,
            frontier=frontier,
            journal=journal,
            budget=budget,
            flush=lambda: None,
            cookies_for=headers.cookies_for,
            revisit=Revisit(KnownResponses()),
            key=self.checkpoints.key,
        )
        self.parts = RecrawlParts(navigator, frontier, journal, budget, headers)
        self.checkpoints.begin(reports[0].url, self.parts)

    def push(self, *urls: str, depth: int = 1) -> None:
        origin = self.parts.navigator.origins[0].of_links("http://h.test/")._replace(depth=depth)
        for url in urls:
            self.parts.navigator.admission.addresses.meet(url)
            self.parts.frontier.push(PlannedRequest(Visit(url, LinkKind.PAGE, origin), url))

    def waiting(self) -> list[PlannedRequest]:
        return list(iter(self.parts.frontier.pop, None))


URLS = st.sampled_from([f"http://h.test/{name}" for name in ("a", "b?c=1", "d.png", "%C3%A9", "f;g")])
VISITS = st.builds(
    Visit,
    url=URLS,
    kind=st.sampled_from(LinkKind),
    origin=st.builds(
        lambda root, referrer, depth, policy: (root, referrer, depth, policy),
        st.sampled_from([None, 0, 1]),
        st.none() | URLS,
        st.integers(0, 20),
        st.sampled_from([None, *ReferrerPolicy]),
    ),
    is_reported=st.just(False),
    is_embed=st.booleans(),
    chain=st.sampled_from([(), (1, -(2**62))]),
    redirects=st.just(()),
    is_variant=st.just(False),
    source=st.sampled_from(LinkSource),
    asked_as=st.builds(AskedAs, st.sampled_from([None, *Destination]), st.sampled_from([None, *ReferrerPolicy])),
    gate=st.sampled_from([None, GatePass("Enter é", is_entering=False, has_led=True, number=2)]),
)


@given(st.lists(st.tuples(VISITS, URLS), max_size=12), st.integers(0, 3))
def test_what_waits_comes_back_as_it_was_and_in_its_order(planned: list[tuple[Visit, str]], under_way: int) -> None:
    left = Left()
    first = Recrawl(left)
    first.waiting()
    asked = []
    for visit, url in planned:
        root, referrer, depth, policy = visit.origin
        known = Origin() if root is None else first.parts.navigator.origins[root]
        origin = known._replace(referrer=referrer, depth=depth, policy=policy)
        onward = visit.sent_on_by(visit.url, 302).sent_on_by(url, 200) if visit.chain else visit
        asked.append(PlannedRequest(onward._replace(origin=origin), url if visit.chain else visit.url))
    for one in asked[under_way:]:
        first.parts.frontier.push(one)
    first.checkpoints.take(first.parts, asked[:under_way])
    expected = Frontier()
    for one in [*asked[:under_way], *iter(first.parts.frontier.pop, None)]:
        expected.push(one)
    assert Recrawl(left).waiting() == list(iter(expected.pop, None))


def test_counts_cookies_and_results_go_on() -> None:
    left = Left()
    first = Recrawl(left, max_pages=2)
    headers = first.parts.navigator.origins[0].reporter_headers
    first.parts.headers.remember("http://h.test/", headers, ["age=18"])
    first.parts.budget.spend(LinkKind.PAGE, host="h.test", cost=5)
    first.parts.budget.fail("h.test")
    first.parts.journal.skip(
        "http://h.test/x", Outcome.LIMIT, rule="limit.max_files", reason="r", is_failure=False, count=3
    )
    first.parts.navigator.reported.came(0, status=200, is_page=True)
    first.parts.navigator.answers.note("http://h.test/c", "h.test", is_file=True, answer="http.403")
    first.parts.navigator.admission.suggestions.note("cdn.test")
    first.parts.navigator.admission.spellings.add("http://h.test/~a", "/%7Ea")
    first.checkpoints.take(first.parts, [])
    again = Recrawl(left, max_pages=2).parts
    assert again.headers.cookies_for("http://h.test/", headers) == "session=1; age=18"
    assert again.headers.cookies_for("http://h.test/", again.navigator.origins[1].reporter_headers) == ""
    assert again.budget.spent == first.parts.budget.spent
    assert again.journal.tally == first.parts.journal.tally == Tally(skipped=3)
    assert again.journal.limits == {"limit.max_files": 3}
    assert again.navigator.reported.all_ended() == first.parts.navigator.reported.all_ended()
    assert again.navigator.answers.by_host() == first.parts.navigator.answers.by_host()
    assert again.navigator.answers.refusals() == first.parts.navigator.answers.refusals()
    assert again.navigator.admission.suggestions.top() == [("cdn.test", 1)]
    assert again.navigator.admission.spellings.of("http://h.test/~a") == "/%7Ea"


def test_a_url_that_was_met_is_met_in_every_later_slice_and_said_once() -> None:
    left = Left()
    names = [f"http://h.test/{number}" for number in range(3_000)]
    first = Recrawl(left)
    first.push(*names[:1_000])
    first.checkpoints.take(first.parts, [])
    first.push(*names[1_000:2_000])
    first.checkpoints.take(first.parts, [])
    second = Recrawl(left)
    second.push(*names[2_000:])
    before = sum(map(len, left[-1].met))
    second.checkpoints.take(second.parts, [])
    said = sum(map(len, left[-1].met)) - before
    assert said <= 8 * (1_000 + len(REPORTS)) + 2  # only what is new, and the reported URLs once more
    third = Recrawl(left).parts.navigator.admission.addresses
    assert all(third.has_met(name) for name in names)
    assert not any(third.has_met(f"{name}/") for name in names)


def test_a_checkpoint_of_many_that_wait_is_small() -> None:
    left = Left()
    full = Recrawl(left)
    full.push(*(f"http://h.test/gallery/{number // 100}/picture-{number}.html" for number in range(MANY)))
    full.checkpoints.take(full.parts, [])
    state = left[-1].state
    assert state is not None
    assert len(state) <= 20 * MANY
    assert len(states.read(state, left[-1].met, REPORTS).waiting) == 3  # of each report, and of the one page
    assert len(Recrawl(left).parts.frontier) == MANY + len(REPORTS)


def test_what_does_not_fit_is_left_out_from_the_end_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "_SHARES_OF_WAITING", (4_000, 1_000, 0))
    left = Left()
    full = Recrawl(left)
    full.push(*(f"http://h.test/near/{number:03}" for number in range(100)))
    full.push(*(f"http://h.test/far/{number:03}" for number in range(100)), depth=9)
    total = len(full.parts.frontier)
    full.checkpoints.take(full.parts, [])
    again = Recrawl(left)
    waiting = [one.url for one in again.waiting()]
    assert waiting[:3] == ["http://h.test/", "http://h.test/b", "http://h.test/near/000"]
    assert 100 < len(waiting) < 160
    assert again.parts.journal.tally.skipped == total - len(waiting)
    assert again.parts.journal.limits == {"limit.checkpoint": total - len(waiting)}


def test_urls_that_were_left_out_at_a_place_that_does_not_fit_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "_MOST_PLACES_BYTES", 400)
    left = Left()
    full = Recrawl(left)
    addresses = full.parts.navigator.admission.addresses
    for number in range(4):
        assert addresses.leave_out_unproved(f"http://h.test/place-{number}?sid=0123456789abcdef")
    full.checkpoints.take(full.parts, [])
    again = Recrawl(left)
    still_there = sum(one.count for one in again.parts.navigator.admission.addresses.left_out())
    assert 0 < still_there < 4
    assert again.parts.journal.limits == {"limit.checkpoint": 4 - still_there}


def test_a_checkpoint_is_never_longer_than_a_message_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "MOST_STATE_BYTES", 20_000)
    left = Left()
    full = Recrawl(left)
    full.push(*(f"http://h.test/{os.urandom(500).hex()}" for _ in range(100)))  # compressed, half of that
    monkeypatch.setattr(taking, "_SHARES_OF_WAITING", (200_000, 20_000, 0))
    full.checkpoints.take(full.parts, [])
    assert len(left[-1].state or b"") <= 20_000
    assert 0 < len(Recrawl(left).parts.frontier) < 100


def test_a_checkpoint_that_unpacks_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    left = Left()
    full = Recrawl(left)
    full.push(*(f"http://h.test/{number}" for number in range(1_000)))
    full.checkpoints.take(full.parts, [])
    monkeypatch.setattr(states, "MOST_JSON_BYTES", 10_000)
    with pytest.raises(CheckpointRefused, match="longer than a checkpoint can be"):
        states.read(left[-1].state or b"", (), REPORTS)


def test_checkpoints_take_a_small_part_of_the_time() -> None:
    clock = CheckpointClock(1_000.0)
    assert not clock.is_due(1_000.0 + CHECKPOINT_SECONDS - 1)
    assert clock.is_due(1_000.0 + CHECKPOINT_SECONDS)
    clock.note(2_000.0, 0.1)
    assert clock.is_due(2_000.0 + CHECKPOINT_SECONDS)
    clock.note(3_000.0, 10.0)
    assert not clock.is_due(3_000.0 + 499)
    assert clock.is_due(3_000.0 + 500)


def forged(**fields: object) -> bytes:
    left = Left()
    honest = Recrawl(left)
    honest.checkpoints.take(honest.parts, [])
    return zlib.compress(json.dumps({**json.loads(zlib.decompress(left[-1].state or b"")), **fields}).encode())


SEEN = [{"url": report.url} for report in REPORTS]
MUCH = 10**40


@pytest.mark.parametrize(
    "fields",
    [
        {"left_out": MUCH},
        {"skips_recorded": MUCH},
        {"suggestions": {"o.test": MUCH}},
        {"limits": {"limit.seen": MUCH}},
        {"tally": {"files": 2**48}},
        {"tally": {"files": -1}},
        {"spent": [-1, 0, 0, {}]},
        {"spent": [0, 0, -(10**12), {}]},
        {"spent": [0, 0, 0, {"h.test": {"cost": -1, "error_cost": 0}}]},
        {"answers": [{"h.test": {"given": 2**48}}, {}, []]},
        {"reported": [{**SEEN[0], "files": 2**48}, SEEN[1]]},
        {"reported": [{**SEEN[0], "reason": "a" * 1_001}, SEEN[1]]},
        {"reported": [{**SEEN[0], "status": 1_000}, SEEN[1]]},
    ],
    ids=str,
)
def test_a_checkpoint_has_no_counts_that_the_next_slice_could_not_go_on_with(fields: dict[str, object]) -> None:
    states.read(forged(), (), REPORTS)
    with pytest.raises(CheckpointRefused):
        states.read(forged(**fields), (), REPORTS)
