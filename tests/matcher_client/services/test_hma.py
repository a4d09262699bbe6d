"""HMA as a matching service: each quirk that HMA.md tells of, and what may not be made of it."""

from __future__ import annotations

import asyncio
import logging
import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from builders import digests_of
from hypothesis import given, settings
from hypothesis import strategies as st
from orbweaver.matcher_client.errors import Unavailable, UnknownService
from orbweaver.matcher_client.open_service import open_service
from orbweaver.matcher_client.protocol import MatchingService
from orbweaver.matcher_client.services.hma_index import LOADED_AFTER, read_index_status
from orbweaver.matcher_client.services.hma_questions import SEED
from orbweaver.matcher_client.transport.web_session import ANSWER_BYTES, HttpAnswer
from orbweaver.model import Algorithm, DigestSet, Verdict
from stand_ins import hma
from stand_ins.hma import BANK, HmaServer, HmaState, Response, as_json, page, refusal

A, B, C = (digests_of(body) for body in (b"a", b"b", b"c"))
MANY = [digests_of(str(number).encode()) for number in range(40)]


@pytest.fixture
def server() -> Iterator[HmaServer]:
    with hma.serving() as running:
        yield running


@contextmanager
def asking(server: HmaServer, options: str = hma.OPTIONS, *, canary: str = "none") -> Iterator[MatchingService]:
    service = open_service(f"hma+http://127.0.0.1:{server.port}?{options}&canary={canary}")
    try:
        yield service
    finally:
        service.close()


def lookup(server: HmaServer, *digest_sets: DigestSet, options: str = hma.OPTIONS) -> list[Verdict]:
    with asking(server, options) as service:
        return service.lookup(digest_sets)


def results(verdicts: list[Verdict]) -> list[str]:
    return [verdict.result for verdict in verdicts]


# What HMA.md 2 tells of lookups.


def test_a_listed_digest_is_a_match_that_names_bank_and_content(server: HmaServer) -> None:
    server.state.now = lambda: 1795314466
    content_id = server.state.add("sha256", A.sha256)
    (verdict,) = lookup(server, A)
    (listing,) = verdict.listings
    assert (verdict.result, verdict.strength, verdict.held_because, verdict.reason) == ("match", "strong", (), None)
    assert (listing.list, listing.entry_id, listing.algorithms) == (BANK, str(content_id), ("sha256",))
    assert (listing.category, listing.scheme, listing.size) == (None, None, None)
    assert (listing.list_version, listing.built_to) == ("sha256@1795314466/2", datetime.fromtimestamp(1795314466, UTC))
    assert listing.service == f"hma+http://127.0.0.1:{server.port}"
    assert [source.service for source in verdict.sources] == [listing.service]


def test_a_negative_says_of_which_state_of_the_lists_it_is(server: HmaServer) -> None:
    server.state.now = lambda: 1795314466
    server.state.build()
    (verdict,) = lookup(server, A, options="md5=video_md5")
    assert verdict.result == "no_match"
    [source] = verdict.sources
    assert source.list_version == "md5=video_md5@1795314466/1"
    assert source.built_to == datetime.fromtimestamp(1795314466, UTC)
    assert source.asked_at is not None


def test_every_bank_and_every_content_is_named(server: HmaServer) -> None:
    server.state.banks["OTHER"] = 1.0
    ids = [server.state.add("sha256", A.sha256, bank) for bank in (BANK, BANK, "OTHER")]
    (verdict,) = lookup(server, A)
    assert sorted((one.list, one.entry_id) for one in verdict.listings) == sorted(
        zip([BANK, BANK, "OTHER"], map(str, ids), strict=True)
    )


def test_only_the_named_banks_are_asked(server: HmaServer) -> None:
    server.state.banks["OTHER"] = 1.0
    server.state.add("sha256", A.sha256)
    server.state.add("sha256", B.sha256, "OTHER")
    assert results(lookup(server, A, B, options=f"{hma.OPTIONS}&banks=OTHER,THIRD")) == ["no_match", "match"]


@pytest.mark.parametrize("ratio", [1.0, 0.5, 0.000_001])
def test_a_bank_that_flips_coins_counts_at_every_question(server: HmaServer, ratio: float) -> None:
    server.state.banks[BANK] = ratio
    for digests in MANY:
        server.state.bank("video_md5", digests.md5)
    server.state.build()
    server.state.load()
    with asking(server, "md5=video_md5") as service:
        assert set(results(service.lookup(MANY))) == {"match"}
        assert all(service.is_listed("md5", digests.md5) for digests in MANY)
    assert {one.parameters["seed"] for one in server.requests if one.path == "/m/lookup"} == {SEED}


def test_the_coin_of_the_seed_is_next_to_nothing() -> None:
    assert random.Random(SEED).random() < 0.000_000_2


def test_a_bank_that_is_switched_off_does_not_count(server: HmaServer) -> None:
    server.state.add("sha256", A.sha256)
    server.state.banks[BANK] = 0
    assert results(lookup(server, A)) == ["no_match"]


def test_disabled_and_deleted_contents_do_not_match_from_the_next_question_on(server: HmaServer) -> None:
    disabled, deleted = server.state.add("sha256", A.sha256), server.state.add("sha256", B.sha256)
    server.state.contents[disabled].is_enabled = False
    del server.state.contents[deleted]
    assert results(lookup(server, A, B)) == ["no_match", "no_match"]


# Which questions are asked, and how many.


def test_a_listed_sha256_is_asked_no_further(server: HmaServer) -> None:
    server.state.add("sha256", A.sha256)
    lookup(server, A)
    assert server.lookups == [("sha256", A.sha256)]


def test_whatever_is_not_listed_by_sha256_is_asked_strongest_first(server: HmaServer) -> None:
    lookup(server, A, options="md5=video_md5&sha1=sha1&sha256=sha256")
    assert server.lookups == [("sha256", A.sha256), ("sha1", A.sha1), ("video_md5", A.md5)]


@pytest.mark.parametrize("listed", ["sha1", "video_md5"])
def test_one_weak_digest_is_held(server: HmaServer, listed: str) -> None:
    server.state.add(listed, A.sha1 if listed == "sha1" else A.md5)
    (verdict,) = lookup(server, A)
    assert (verdict.result, verdict.strength, verdict.held_because) == ("match", "weak", ("weak",))


def test_sha1_and_md5_confirm_each_other(server: HmaServer) -> None:
    server.state.add("sha1", A.sha1)
    server.state.add("video_md5", A.md5)
    (verdict,) = lookup(server, A)
    assert (verdict.strength, [one.algorithms for one in verdict.listings]) == ("strong", [("sha1",), ("md5",)])


def test_a_content_that_two_types_find_is_one_listing(server: HmaServer) -> None:
    found = as_json({BANK: [{"bank_content_id": 7, "distance": "-"}]})
    server.state.faults = [as_json({}), found, found]
    (verdict,) = lookup(server, A)
    assert [(one.entry_id, one.algorithms) for one in verdict.listings] == [("7", ("sha1", "md5"))]
    assert verdict.strength == "strong"


def test_equal_digest_sets_are_asked_once(server: HmaServer) -> None:
    assert results(lookup(server, A, B, A, A, options="sha256=sha256")) == ["no_match"] * 4
    assert sorted(server.lookups) == sorted([("sha256", A.sha256), ("sha256", B.sha256)])


def test_a_digest_that_different_sets_share_is_asked_for_each(server: HmaServer) -> None:
    """So that a canary, disguised as two files, is looked up before and after what stands between."""
    first, last = (DigestSet(md5=A.md5, sha1=digit * 40, sha256=digit * 64, size=1) for digit in "01")
    lookup(server, first, B, last, options="md5=video_md5&connections=1")
    assert [digest for _, digest in server.lookups] == [A.md5, B.md5, A.md5]


def test_verdicts_are_in_the_order_of_the_questions(server: HmaServer) -> None:
    for digests in MANY[::3]:
        server.state.add("sha256", digests.sha256)
    assert results(lookup(server, *MANY)) == ["no_match" if at % 3 else "match" for at in range(len(MANY))]


def test_as_many_are_asked_at_once_as_the_url_says(server: HmaServer) -> None:
    server.waits_for = asyncio.Barrier(4)
    asked = [A, *MANY]  # the first is asked alone
    assert results(lookup(server, *asked, options="sha256=sha256&connections=4")) == ["no_match"] * len(asked)
    assert server.most_waiting == 4
    assert server.connections_seen == len(server.requests)


def test_a_sync_worker_that_closes_every_connection_is_asked_all_the_same(server: HmaServer) -> None:
    server.state.closes_connections = True
    assert results(lookup(server, *MANY)) == ["no_match"] * len(MANY)


def test_no_question_makes_hma_fetch_hash_or_keep_anything(server: HmaServer) -> None:
    server.state.has_hasher = True
    server.state.add("sha1", A.sha1)
    with asking(server, f"{hma.OPTIONS}&banks={BANK}") as service:
        service.health()
        service.lookup([A, B])
        service.is_listed("md5", A.md5)
        server.state.faults = [page(404)] * 9
        with pytest.raises(Unavailable):
            service.lookup([A, B])
    assert {one.method for one in server.requests} == {"GET"}
    assert {one.path for one in server.requests} == {"/m/lookup", "/m/index/status", "/status"}
    assert {name for one in server.requests for name in one.parameters} == {"signal_type", "signal", "seed", "banks"}


# What HMA.md 3 tells of errors, and what else may stand where an answer should be.

NOT_ABOUT_A_DIGEST = {
    "not loaded yet": (refusal(503, "index not yet ready"), "status 503: its index may not be loaded"),
    "no database": (refusal(500, hma.DATABASE_DOWN), "status 500: its database may be down"),
    "no hasher": (refusal(403, "Hashing is disabled, missing role"), "status 403"),
    "no matcher": (page(404), "status 404: there is no matcher"),
    "wrong method": (page(405), "status 405"),
    "too long": (page(414), "status 414: the request line is too long"),
    "credentials": (page(403), "status 403: it refuses us"),
    "too many": (page(429), "status 429"),
    "bad gateway": (page(500), "status 500"),
    "elsewhere": (Response(302, "", "text/html", "Location: http://127.0.0.1:9/\r\n"), "redirect"),
    "page": (Response(200, "<h1>log in</h1>", "text/html"), "text/html, not with JSON"),
    "untyped": (Response(200, "{}", "text/plain"), "text/plain, not with JSON"),
    "half a JSON": (Response(200, '{"KNOWN_BAD":[{"bank_con'), "not JSON"),
    "nothing": (Response(200, ""), "not JSON"),
    "a bank twice": (Response(200, f'{{"{BANK}":[{{"bank_content_id":1,"distance":"-"}}],"{BANK}":[]}}'), "not JSON"),
    "listed and not": (Response(200, f'{{"{BANK}":[{{"bank_content_id":1,"distance":"-"}}]}}{{}}'), "not JSON"),
    "half a letter": (as_json({"BANK\ud800": [{"bank_content_id": 1, "distance": "-"}]}), "not JSON"),
    "endless id": (as_json({BANK: [{"bank_content_id": 10**400, "distance": "-"}]}), "not JSON"),
    "cut": (Response(200, '{"KNOWN_BAD":[]}', cut=True), r"hma\+http://127"),
    "gone": (Response(0), r"hma\+http://127"),
}
ABOUT_A_DIGEST = {
    "array": (as_json([]), "not an object of banks"),
    "number": (as_json(0), "not an object of banks"),
    "null": (as_json(None), "not an object of banks"),
    "raw answer": (as_json({"matches": []}), "a bank without contents"),
    "answer to an upload": (as_json({"video_md5": {}}), "a bank without contents"),
    "no contents": (as_json({BANK: []}), "a bank without contents"),
    "ids only": (as_json({BANK: [1, 2]}), "a content without an id"),
    "id as text": (as_json({BANK: [{"bank_content_id": "1", "distance": "-"}]}), "a content without an id"),
    "id as truth": (as_json({BANK: [{"bank_content_id": True, "distance": "-"}]}), "a content without an id"),
    "no distance": (as_json({BANK: [{"bank_content_id": 1}]}), "not an exact signal type"),
    "some distance": (as_json({BANK: [{"bank_content_id": 1, "distance": "2"}]}), "not an exact signal type"),
    "id below nothing": (as_json({BANK: [{"bank_content_id": -1, "distance": "-"}]}), "a content without an id"),
    "bank of controls": (as_json({"B\0\x1b[2J": [{"bank_content_id": 1, "distance": "-"}]}), "without a valid name"),
    "endless bank": (as_json({"B" * 1_001: [{"bank_content_id": 1, "distance": "-"}]}), "without a valid name"),
    "half of it": (as_json({BANK: [{"bank_content_id": 1, "distance": "-"}], "B": []}), "a bank without contents"),
    "too large": (Response(200, " " * (ANSWER_BYTES + 1)), "answers with more than"),
}
REFUSALS = {
    "no such type": (refusal(400, "No such SignalType 'sha256'"), "no signal type 'sha256'"),
    "switched off": (refusal(400, "SignalType 'sha256' is not enabled"), "refuses well-formed digests as 'sha256'"),
    "malformed": (refusal(400, f"invalid signal: '{A.sha256}' is not a valid SHA256 hash"), "refuses well-formed"),
    "array": (hma.invalid("missing", "signal", "Field required"), r"refuses well-formed digests .*status 422"),
    "page": (page(400), "refuses well-formed"),
}


def table(rows: dict[str, tuple[Response, str]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("answer", "reason"), rows.values(), ids=rows)


@table(NOT_ABOUT_A_DIGEST)
def test_what_is_not_about_a_digest_ends_the_batch(server: HmaServer, answer: Response, reason: str) -> None:
    server.state.add("sha256", A.sha256)
    server.state.faults = [answer] * 50
    with pytest.raises(Unavailable, match=reason) as caught:
        lookup(server, A, B)
    assert A.sha256 not in str(caught.value)


@table(ABOUT_A_DIGEST)
def test_what_is_no_answer_is_unknown_and_the_rest_is_answered(
    server: HmaServer, answer: Response, reason: str
) -> None:
    server.state.add("sha256", B.sha256)
    server.state.faults = [answer]
    unknown, match, no_match = lookup(server, A, B, C, options="sha256=sha256&connections=1")
    assert (unknown.result, match.result, no_match.result) == ("unknown", "match", "no_match")
    assert reason in str(unknown.reason)
    assert unknown.listings == ()


@table(REFUSALS)
def test_a_refused_signal_type_is_unknown_not_asked_again_and_named(
    server: HmaServer, answer: Response, reason: str
) -> None:
    server.state.add("sha256", A.sha256)
    server.state.add("sha1", B.sha1)
    server.state.faults = [answer]
    verdicts = lookup(server, A, B, C, options=f"{hma.OPTIONS}&connections=1")
    assert results(verdicts) == ["unknown", "match", "unknown"]
    assert [name for name, _ in server.lookups] == ["sha256"] + ["sha1"] * 3 + ["video_md5"] * 3
    for verdict in verdicts:
        assert re.search(reason, str(verdict.reason))
        assert A.sha256 not in str(verdict.reason)


@table(ABOUT_A_DIGEST | REFUSALS)
def test_a_type_without_an_answer_hides_no_match_in_another(server: HmaServer, answer: Response, reason: str) -> None:
    server.state.add("video_md5", A.md5)
    server.state.faults = [answer]
    (verdict,) = lookup(server, A)
    assert (verdict.result, verdict.held_because) == ("match", ("weak",))
    assert verdict.reason


@table(NOT_ABOUT_A_DIGEST | ABOUT_A_DIGEST | REFUSALS)
def test_is_listed_says_neither_yes_nor_no_without_an_answer(server: HmaServer, answer: Response, reason: str) -> None:
    server.state.faults = [answer] * 50
    with asking(server) as service, pytest.raises(Unavailable, match=reason) as caught:
        service.is_listed("sha256", A.sha256)
    assert A.sha256 not in str(caught.value)


def test_later_versions_may_say_more_of_a_content(server: HmaServer) -> None:
    server.state.faults = [as_json({BANK: [{"bank_content_id": 1, "distance": "-", "tags": ["x"]}]})]
    assert results(lookup(server, A)) == ["match"]


def test_a_bank_that_was_not_asked_is_no_answer(server: HmaServer) -> None:
    server.state.faults = [as_json({"OTHER": [{"bank_content_id": 1, "distance": "-"}]})]
    (verdict,) = lookup(server, A, options=f"sha256=sha256&banks={BANK}")
    assert (verdict.result, verdict.reason) == ("unknown", "the answer for sha256 names a bank that was not asked")


def test_after_a_failure_nothing_more_is_asked_and_what_was_answered_stands(server: HmaServer) -> None:
    server.state.add("sha256", MANY[0].sha256)
    server.state.faults = [None] * 3 + [Response(200, "", "text/html")] * 50
    verdicts = lookup(server, *MANY, options="sha256=sha256&connections=1")
    assert results(verdicts) == ["match", "no_match", "no_match"] + ["unknown"] * 37
    assert {verdict.reason for verdict in verdicts[3:]} == {"HMA answers with text/html, not with JSON"}
    assert len(server.lookups) == 4


def test_a_failure_in_a_later_type_keeps_what_an_earlier_one_lists(server: HmaServer) -> None:
    server.state.add("sha256", A.sha256)
    server.state.add("sha1", B.sha1)
    server.state.faults = [None, None, None, None] + [Response(200, "", "text/html")] * 50
    verdicts = lookup(server, A, B, C, options="sha256=sha256&sha1=sha1&connections=1")
    assert results(verdicts) == ["match", "match", "unknown"]


def test_an_outage_is_over_when_it_is_over(server: HmaServer) -> None:
    server.state.add("sha256", A.sha256)
    with asking(server) as service:
        server.state.has_database = False
        with pytest.raises(Unavailable, match="its database may be down"):
            service.lookup([A, B])
        assert not service.health().is_healthy
        server.state.has_database = True
        assert results(service.lookup([A, B])) == ["match", "no_match"]


def test_no_digest_is_logged_whatever_happens(server: HmaServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for answer in (Response(0), refusal(500, A.sha256), refusal(400, A.sha256), as_json({}), as_json([A.sha256])):
        server.state.faults = [answer] * 2
        with asking(server, "sha256=sha256") as service, pytest.raises((Unavailable, AssertionError)):
            assert results(service.lookup([A])) == ["match"]
    assert A.sha256 not in caplog.text


# What HMA.md 4 tells of readiness and freshness.


def test_health_is_that_of_all_the_signal_types_that_are_asked(server: HmaServer) -> None:
    server.state.now = lambda: 1795314466
    server.state.add("sha256", A.sha256)
    server.state.stored["video_md5"] = hma.Index(1795314400, {A.md5: [1, 2]})
    with asking(server, "sha256=sha256&md5=video_md5") as service:
        health = service.health()
    assert health.is_healthy
    assert health.list_version == "sha256=sha256@1795314466/2 md5=video_md5@1795314400/2"
    assert health.built_at == datetime.fromtimestamp(1795314400, UTC)
    assert health.entries == 4


def is_stale(state: HmaState) -> None:
    state.is_stale = True


def is_not_loaded(state: HmaState) -> None:
    state.is_loaded = False


def has_no_database(state: HmaState) -> None:
    state.has_database = False


def has_no_matcher(state: HmaState) -> None:
    state.has_matcher = False


def lost_a_type(state: HmaState) -> None:
    del state.stored["video_md5"]


def emptied_a_type(state: HmaState) -> None:
    state.stored["video_md5"] = hma.Index(1795314466, {})


NOT_READY: dict[str, tuple[Callable[[HmaState], None], str]] = {
    "stale": (is_stale, "not ready: INDEX-STALE"),
    "not loaded": (is_not_loaded, "not ready: INDEX-NOT-LOADED"),
    "no database": (has_no_database, "its database may be down"),
    "no matcher": (has_no_matcher, "there is no matcher at this address"),
    "empty": (HmaState.empty, "index of sha256 is empty"),
    "a type never built": (lost_a_type, "index of video_md5 is empty"),
    "a type without hashes": (emptied_a_type, "index of video_md5 is empty"),
}


@pytest.mark.parametrize(("change", "reason"), NOT_READY.values(), ids=NOT_READY)
def test_who_is_not_ready_is_unhealthy_and_not_asked(
    server: HmaServer, change: Callable[[HmaState], None], reason: str
) -> None:
    server.state.add("sha256", A.sha256)
    change(server.state)
    with asking(server) as service:
        health = service.health()
        with pytest.raises(Unavailable, match=reason):
            service.lookup([A, B])
    assert not health.is_healthy
    assert reason in str(health.reason)
    assert server.lookups == []


@pytest.mark.parametrize(("change", "reason"), NOT_READY.values(), ids=NOT_READY)
def test_who_is_not_ready_after_a_batch_gave_no_negatives(
    server: HmaServer, change: Callable[[HmaState], None], reason: str
) -> None:
    server.state.add("sha256", A.sha256)
    server.state.faults = [None, change]
    match, unknown = lookup(server, A, B, options="sha256=sha256&md5=video_md5&connections=1")
    assert (match.result, unknown.result) == ("match", "unknown")
    assert unknown.reason


@pytest.mark.parametrize(
    "status", [Response(200, "OK"), Response(200, "i-am-alive"), Response(403, "I-AM-ALIVE"), page(200)]
)
def test_only_the_words_of_a_living_matcher_are_believed(
    server: HmaServer, monkeypatch: pytest.MonkeyPatch, status: Response
) -> None:
    monkeypatch.setattr(server.state, "_status", lambda: status)
    with asking(server) as service:
        assert "and not I-AM-ALIVE" in str(service.health().reason)


@pytest.mark.parametrize(
    "status",
    [
        as_json([]),
        as_json({"sha256": []}),
        as_json({"sha256": {"built_to": "1795314466", "present": True, "size": 4}}),
        as_json({"sha256": {"built_to": 1795314466, "present": "true", "size": 4}}),
        as_json({"sha256": {"built_to": 1795314466, "present": True}}),
        as_json({"sha256": {"built_to": 10**30, "present": True, "size": 4}}),
        as_json({"sha256": {"built_to": 10**18, "present": True, "size": 4}}),
        as_json({"sha256": {"built_to": 253402300799, "present": True, "size": 4}}),
        as_json({"sha256": {"built_to": -62135596800, "present": True, "size": 4}}),
        as_json({"sha256": {"built_to": 1795314466, "present": True, "size": 10**400}}),
        Response(200, '{"sha256": {"size": 0, "present": true, "built_to": 1795314466, "size": 4}}'),
        page(200),
    ],
)
def test_an_index_status_that_is_none_is_unhealthy(
    server: HmaServer, monkeypatch: pytest.MonkeyPatch, status: Response
) -> None:
    monkeypatch.setattr(server.state, "_index_status", lambda _: status)
    with asking(server, "sha256=sha256") as service:
        assert not service.health().is_healthy
        with pytest.raises(Unavailable):
            service.lookup([A])


STORED = HttpAnswer(200, "application/json", b'{"video_md5":{"built_to":1795314466,"present":true,"size":4}}')


@pytest.mark.parametrize(
    ("seconds", "version"),
    [
        (-60, "video_md5@1795314466/4+loading"),  # HMA's clock is ahead
        (0, "video_md5@1795314466/4+loading"),
        (LOADED_AFTER.total_seconds() - 1, "video_md5@1795314466/4+loading"),
        (LOADED_AFTER.total_seconds(), "video_md5@1795314466/4"),
        (10**9, "video_md5@1795314466/4"),
    ],
)
def test_what_is_stored_is_another_state_until_every_matcher_must_have_loaded_it(seconds: float, version: str) -> None:
    at = datetime.fromtimestamp(1795314466 + seconds, UTC)
    assert read_index_status(STORED, {"md5": "video_md5"}, at).version == f"md5={version}"


def test_other_banks_or_a_type_for_another_algorithm_are_another_list_and_their_order_is_not() -> None:
    at = datetime.fromtimestamp(1795314466, UTC) + LOADED_AFTER

    def version(algorithm: Algorithm, *banks: str) -> str:
        return read_index_status(STORED, {algorithm: "video_md5"}, at, banks=banks).version

    assert version("md5", "B", "A") == version("md5", "A", "B") == "md5=video_md5@1795314466/4 banks=A,B"
    assert len({version("md5"), version("md5", "A"), version("md5", "A", "B"), version("sha1")}) == 4


def test_a_negative_of_an_index_that_is_stored_and_not_loaded_is_due_again_later(server: HmaServer) -> None:
    server.state.bank("sha256", A.sha256)
    server.state.build()  # and not loaded
    with asking(server, "sha256=sha256") as service:
        (early,) = service.lookup([A])
        assert early.result == "no_match"
        assert str(early.sources[0].list_version).endswith("/2+loading")
        server.state.load()
        server.state.stored = {
            name: hma.Index(one.built_to - 1_000, one.contents) for name, one in server.state.stored.items()
        }
        assert service.health().list_version != early.sources[0].list_version
        assert results(service.lookup([A])) == ["match"]


# What HMA.md 7 tells of signal types, and what a URL may say.


def test_signal_types_have_the_names_that_the_url_gives_them(server: HmaServer) -> None:
    with asking(server, "md5=md5") as service:
        health = service.health()
    assert (health.is_healthy, health.reason) == (False, "HMA has no signal type 'md5': correct MATCHER_URL")


def test_a_type_for_another_algorithm_is_unknown(server: HmaServer) -> None:
    server.state.add("video_md5", A.md5)
    (verdict,) = lookup(server, A, options="sha256=video_md5")
    assert verdict.result == "unknown"
    assert "refuses well-formed digests as 'video_md5'" in str(verdict.reason)


def test_an_algorithm_without_a_type_is_not_looked_up(server: HmaServer) -> None:
    with asking(server, "sha256=sha256") as service, pytest.raises(Unavailable, match="names no signal type for md5"):
        service.is_listed("md5", A.md5)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("canary=none", "no signal type: name at least one"),
        ("md5=&canary=none", "md5= is not the name"),
        ("md5=a b&canary=none", "md5= is not the name"),
        ("sha256=pdq&canary=none", "pdq compares pictures"),
        (f"sha256=sha256&canary=md5:{'0' * 32}", "the canary is a md5, which has no signal type"),
        ("md5=video_md5", "has no canary"),
        ("md5=video_md5&canary=none&banks=", "banks= is not a list"),
        ("md5=video_md5&canary=none&banks=known bad", "banks= is not a list"),
        ("md5=video_md5&canary=none&connections=0", "not a number from 1 to 64"),
        ("md5=video_md5&canary=none&connections=65", "not a number from 1 to 64"),
        ("md5=video_md5&canary=none&connections=many", "not a number from 1 to 64"),
        ("md5=video_md5&canary=none&seed=1", "unknown option 'seed'"),
    ],
)
def test_a_url_that_cannot_be_meant_is_refused(options: str, complaint: str) -> None:
    with pytest.raises(UnknownService, match=complaint):
        open_service(f"hma+https://hma.example?{options}")


def test_the_canary_is_looked_up_just_as_any_digest(server: HmaServer) -> None:
    with asking(server, canary=f"md5:{A.md5}") as service:
        assert service.canary is not None
        assert not service.is_listed(service.canary.algorithm, service.canary.digest)
        server.state.add("video_md5", A.md5)
        assert service.is_listed(service.canary.algorithm, service.canary.digest)
        server.state.banks[BANK] = 0
        assert not service.is_listed(service.canary.algorithm, service.canary.digest)


# Whatever happens in whatever order.

FAULTS: dict[str, hma.Fault] = {name: answer for name, (answer, _) in (NOT_ABOUT_A_DIGEST | ABOUT_A_DIGEST).items()}
FAULTS |= {f"refused: {name}": answer for name, (answer, _) in REFUSALS.items()}
FAULTS |= {f"becomes: {name}": change for name, (change, _) in NOT_READY.items()}


@settings(max_examples=40, deadline=None)
@given(
    faults=st.lists(st.sampled_from(["none", *FAULTS]), max_size=8),
    connections=st.sampled_from([1, 3]),
    closes=st.booleans(),
)
def test_no_interleaving_of_faults_makes_a_listed_digest_clean(
    faults: list[str], connections: int, closes: bool
) -> None:
    with hma.serving() as server:
        state = server.state
        listed = [A, B, C]
        for signal_type, digest in (("sha256", A.sha256), ("sha1", B.sha1), ("video_md5", C.md5)):
            state.add(signal_type, digest)
        state.closes_connections = closes
        state.faults = [FAULTS.get(name) for name in faults]
        with asking(server, f"{hma.OPTIONS}&connections={connections}") as service:
            try:
                verdicts = service.lookup([*listed, *MANY[:2]])
            except Unavailable:
                return
        assert "no_match" not in results(verdicts[:3])
        assert "match" not in results(verdicts[3:])
        assert all(one.reason for one in verdicts if one.result == "unknown")
