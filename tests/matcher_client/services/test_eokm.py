"""EOKM's HashCheckService: `true` and `false` are answers, and nothing else is."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

import pytest
from builders import digests_of
from hypothesis import given, settings
from hypothesis import strategies as st
from orbweaver.matcher_client.errors import Unavailable, UnknownService
from orbweaver.matcher_client.open_service import open_service
from orbweaver.matcher_client.services.eokm import EokmService
from orbweaver.model import Verdict
from stand_ins import eokm
from stand_ins.answering import Reply
from stand_ins.eokm import PASSWORD, USERNAME, RunningEokm

KNOWN = digests_of(b"known")
OTHER = digests_of(b"other")


@pytest.fixture
def server() -> Iterator[RunningEokm]:
    with eokm.run() as running:
        running.add("sha1", KNOWN.sha1)
        running.add("md5", KNOWN.md5)
        yield running


@pytest.fixture
def service(server: RunningEokm) -> Iterator[EokmService]:
    opened = open_service(server.url(canary=f"sha1:{KNOWN.sha1}"))
    assert isinstance(opened, EokmService)
    yield opened
    opened.close()


def only(verdicts: list[Verdict]) -> Verdict:
    (verdict,) = verdicts
    return verdict


def test_a_file_known_by_both_digests_is_a_strong_match(service: EokmService) -> None:
    verdict = only(service.lookup([KNOWN]))
    assert (verdict.result, verdict.strength, verdict.held_because) == ("match", "strong", ())
    (listing,) = verdict.listings
    assert (listing.list, listing.algorithms, listing.nature) == ("EOKM", ("sha1", "md5"), "abuse")
    assert (listing.entry_id, listing.category, listing.list_version, verdict.sources[0].list_version) == (None,) * 4
    assert verdict.asked_at is not None


@pytest.mark.parametrize("algorithm", ["sha1", "md5"])
def test_a_file_known_by_one_digest_is_a_weak_match_and_held(
    server: RunningEokm, service: EokmService, algorithm: str
) -> None:
    server.remove("md5" if algorithm == "sha1" else "sha1", KNOWN.md5 if algorithm == "sha1" else KNOWN.sha1)
    verdict = only(service.lookup([KNOWN]))
    assert (verdict.result, verdict.strength, verdict.held_because) == ("match", "weak", ("weak",))


def test_a_file_that_both_are_false_for_is_no_match(service: EokmService) -> None:
    assert only(service.lookup([OTHER])).result == "no_match"


def test_each_digest_is_the_bare_body_of_one_post_with_the_credentials(
    server: RunningEokm, service: EokmService
) -> None:
    service.lookup([KNOWN, OTHER, KNOWN])
    said = {(one.method, one.path, one.body.decode()) for one in server.asked}
    assert said == {
        ("POST", "/v1/check/sha1", KNOWN.sha1),
        ("POST", "/v1/check/md5", KNOWN.md5),
        ("POST", "/v1/check/sha1", OTHER.sha1),
        ("POST", "/v1/check/md5", OTHER.md5),
    }
    assert len(server.asked) == 4, "equal digests are asked once"
    assert server.asked[0].path == "/v1/check/sha1", "the strongest first"
    expected = "Basic " + base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
    assert {one.headers["authorization"] for one in server.asked} == {expected}


def test_verdicts_come_in_the_order_asked(server: RunningEokm, service: EokmService) -> None:
    bodies = [str(number).encode() for number in range(60)]
    for body in bodies[::3]:
        server.add("sha1", hashlib.sha1(body).hexdigest())
    results = [verdict.result for verdict in service.lookup([digests_of(body) for body in bodies])]
    assert results == ["match" if number % 3 == 0 else "no_match" for number in range(60)]


def test_nothing_asked_is_nothing_answered(server: RunningEokm, service: EokmService) -> None:
    assert service.lookup([]) == []
    assert server.asked == []


ODD = [
    Reply(body=b"true\n"),
    Reply(body=b" true"),
    Reply(body=b'"true"'),
    Reply(body=b"True"),
    Reply(body=b"TRUE"),
    Reply(body=b"1"),
    Reply(body=b"truefalse"),
    Reply(body=b"\xef\xbb\xbftrue"),
    Reply(body=b"false\n"),
    Reply(body=b"False"),
    Reply(body=b"0"),
    Reply(body=b"no"),
    Reply(body=b""),
    Reply(body=b"<html><title>false</title></html>", content_type="text/html"),
    Reply(body=b"false", content_type="application/json"),
    Reply(body=b"false", content_type=None),
    Reply(status=201, body=b"false"),
    Reply(status=204),
    Reply(status=400, body=b"false"),
    Reply(status=404, body=b"false"),
    Reply(status=418, body=b"true"),
]


@pytest.mark.parametrize("reply", ODD, ids=lambda reply: f"{reply.status}-{reply.content_type}-{reply.body!r}")
@pytest.mark.parametrize("algorithm", ["sha1", "md5"])
def test_anything_but_true_or_false_is_unknown_for_that_file_alone(
    server: RunningEokm, service: EokmService, reply: Reply, algorithm: str
) -> None:
    server.interject(lambda asked: reply if asked.body.decode() == getattr(OTHER, algorithm) else None)
    other, known = service.lookup([OTHER, KNOWN])
    assert (other.result, known.result) == ("unknown", "match")
    assert other.reason
    assert OTHER.sha1 not in other.reason
    assert OTHER.md5 not in other.reason


@settings(deadline=None)
@given(st.binary(max_size=12).filter(lambda body: body not in {b"true", b"false"}))
def test_no_other_bytes_are_an_answer(body: bytes) -> None:
    with eokm.run() as server:
        server.interject(lambda _: Reply(body=body))
        service = open_service(server.url(canary="none"))
        assert only(service.lookup([KNOWN])).result == "unknown"
        service.close()


@pytest.mark.parametrize("algorithm", ["sha1", "md5"])
def test_a_match_that_cannot_be_confirmed_yet_is_held_until_it_can(
    server: RunningEokm, service: EokmService, algorithm: str
) -> None:
    server.interject(lambda asked: Reply(status=404) if asked.path.endswith(algorithm) else None)
    known, other = service.lookup([KNOWN, OTHER])
    assert (known.result, known.held_because, other.result) == ("match", ("weak",), "unknown")
    assert known.reason == other.reason == f"{service.name} answers with status 404"
    server.interject(None)
    whole = only(service.lookup([KNOWN]))
    assert (whole.strength, whole.reason) == ("strong", None)


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_one_question_and_a_mend(
    server: RunningEokm, service: EokmService, status: int
) -> None:
    server.interject(lambda _: Reply(status=status, body=b"false"))
    with pytest.raises(Unavailable, match=f"refuses the credentials .status {status}.: check its username= and pass"):
        service.lookup([digests_of(str(number).encode()) for number in range(50)])
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=302, headers={"Location": "http://127.0.0.1:9/v1/check/md5"}),
        Reply(body=b"tru", claimed_length=4),
        Reply(body=b"false" + b" " * 9 * 2**20),
    ],
    ids=["redirect", "cut", "huge"],
)
def test_a_service_that_breaks_off_or_leads_elsewhere_cannot_answer(
    server: RunningEokm, service: EokmService, reply: Reply
) -> None:
    server.interject(lambda _: reply)
    with pytest.raises(Unavailable) as caught:
        service.lookup([KNOWN])
    assert KNOWN.sha1 not in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_a_service_of_errors_alone_is_given_up(server: RunningEokm, service: EokmService) -> None:
    server.interject(lambda _: Reply(status=404, body=b"Not Found"))
    with pytest.raises(Unavailable, match="status 404; 8 questions in a row had no answer"):
        service.lookup([digests_of(str(number).encode()) for number in range(500)])
    assert len(server.asked) < 500


def test_a_service_that_is_not_there_cannot_answer(server: RunningEokm) -> None:
    with eokm.run() as gone:
        url = gone.url(canary="none")
        service = open_service(url)
    with pytest.raises(Unavailable, match="cannot be asked"):
        service.lookup([KNOWN])
    assert not service.health().is_healthy


def test_the_canary_is_asked_by_its_own_algorithm(server: RunningEokm, service: EokmService) -> None:
    assert service.is_listed("sha1", KNOWN.sha1)
    assert not service.is_listed("md5", OTHER.md5)
    server.remove("sha1", KNOWN.sha1)
    assert not service.is_listed("sha1", KNOWN.sha1)


def test_a_canary_it_cannot_know_is_no_no(service: EokmService) -> None:
    with pytest.raises(Unavailable, match="does not know sha256: name a canary of sha1 or md5"):
        service.is_listed("sha256", KNOWN.sha256)


def test_health_is_a_random_digest_that_it_does_not_know(server: RunningEokm, service: EokmService) -> None:
    health = service.health()
    assert (health.is_healthy, health.reason, health.list_version, health.entries) == (True, None, None, None)
    server.interject(lambda _: Reply(body=b"true"))
    assert "knows a random digest" in str(service.health().reason)
    server.interject(lambda _: Reply(status=401))
    assert "refuses the credentials" in str(service.health().reason)
    server.interject(lambda _: Reply(body=b"maybe"))
    assert "neither true nor false" in str(service.health().reason)


def test_it_wants_credentials_and_knows_no_other_options(server: RunningEokm) -> None:
    with pytest.raises(UnknownService, match="wants a user name and a password"):
        open_service("eokm+https://eokm.example?canary=none")
    with pytest.raises(UnknownService, match="unknown option 'test'"):
        open_service(server.url(canary="none") + "&test=1")
    with pytest.raises(UnknownService, match="not https"):
        open_service("eokm+http://eokm.example?canary=none")


def test_secrets_and_digests_are_in_no_repr(service: EokmService) -> None:
    said = repr(service) + repr(vars(service)) + service.name
    assert PASSWORD not in said
    assert KNOWN.sha1 not in said
