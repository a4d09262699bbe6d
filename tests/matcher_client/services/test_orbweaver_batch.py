"""The client of Orbweaver's own batch protocol: what it asks, what it makes of answers, and what it says of failures.

The contract suite (test_contract.py) shows that no wrong answer is believed; here is what is the protocol's own.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import fault_proxy
import pytest
from fault_proxy import Exchange, Fault, FaultProxy, says
from orbweaver.matcher_client.errors import Unavailable, UnknownService
from orbweaver.matcher_client.open_service import open_service
from orbweaver.matcher_client.services.orbweaver_batch import BatchService
from orbweaver.matcher_client.transport import web_session
from orbweaver.matcher_client.transport.service_address import read_address
from orbweaver.model import DigestSet

RANDOM = random.Random("batch service")
BUILT_TO = "2026-03-01T12:00:00.000Z"


def some_digests() -> DigestSet:
    return DigestSet(
        md5=RANDOM.randbytes(16).hex(), sha1=RANDOM.randbytes(20).hex(), sha256=RANDOM.randbytes(32).hex(), size=7
    )


KNOWN, STRANGE = some_digests(), some_digests()
LISTING: dict[str, Any] = {
    "list": "partner",
    "entry_id": "e-1",
    "category": "A1",
    "scheme": "NCMEC",
    "nature": "abuse",
    "status": "active",
    "algorithms": ["sha256"],
    "list_version": "7",
    "built_to": BUILT_TO,
}


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_session, "FIRST_PAUSE_SECONDS", 0.001)


@pytest.fixture
def server() -> Iterator[FaultProxy]:
    with FaultProxy() as proxy:
        proxy.fault = listing()
        yield proxy


def listing(**changes: Any) -> fault_proxy.Fault:
    """Answer each question rightly; KNOWN has one listing, with these fields otherwise."""

    def fault(exchange: Exchange) -> None:
        asked = json.loads(exchange.body)["digest_sets"]
        answers = [{**one, "listings": [{**LISTING, **changes}] if one == KNOWN.model_dump() else []} for one in asked]
        said = {"list_version": "v1", "built_to": BUILT_TO, "answers": answers, "of a later server": True}
        says(200, json.dumps(said).encode())(exchange)

    return fault


def service_of(server: FaultProxy) -> BatchService:
    return BatchService(read_address(f"http://127.0.0.1:{server.port}/matcher/?canary=none"))


def asked_of(server: FaultProxy) -> list[list[dict[str, Any]]]:
    return [json.loads(request.body)["digest_sets"] for request in server.requests]


def test_a_verdict_says_all_that_the_answer_says(server: FaultProxy) -> None:
    known, strange = service_of(server).lookup([KNOWN, STRANGE])

    assert (known.result, known.strength, known.sources[0].list_version) == ("match", "strong", "v1")
    assert known.leading is not None
    assert json.loads(known.leading.model_dump_json(exclude_none=True)) == {
        **LISTING,
        "service": f"http://127.0.0.1:{server.port}/matcher",
    }
    [source] = strange.sources
    assert (strange.result, source.list_version, source.built_to) == ("no_match", "v1", known.sources[0].built_to)


def test_a_listing_without_a_version_has_the_whole_answers(server: FaultProxy) -> None:
    server.fault = listing(list_version=None, built_to=None)

    (verdict,) = service_of(server).lookup([KNOWN])

    assert verdict.leading is not None
    assert (verdict.leading.list_version, verdict.leading.built_to) == ("v1", verdict.sources[0].built_to)


def test_equal_digest_sets_are_asked_once_and_at_most_a_thousand_at_a_time(server: FaultProxy) -> None:
    asked = [KNOWN, *(some_digests() for _ in range(1_500)), KNOWN]

    verdicts = service_of(server).lookup([*asked, *asked])

    assert [len(one) for one in asked_of(server)] == [1_000, 501]
    assert [place for place, verdict in enumerate(verdicts) if verdict.result == "match"] == [0, 1_501, 1_502, 3_003]


@pytest.fixture
def small_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_session, "ANSWER_BYTES", 30_000)


def bulky(known: list[DigestSet], category_bytes: int) -> Fault:
    """Answer each question rightly, with listings of so many bytes, a thousand each, for each known digest set."""

    def fault(exchange: Exchange) -> None:
        asked = json.loads(exchange.body)["digest_sets"]
        found = [{**LISTING, "category": "c" * 1_000}] * (category_bytes // 1_000)
        answers = [{**one, "listings": found if DigestSet(**one) in known else []} for one in asked]
        says(200, json.dumps({"list_version": "v1", "built_to": BUILT_TO, "answers": answers}).encode())(exchange)

    return fault


@pytest.mark.usefixtures("small_answers")
def test_a_batch_whose_answer_is_too_large_is_asked_in_parts(server: FaultProxy) -> None:
    batch = [some_digests() for _ in range(16)]
    known = [*batch[:4], batch[11], batch[12]]
    server.fault = bulky(known, 10_000)

    verdicts = service_of(server).lookup(batch)

    assert [one for one, verdict in zip(batch, verdicts, strict=True) if verdict.result == "match"] == known
    assert [verdict.result for verdict in verdicts].count("no_match") == 10
    assert [len(one) for one in asked_of(server)] == [16, 8, 4, 2, 2, 4, 8]


@pytest.mark.usefixtures("small_answers")
def test_one_digest_set_whose_answer_is_too_large_is_unknown_and_spoils_no_other(server: FaultProxy) -> None:
    server.fault = bulky([KNOWN], 40_000)

    first, known, last = service_of(server).lookup([STRANGE, KNOWN, some_digests()])

    assert (first.result, known.result, last.result) == ("no_match", "unknown", "no_match")
    assert "answers with more than" in str(known.reason)


@pytest.mark.usefixtures("small_answers")
def test_a_server_whose_answers_are_all_too_large_is_soon_given_up(server: FaultProxy) -> None:
    server.fault = says(200, b" " * 30_001)

    with pytest.raises(Unavailable, match="answers with more than"):
        service_of(server).lookup([some_digests() for _ in range(16)])
    assert [len(one) for one in asked_of(server)] == [16, 8, 4, 2, 1]


def test_an_empty_batch_asks_nobody(server: FaultProxy) -> None:
    assert service_of(server).lookup([]) == []
    assert server.requests == []


def test_one_digest_is_asked_alone(server: FaultProxy) -> None:
    assert not service_of(server).is_listed("sha1", KNOWN.sha1.upper())
    assert asked_of(server) == [[{"sha1": KNOWN.sha1}]]


def test_a_listing_that_agrees_in_what_was_not_asked_is_believed_not(server: FaultProxy) -> None:
    def claim(exchange: Exchange) -> None:
        (asked,) = json.loads(exchange.body)["digest_sets"]
        answers = [{**asked, "listings": [{**LISTING, "algorithms": ["sha256", "md5"]}]}]
        says(200, json.dumps({"list_version": "v1", "built_to": BUILT_TO, "answers": answers}).encode())(exchange)

    server.fault = claim
    with pytest.raises(Unavailable, match="answered about other digests than it was asked"):
        service_of(server).is_listed("sha256", KNOWN.sha256)


@pytest.mark.parametrize(
    ("changes", "held"),
    [
        ({"nature": "a later word"}, "unknown_category"),
        ({"status": "a later word"}, "disputed"),
        ({"status": "disputed"}, "disputed"),
        ({"size": 8}, "size_differs"),
        ({"algorithms": ["md5"]}, "weak"),
    ],
)
def test_a_word_that_we_do_not_know_holds_the_match(server: FaultProxy, changes: dict[str, Any], held: str) -> None:
    server.fault = listing(**changes)

    (verdict,) = service_of(server).lookup([KNOWN])

    assert verdict.result == "match"
    assert held in verdict.held_because


@pytest.mark.parametrize("changes", [{"nature": "benign"}, {"status": "withdrawn"}])
def test_a_benign_or_withdrawn_listing_is_no_match(server: FaultProxy, changes: dict[str, Any]) -> None:
    server.fault = listing(**changes)

    (verdict,) = service_of(server).lookup([KNOWN])

    assert (verdict.result, len(verdict.listings)) == ("no_match", 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"nature": None},
        {"nature": 1},
        {"algorithms": []},
        {"algorithms": ["crc32"]},
        {"built_to": "soon"},
        {"built_to": "9999-12-31T23:59:59-14:00"},
        {"built_to": "0001-01-01T00:00:00+14:00"},
        {"built_to": "1969-12-31T23:59:59Z"},
        {"built_to": 1e18},
        {"size": -1},
        {"size": 2**63},
        {"size": 10**400},
        {"list": "\ud800"},
        {"list_version": "v\n2"},
        {"entry_id": "\x1b[2J"},
        {"category": "A" * 1_001},
    ],
)
def test_a_listing_that_cannot_be_read_spoils_the_batch(server: FaultProxy, changes: dict[str, Any]) -> None:
    server.fault = listing(**changes)

    with pytest.raises(Unavailable, match="in another shape than the batch protocol's"):
        service_of(server).lookup([STRANGE, KNOWN])


def test_an_answer_that_lists_a_digest_and_does_not_is_none(server: FaultProxy) -> None:
    def say_both(exchange: Exchange) -> None:
        (asked,) = json.loads(exchange.body)["digest_sets"]
        answer = json.dumps({**asked, "listings": [LISTING]}).removesuffix("}") + ', "listings": []}'
        says(200, f'{{"list_version": "v1", "built_to": "{BUILT_TO}", "answers": [{answer}]}}'.encode())(exchange)

    server.fault = say_both
    with pytest.raises(Unavailable, match="in another shape than the batch protocol's"):
        service_of(server).lookup([KNOWN])


@pytest.mark.parametrize("built_to", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2200-01-01T00:00:00Z"])
def test_an_answer_of_a_time_that_no_list_can_be_of_is_none(server: FaultProxy, built_to: str) -> None:
    said = {"list_version": "v1", "built_to": built_to, "answers": [{**KNOWN.model_dump(), "listings": []}]}
    server.fault = says(200, json.dumps(said).encode())
    with pytest.raises(Unavailable, match="in another shape"):
        service_of(server).lookup([KNOWN])
    server.fault = says(200, json.dumps({"is_healthy": True, "built_to": built_to}).encode())
    assert not service_of(server).health().is_healthy


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, b'{"detail": "show the token"}', "refuses us: check token= in MATCHER_URL (status 401)"),
        (404, b"<html>", "does not speak the batch protocol there: check the path in MATCHER_URL (status 404)"),
        (422, b'{"detail": "digest_sets.0"}', "cannot answer (status 422)"),
        (503, b'{"detail": "the list is damaged"}', "cannot answer (status 503)"),
        (500, f'{{"detail": "no {KNOWN.sha256}"}}'.encode(), "cannot answer (status 500)"),
        (200, b"{}", "in another shape than the batch protocol's (status 200)"),
    ],
)
def test_a_failure_says_what_to_mend_and_no_digest(server: FaultProxy, status: int, body: bytes, said: str) -> None:
    server.fault = says(status, body)

    with pytest.raises(Unavailable) as caught:
        service_of(server).lookup([KNOWN])
    assert said in str(caught.value)
    assert KNOWN.sha256 not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, b'{"is_healthy": true, "list_version": "v1", "entries": 3}', None),
        (200, b'{"is_healthy": false, "reason": "no list"}', "says that it cannot answer: its /v1/health says why"),
        (503, b'{"is_healthy": false, "reason": "no list"}', "says that it cannot answer: its /v1/health says why"),
        (503, b'{"is_healthy": true}', "says that it cannot answer"),
        (503, b'{"detail": "too busy"}', "in another shape"),
        (401, b'{"detail": "no token"}', "refuses us"),
        (200, b'{"is_healthy": true, "entries": -1}', "in another shape"),
        (200, b'{"is_healthy": true, "entries": 1' + b"0" * 400 + b"}", "in another shape"),
        (200, b'{"is_healthy": true, "list_version": "v\\u0000"}', "in another shape"),
        (200, b'{"is_healthy": false, "is_healthy": true}', "in another shape"),
        (200, b"ok", "in another shape"),
        (200, b"{}", "in another shape"),
    ],
)
def test_health_is_what_the_server_says_and_anything_else_is_none(
    server: FaultProxy, status: int, body: bytes, reason: str | None
) -> None:
    server.fault = says(status, body)

    health = service_of(server).health()

    assert health.is_healthy == (reason is None)
    assert (reason or "") in (health.reason or "")


@pytest.mark.parametrize(("said", "entries"), [("", None), (', "entries": null', None), (', "entries": 0', 0)])
def test_a_number_of_entries_that_is_not_said_is_none(server: FaultProxy, said: str, entries: int | None) -> None:
    server.fault = says(200, f'{{"is_healthy": true{said}}}'.encode())
    health = service_of(server).health()
    assert (health.is_healthy, health.entries) == (True, entries)


def test_https_and_loopback_http_open_it_and_an_option_of_another_service_is_refused() -> None:
    service = open_service("https://matcher.example/path?canary=none")
    assert isinstance(service, BatchService)
    assert (service.name, service.canary) == ("https://matcher.example/path", None)
    with pytest.raises(UnknownService, match="is not https"):
        open_service("http://matcher.example?canary=none")
    with pytest.raises(UnknownService, match="unknown option 'banks'"):
        open_service("https://matcher.example?canary=none&banks=A")
