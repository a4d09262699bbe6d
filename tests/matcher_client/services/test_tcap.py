"""TCAP hash verification: batches with a token, and an answer that is not whole, or not about us, is none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from builders import digests_of
from hypothesis import given, settings
from hypothesis import strategies as st
from orbweaver.matcher_client.errors import Unavailable, UnknownService
from orbweaver.matcher_client.open_service import open_service
from orbweaver.matcher_client.services.tcap import TcapService, read_confidences
from orbweaver.model import DigestSet, Verdict
from stand_ins import tcap
from stand_ins.answering import Asked, Reply
from stand_ins.tcap import PASSWORD, RunningTcap

KNOWN = digests_of(b"known")
OTHER = digests_of(b"other")
CANARY = f"sha256:{KNOWN.sha256}"


@pytest.fixture
def server() -> Iterator[RunningTcap]:
    with tcap.run() as running:
        running.add("sha256", KNOWN.sha256)
        running.add("md5", KNOWN.md5)
        yield running


@pytest.fixture
def service(server: RunningTcap) -> Iterator[TcapService]:
    opened = open_service(server.url(canary=CANARY))
    assert isinstance(opened, TcapService)
    yield opened
    opened.close()


def only(verdicts: list[Verdict]) -> Verdict:
    (verdict,) = verdicts
    return verdict


def paths(server: RunningTcap) -> list[str]:
    return [one.path for one in server.asked]


def test_a_file_it_is_sure_of_is_a_strong_match_of_a_terrorism_list(service: TcapService) -> None:
    verdict = only(service.lookup([KNOWN]))
    assert (verdict.result, verdict.strength, verdict.held_because) == ("match", "strong", ())
    (listing,) = verdict.listings
    assert (listing.list, listing.scheme, listing.algorithms) == ("TCAP", "tcap", ("sha256", "md5"))
    assert (listing.status, listing.category, listing.entry_id) == ("active", None, None)


def test_a_file_known_by_md5_alone_is_held(server: RunningTcap, service: TcapService) -> None:
    server.remove("sha256", KNOWN.sha256)
    verdict = only(service.lookup([KNOWN]))
    assert (verdict.result, verdict.strength, verdict.held_because) == ("match", "weak", ("weak",))


@pytest.mark.parametrize("confidence", [0.001, 0.5, 0.999])
def test_a_file_it_is_not_sure_of_is_held_and_not_lost(
    server: RunningTcap, service: TcapService, confidence: float
) -> None:
    server.grade("sha256", KNOWN.sha256, confidence)
    server.remove("md5", KNOWN.md5)
    verdict = only(service.lookup([KNOWN]))
    assert (verdict.result, verdict.held_because) == ("match", ("disputed",))


def test_a_file_it_does_not_know_is_no_match(service: TcapService) -> None:
    assert only(service.lookup([OTHER])).result == "no_match"


def test_questions_go_in_lists_of_fifty_equal_ones_once_and_sha1_never(
    server: RunningTcap, service: TcapService
) -> None:
    bodies = [str(number).encode() for number in range(60)]
    for body in bodies[::7]:
        server.add("sha256", digests_of(body).sha256)
    digest_sets = [digests_of(body) for body in bodies]
    verdicts = service.lookup([*digest_sets, *digest_sets])
    assert [one.result for one in verdicts[:60]] == ["no_match" if number % 7 else "match" for number in range(60)]
    assert verdicts[60:] == verdicts[:60]
    requests = [json.loads(one.body) for one in server.asked if one.path == "/hash-verification/api/v2"]
    assert [len(items) for items in requests] == [50, 50, 20]
    assert {frozenset(item) for items in requests for item in items} == {frozenset({"hash_value", "hash_type"})}
    assert {item["hash_type"] for items in requests for item in items} == {"SHA256", "MD5"}
    assert paths(server).count("/token-auth/tcap/") == 1


def test_nothing_asked_is_nothing_answered(server: RunningTcap, service: TcapService) -> None:
    assert service.lookup([]) == []
    assert server.asked == []


def test_a_token_that_ran_out_is_fetched_anew_once(server: RunningTcap, service: TcapService) -> None:
    assert only(service.lookup([KNOWN])).result == "match"
    server.forget_tokens()
    assert only(service.lookup([KNOWN])).result == "match"
    assert paths(server).count("/token-auth/tcap/") == 2


def test_a_token_that_is_never_taken_is_fetched_twice_and_no_more(server: RunningTcap, service: TcapService) -> None:
    server.interject(lambda asked: Reply(401) if asked.path.startswith("/hash-") else None)
    with pytest.raises(Unavailable, match=r"refuses its own token .status 401.: ask for access"):
        service.lookup([KNOWN])
    assert paths(server) == ["/token-auth/tcap/", "/hash-verification/api/v2"] * 2


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refused_credentials_say_what_to_mend(server: RunningTcap, service: TcapService, status: int) -> None:
    server.interject(lambda _: Reply(status))
    with pytest.raises(Unavailable, match=f"refuses the credentials .status {status}.: check its username= and pass"):
        service.lookup([KNOWN, OTHER])
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{}", b'{"token": null}', b'{"token": ""}', b'{"token": "a\\nb: c"}', b"<html>", b'{"tok']
    + [b'{"token": "a", "token": "b"}', b'{"token": "' + b"a" * 8_193 + b'"}'],
)
def test_a_token_that_is_none_is_no_token(server: RunningTcap, service: TcapService, body: bytes) -> None:
    server.interject(lambda asked: Reply(body=body) if asked.path.startswith("/token") else None)
    with pytest.raises(Unavailable):
        service.lookup([KNOWN])


def other_item(items: list[dict[str, Any]], **changed: object) -> list[dict[str, Any]]:
    """The answer with something changed in the item about the SHA-256 that is not known."""
    return [item | changed if item["hash_value"] == OTHER.sha256 else item for item in items]


REWRITES: dict[str, Callable[[list[dict[str, Any]]], Any]] = {
    "fewer": lambda items: items[:-1],
    "none": lambda items: [],
    "one too many": lambda items: [*items, {"hash_value": "0" * 64, "hash_type": "SHA256", "confidence": 0}],
    "one twice": lambda items: [*items, items[0]],
    "twice, and one missing": lambda items: [*items[:-1], items[0]],
    "another digest": lambda items: other_item(items, hash_value="0" * 64),
    "another type": lambda items: other_item(items, hash_type="SHA512"),
    "no type": lambda items: other_item(items, hash_type=None),
    "a type that cannot be a key": lambda items: other_item(items, hash_type=["SHA256"]),
    "no confidence": lambda items: other_item(items, confidence=None),
    "confidence in words": lambda items: other_item(items, confidence="0"),
    "confidence as a boolean": lambda items: other_item(items, confidence=False),
    "confidence above one": lambda items: other_item(items, confidence=1.5),
    "confidence below zero": lambda items: other_item(items, confidence=-1),
    "confidence that is no number": lambda items: other_item(items, confidence=float("nan")),
    "an item that is a string": lambda items: [*items[:-1], "no"],
    "an object": lambda items: {"results": items},
    "an error with status 200": lambda items: {"error": "try later"},
    "null": lambda items: None,
    "matches only": lambda items: [item for item in items if item["confidence"]],
}


@pytest.mark.parametrize("rewrite", REWRITES.values(), ids=REWRITES)
def test_an_answer_that_is_not_one_to_each_question_is_unknown(
    server: RunningTcap, service: TcapService, rewrite: Callable[[list[dict[str, Any]]], Any]
) -> None:
    server.rewrite(rewrite)
    for digests, verdict in zip([OTHER, KNOWN], service.lookup([OTHER, KNOWN]), strict=True):
        assert verdict.result == "unknown"
        assert digests.sha256 not in str(verdict.reason)
    server.rewrite(None)
    assert [one.result for one in service.lookup([OTHER, KNOWN])] == ["no_match", "match"]


def test_an_item_that_is_sure_of_a_digest_and_of_its_absence_is_unknown(
    server: RunningTcap, service: TcapService
) -> None:
    def say_both(asked: Asked) -> Reply | None:
        if asked.path.startswith("/token"):
            return None
        items = [json.dumps(item | {"confidence": 1})[:-1] + ', "confidence": 0}' for item in json.loads(asked.body)]
        return Reply(content_type="application/json", body=f"[{','.join(items)}]".encode())

    server.interject(say_both)
    assert [one.result for one in service.lookup([KNOWN, OTHER])] == ["unknown", "unknown"]


def test_answers_in_another_order_and_in_capitals_are_answers(server: RunningTcap, service: TcapService) -> None:
    server.rewrite(lambda items: [item | {"hash_value": item["hash_value"].upper()} for item in reversed(items)])
    assert [one.result for one in service.lookup([OTHER, KNOWN])] == ["no_match", "match"]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, "text/html", b"<html>sign in</html>"),
        Reply(200, "application/json", b'[{"hash_value": "'),
        Reply(200, "application/json", b""),
        Reply(400, "application/json", b"[]"),
        Reply(404, "text/html", b"<h1>Not Found</h1>"),
        Reply(202, "application/json", b"[]"),
    ],
    ids=lambda reply: f"{reply.status} {reply.body.decode()}",
)
def test_a_request_without_an_answer_leaves_the_other_requests_theirs(
    server: RunningTcap, service: TcapService, reply: Reply
) -> None:
    many = [digests_of(str(number).encode()) for number in range(24)]
    server.interject(lambda asked: reply if OTHER.sha256.encode() in asked.body else None)
    verdicts = service.lookup([KNOWN, *many, OTHER])
    assert [one.result for one in verdicts] == ["match", *["no_match"] * 24, "unknown"]


def test_a_redirect_is_not_followed(server: RunningTcap, service: TcapService) -> None:
    with tcap.run() as elsewhere:
        target = f"http://127.0.0.1:{elsewhere.port}/hash-verification/api/v2"
        server.interject(
            lambda asked: Reply(307, headers={"Location": target}) if asked.path.startswith("/hash-") else None
        )
        with pytest.raises(Unavailable, match="redirects"):
            service.lookup([KNOWN])
        assert elsewhere.asked == []


digest_sets = st.binary(min_size=1, max_size=4).map(digests_of)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["hash_value", "hash_type"]), inner),
)


@settings(deadline=None)
@given(json_values)
def test_no_other_json_is_an_answer(said: Any) -> None:
    with pytest.raises(ValueError, match=r"^the answer "):
        read_confidences(said, [("md5", KNOWN.md5)])


@settings(deadline=None)
@given(st.lists(digest_sets, min_size=1, unique_by=lambda one: one.sha256), st.randoms(), st.data())
def test_each_question_gets_its_own_answer_in_whatever_order(
    known: list[DigestSet], random: Any, data: st.DataObject
) -> None:
    confidences = {("sha256", one.sha256): data.draw(st.floats(0, 1)) for one in known}
    items = [
        {"hash_value": digest, "hash_type": "SHA256", "confidence": confidence, "more": 1}
        for (_, digest), confidence in confidences.items()
    ]
    random.shuffle(items)
    assert read_confidences(items, list(confidences)) == confidences


def test_health_is_the_canary_and_a_random_digest(server: RunningTcap, service: TcapService) -> None:
    health = service.health()
    assert (health.is_healthy, health.reason, health.list_version, health.entries) == (True, None, None, None)
    server.rewrite(lambda items: [item | {"confidence": 1} for item in items])
    assert "knows a random digest" in str(service.health().reason)
    server.rewrite(lambda items: [])
    assert "0 digests of 3 asked" in str(service.health().reason)
    server.rewrite(None)
    server.remove("sha256", KNOWN.sha256)
    assert "does not list the canary" in str(service.health().reason)
    server.interject(lambda _: Reply(403))
    server.forget_tokens()
    assert "refuses" in str(service.health().reason)


def test_the_canary_is_asked_by_its_own_algorithm(server: RunningTcap, service: TcapService) -> None:
    assert service.is_listed("sha256", KNOWN.sha256)
    assert service.is_listed("md5", KNOWN.md5.upper())
    assert not service.is_listed("md5", OTHER.md5)
    server.rewrite(lambda items: [])
    with pytest.raises(Unavailable, match="0 digests of 1"):
        service.is_listed("sha256", KNOWN.sha256)
    with pytest.raises(Unavailable, match="does not know sha1"):
        service.is_listed("sha1", KNOWN.sha1)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("canary=none", "needs a canary of sha256 or md5"),
        (f"canary=sha1:{KNOWN.sha1}", "needs a canary of sha256 or md5"),
        (f"canary={CANARY}&ideologies=islamist", "unknown option 'ideologies'"),
    ],
)
def test_what_it_cannot_do_with_is_refused(server: RunningTcap, options: str, complaint: str) -> None:
    with pytest.raises(UnknownService, match=complaint):
        open_service(f"tcap+http://127.0.0.1:{server.port}?{server.options}&{options}")


def test_it_wants_credentials_not_a_token(monkeypatch: pytest.MonkeyPatch, server: RunningTcap) -> None:
    with pytest.raises(UnknownService, match="wants a user name and a password"):
        open_service(f"tcap+https://tcap.example?canary={CANARY}")
    monkeypatch.setenv("TOKEN", "abc")
    with pytest.raises(UnknownService, match="makes the token itself"):
        open_service(server.url(canary=CANARY) + "&token=env:TOKEN")


def test_feedback_names_the_category_by_the_lists_own_number(server: RunningTcap, service: TcapService) -> None:
    service.give_feedback("sha256", KNOWN.sha256, "FALSE_POSITIVE")
    service.give_feedback("md5", KNOWN.md5, "INCLUSION")
    assert server.feedback == [
        {"hash_digest": KNOWN.sha256, "algorithm": "SHA256", "category": 1},
        {"hash_digest": KNOWN.md5, "algorithm": "MD5", "category": 2},
    ]


def test_feedback_that_is_not_taken_is_said(server: RunningTcap, service: TcapService) -> None:
    with pytest.raises(Unavailable, match="has no feedback category NONSENSE"):
        service.give_feedback("sha256", KNOWN.sha256, "NONSENSE")
    server.interject(lambda asked: Reply(400) if asked.path == "/hash-list/v2/feedback" else None)
    with pytest.raises(Unavailable, match=r"does not take the feedback .status 400."):
        service.give_feedback("sha256", KNOWN.sha256, "INCLUSION")
    assert server.feedback == []


def test_secrets_and_digests_are_in_no_repr(service: TcapService) -> None:
    service.lookup([KNOWN])
    said = repr(service) + service.name
    assert PASSWORD not in said
    assert KNOWN.sha256 not in said
