"""Every matching service keeps the same promises, in the same cases: `unknown` never becomes `no_match`.

A service is here when `tests/stand_ins/` has a module for it. Where a protocol has batches, MANGLINGS are functions
that make a false answer of what the JSON of a true one says: "another digest than asked", "fewer answers".
"""

from __future__ import annotations

import importlib
import logging
import random
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import fault_proxy
import pytest
from fault_proxy import Exchange, Fault, FaultProxy, says
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from orbweaver.matcher_client.errors import Unavailable
from orbweaver.matcher_client.open_service import open_service
from orbweaver.matcher_client.protocol import MatchingService
from orbweaver.matcher_client.transport import web_session
from orbweaver.model import DigestSet, Verdict
from stand_ins import Running, own
from tls_host import make_certificate

STAND_INS = Path(__file__).resolve().parent.parent / "stand_ins"
RANDOM = random.Random("contract")
CAN_BE_ASKED_ABOUT = ("own", "hashlist", "hma", "eokm", "tcap")


def _modules() -> dict[str, ModuleType]:
    there = [name for name in CAN_BE_ASKED_ABOUT if (STAND_INS / f"{name}.py").exists()]
    return {name: importlib.import_module(f"stand_ins.{name}") for name in there}


MODULES = _modules()
NETWORKED = [name for name in MODULES if name != "hashlist"]


def of_a_batch(change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Callable[[Any], Any]:
    """Change what is a list of items, the answers of TCAP; its token is none."""
    return lambda said: change(said) if isinstance(said, list) else said


MANGLINGS: dict[str, dict[str, Callable[[Any], Any]]] = {
    "own": own.MANGLINGS,
    "tcap": {
        "another digest than asked": of_a_batch(lambda said: [{**said[0], "hash_value": "0" * 64}, *said[1:]]),
        "fewer answers than questions": of_a_batch(lambda said: said[:-1]),
        "more answers than questions": of_a_batch(lambda said: [*said, said[-1]]),
        "no answers": of_a_batch(lambda said: []),
        "answers without their digests": of_a_batch(lambda said: [{"confidence": one["confidence"]} for one in said]),
        "answers that say nothing": of_a_batch(lambda said: [{**one, "confidence": None} for one in said]),
    },
}
MANGLED = [
    pytest.param(name, change, id=f"{name}: {said}")
    for name in MODULES
    for said, change in MANGLINGS.get(name, {}).items()
]


def some_digests() -> DigestSet:
    return DigestSet(
        md5=RANDOM.randbytes(16).hex(),
        sha1=RANDOM.randbytes(20).hex(),
        sha256=RANDOM.randbytes(32).hex(),
        size=RANDOM.randrange(1, 10**6),
    )


LISTED, ALSO_LISTED, UNLISTED, ALSO_UNLISTED, CANARY = (some_digests() for _ in range(5))
BATCH = (UNLISTED, LISTED, ALSO_UNLISTED, ALSO_LISTED)
IS_LISTED = dict(zip(BATCH, (False, True, False, True), strict=True))


@contextmanager
def prepared(name: str) -> Iterator[Running]:
    """The service with its canary and two of the batch's digest sets, by different digests where it can."""
    run: Callable[[], AbstractContextManager[Running]] = MODULES[name].run
    with run() as running:
        strongest, weakest = running.algorithms[0], running.algorithms[-1]
        for listed, algorithm in ((CANARY, strongest), (LISTED, strongest), (ALSO_LISTED, weakest)):
            running.add(algorithm, getattr(listed, algorithm))
        yield running


@pytest.fixture(scope="module", params=MODULES)
def running(request: pytest.FixtureRequest) -> Iterator[Running]:
    with prepared(request.param) as service:
        yield service


@pytest.fixture(scope="module", params=NETWORKED)
def networked(request: pytest.FixtureRequest) -> Iterator[tuple[Running, FaultProxy]]:
    """A service and the proxy in front of it."""
    with prepared(request.param) as service, FaultProxy(service.port) as proxy:
        yield service, proxy


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bounds are the same rules with smaller numbers; only what never ends meets the deadline of an answer."""
    monkeypatch.setattr(web_session, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(web_session, "LONGEST_PAUSE_SECONDS", 0)


@contextmanager
def faulty(proxy: FaultProxy, fault: Fault) -> Iterator[None]:
    """Have the proxy commit a fault; one that never ends is ended by a deadline that is short meanwhile."""
    proxy.fault = fault
    with pytest.MonkeyPatch.context() as patch:
        if fault in ENDLESS:
            patch.setattr(web_session, "ANSWER_SECONDS", 0.5)
        yield
    proxy.fault = None


@contextmanager
def asking(running: Running, *, port: int | None = None) -> Iterator[MatchingService]:
    canary = f"{running.algorithms[0]}:{getattr(CANARY, running.algorithms[0])}"
    service = open_service(running.url(canary=canary, port=port))
    try:
        yield service
    finally:
        service.close()


def results(service: MatchingService, digest_sets: Sequence[DigestSet]) -> list[str]:
    return [verdict.result.value for verdict in service.lookup(digest_sets)]


def ask_in_vain(service: MatchingService, digest_sets: Sequence[DigestSet] = BATCH) -> str:
    """Ask while something is wrong, and return what is said of it; no answer may be a wrong one."""
    try:
        verdicts = service.lookup(digest_sets)
    except Unavailable as error:
        return str(error)
    assert len(verdicts) == len(digest_sets)
    for digests, verdict in zip(digest_sets, verdicts, strict=True):
        require_no_lie(digests, verdict)
    return " ".join(verdict.reason for verdict in verdicts if verdict.reason)


def require_no_lie(digests: DigestSet, verdict: Verdict) -> None:
    assert verdict.result != ("no_match" if IS_LISTED[digests] else "match"), f"{verdict.result} is not true"


# --- answers ---


def test_a_listed_digest_is_a_match_and_an_unlisted_one_is_not(running: Running) -> None:
    with asking(running) as service:
        assert results(service, [LISTED]) == ["match"]
        assert results(service, [UNLISTED]) == ["no_match"]


def test_answers_come_in_the_order_of_the_questions(running: Running) -> None:
    with asking(running) as service:
        assert results(service, BATCH) == ["no_match", "match", "no_match", "match"]
        assert results(service, BATCH[::-1]) == ["match", "no_match", "match", "no_match"]


def test_equal_digest_sets_in_a_batch_are_all_answered(running: Running) -> None:
    with asking(running) as service:
        assert results(service, [LISTED, UNLISTED, LISTED, UNLISTED, LISTED]) == ["match", "no_match"] * 2 + ["match"]


def test_an_empty_batch_has_no_answers(running: Running) -> None:
    with asking(running) as service:
        assert results(service, []) == []


def test_a_batch_may_be_larger_than_what_is_asked_at_once(running: Running) -> None:
    size = running.most_at_once
    asked = [some_digests() for _ in range(size + 2)]
    asked[0], asked[size - 1], asked[size], asked[size + 1] = LISTED, ALSO_LISTED, LISTED, ALSO_LISTED
    with asking(running) as service:
        said = results(service, asked)
    assert [place for place, one in enumerate(said) if one == "match"] == [0, size - 1, size, size + 1]
    assert said.count("no_match") == size - 2


def test_a_match_says_who_was_asked_and_what_agreed(running: Running) -> None:
    with asking(running) as service:
        (verdict,) = service.lookup([LISTED])

        assert [source.service for source in verdict.sources] == [service.name]
        assert verdict.asked_at is not None
        assert verdict.leading is not None
        assert verdict.leading.service == service.name
        assert verdict.leading.algorithms[0] == running.algorithms[0]


def test_one_digest_can_be_asked_about(running: Running) -> None:
    algorithm = running.algorithms[0]
    with asking(running) as service:
        assert service.is_listed(algorithm, getattr(LISTED, algorithm))
        assert not service.is_listed(algorithm, getattr(UNLISTED, algorithm))


def test_what_is_added_and_removed_counts_at_the_next_question(running: Running) -> None:
    new, algorithm = some_digests(), running.algorithms[0]
    digest = getattr(new, algorithm)
    with asking(running) as service:
        assert results(service, [new]) == ["no_match"]
        running.add(algorithm, digest)
        assert results(service, [new]) == ["match"]
        running.remove(algorithm, digest)
        assert results(service, [new]) == ["no_match"]


def test_a_service_that_answers_is_healthy(running: Running) -> None:
    with asking(running) as service:
        health = service.health()
        assert (health.is_healthy, health.reason) == (True, None)
        assert health.entries != 0  # unless it is empty it says how many, or that it does not say


# --- faults ---


def half(body: bytes) -> bytes:
    return body[: len(body) // 2]


FAULTS: dict[str, Fault] = {
    "200 with HTML": says(200, b"<html><body>Welcome</body></html>", "text/html"),
    "200 with HTML that calls itself JSON": says(200, b"<html><body>Welcome</body></html>"),
    "half of the answer": fault_proxy.mangled(half),
    "an empty body": fault_proxy.mangled(lambda body: b""),
    "204": says(204),
    "null": says(200, b"null"),
    "a JSON list": says(200, b"[]"),
    "a JSON text": says(200, b'"no"'),
    "a JSON object of another shape": says(200, b'{"unexpected": [1]}'),
    "a JSON error with 200": says(200, b'{"message": "index not yet ready"}'),
    "401": says(401, b'{"detail": "no"}'),
    "403": says(403, b"<html>Forbidden</html>", "text/html"),
    "404 with HTML": says(404, b"<html>Not Found</html>", "text/html"),
    "422": says(422, b'[{"type": "missing"}]'),
    "429": says(429, b"slow down", "text/plain"),
    "429 with Retry-After": says(429, b"slow down", "text/plain", Retry_After="1"),
    "500": says(500, b'{"message": "The server encountered an internal error"}'),
    "502 with HTML": says(502, b"<html>Bad Gateway</html>", "text/html"),
    "503": says(503, b"INDEX-NOT-LOADED", "text/plain"),
    "the connection is cut in the body": fault_proxy.cut,
    "the connection is cut in a chunked body": fault_proxy.cut_chunked,
    "Content-Length too large": fault_proxy.length_too_large,
    "Content-Length too small": fault_proxy.length_too_small,
    "the connection is closed at once": fault_proxy.hang_up_at_once,
    "not HTTP": fault_proxy.not_http,
    "a slow drip of headers": fault_proxy.drip_headers,
    "a slow drip of a body": fault_proxy.drip_body,
    "a huge body": fault_proxy.huge,
    "a gzip bomb": fault_proxy.gzip_bomb,
    "not gzip": says(200, b"{}", Content_Encoding="gzip"),
}

ENDLESS = (fault_proxy.drip_headers, fault_proxy.drip_body)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_is_unknown_and_when_it_ends_there_are_answers_again(
    networked: tuple[Running, FaultProxy], fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    running, proxy = networked
    with asking(running, port=proxy.port) as service:
        with faulty(proxy, fault):
            said = ask_in_vain(service)
            health = service.health()

        require_nothing_told(running, said + (health.reason or "") + caplog.text)
        assert results(service, BATCH) == ["no_match", "match", "no_match", "match"]


QUOTING = b'{"is_healthy": false, "reason": "QUOTED", "detail": "QUOTED", "message": "QUOTED", "QUOTED": ["QUOTED"]}'


@pytest.mark.parametrize("status", [200, 302, 400, 401, 500, 503])
@pytest.mark.parametrize("content_type", ["application/json", "quoted/quoted"])
def test_no_word_of_a_failing_service_is_shown(
    networked: tuple[Running, FaultProxy], status: int, content_type: str
) -> None:
    """It may quote the question, the token or a part of them, in any disguise."""
    running, proxy = networked
    with asking(running, port=proxy.port) as service:
        proxy.fault = says(status, QUOTING, content_type, Location="http://quoted.example/", QUOTED="QUOTED")
        said = ask_in_vain(service) + str(service.health().reason)
        proxy.fault = None
    assert said
    assert "quoted" not in said.lower()


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_says_nothing_of_one_digest(networked: tuple[Running, FaultProxy], fault: Fault) -> None:
    running, proxy = networked
    algorithm = running.algorithms[0]
    with faulty(proxy, fault), asking(running, port=proxy.port) as service:
        for digests in (LISTED, UNLISTED):
            try:
                is_listed = service.is_listed(algorithm, getattr(digests, algorithm))
            except Unavailable as error:
                require_nothing_told(running, str(error))
            else:
                assert is_listed == IS_LISTED[digests]


ODDITIES = [fault_proxy.informs_first, fault_proxy.repeats_itself]


@pytest.mark.parametrize("oddity", ODDITIES, ids=lambda one: one.__name__)
def test_an_answer_belongs_to_its_question_whatever_else_is_sent(
    networked: tuple[Running, FaultProxy], oddity: Fault
) -> None:
    running, proxy = networked
    proxy.fault = oddity
    with asking(running, port=proxy.port) as service:
        assert results(service, BATCH * 5) == ["no_match", "match", "no_match", "match"] * 5
        assert service.health().is_healthy
    proxy.fault = None


@pytest.mark.parametrize(("networked", "change"), MANGLED, indirect=["networked"])
def test_an_answer_to_another_question_is_unknown(
    networked: tuple[Running, FaultProxy], change: Callable[[Any], Any]
) -> None:
    running, proxy = networked
    proxy.fault = fault_proxy.mangled_json(change)
    with asking(running, port=proxy.port) as service:
        said = ask_in_vain(service)
    proxy.fault = None

    require_nothing_told(running, said)
    assert said, "a false answer was believed"


def test_a_redirect_is_refused_and_the_other_host_gets_nothing(networked: tuple[Running, FaultProxy]) -> None:
    running, proxy = networked
    with FaultProxy(running.port) as other, asking(running, port=proxy.port) as service:
        for status in (301, 302, 307, 308):
            proxy.fault = redirect_to(f"http://localhost:{other.port}", status)
            require_nothing_told(running, ask_in_vain(service))
            assert not service.health().is_healthy
        proxy.fault = None
        assert results(service, [LISTED]) == ["match"]
        assert other.connections == 0


def redirect_to(place: str, status: int) -> Fault:
    """To the same path elsewhere, where the answer would be right."""
    return lambda exchange: says(status, Location=place + exchange.path)(exchange)


def test_a_service_that_is_gone_is_unavailable(networked: tuple[Running, FaultProxy]) -> None:
    running, _ = networked
    with FaultProxy() as gone:
        port = gone.port
    with asking(running, port=port) as service:
        assert "refused" in ask_in_vain(service)
        assert not service.health().is_healthy


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_interleaving_of_faults_makes_a_listed_digest_clean(
    networked: tuple[Running, FaultProxy], data: st.DataObject
) -> None:
    running, proxy = networked
    slow = {"a slow drip of headers", "a slow drip of a body", "a huge body", "a gzip bomb"}
    quick = [None, None, *(fault for name, fault in FAULTS.items() if name not in slow)]
    plan = data.draw(st.lists(st.sampled_from(range(len(quick))), min_size=1, max_size=12))

    def play(exchange: Exchange) -> None:
        fault = quick[plan.pop(0)] if plan else None
        (fault or fault_proxy.pass_on)(exchange)

    proxy.fault = play
    with asking(running, port=proxy.port) as service:
        for _ in range(3):
            ask_in_vain(service)
    proxy.fault = None


def require_nothing_told(running: Running, said: str) -> None:
    """No digest and no secret in an error text or a log line."""
    for digests in (*BATCH, CANARY):
        assert not any(digest in said.lower() for digest in (digests.md5, digests.sha1, digests.sha256))
    for option in running.options.split("&"):
        name, _, place = option.partition("=file:")
        if place and name in {"token", "username", "password"}:
            assert Path(place).read_text().strip() not in said


# --- TLS ---


@pytest.mark.parametrize("is_trusted", [True, False])
@pytest.mark.parametrize("named", ["127.0.0.1", "other.example"])
def test_only_a_certificate_that_verifies_is_asked(
    networked: tuple[Running, FaultProxy], tmp_path: Path, named: str, is_trusted: bool
) -> None:
    running, _ = networked
    authority = make_certificate(is_authority=True)
    (tmp_path / "roots.pem").write_bytes(authority.pem)
    context: ssl.SSLContext = make_certificate(named, issuer=authority).context(tmp_path)
    options = "&".join(filter(None, (running.options, f"ca={tmp_path / 'roots.pem'}" if is_trusted else "")))
    secured = replace(running, scheme=running.scheme.removesuffix("http") + "https", options=options)
    with FaultProxy(running.port, context=context) as front, asking(secured, port=front.port) as service:
        if is_trusted and named == "127.0.0.1":
            assert results(service, BATCH) == ["no_match", "match", "no_match", "match"]
        else:
            assert "does not verify" in ask_in_vain(service)
            assert "does not verify" in str(service.health().reason)
            assert front.requests == []
