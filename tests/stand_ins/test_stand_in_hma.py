"""The stand-in says what HMA 1.1.7 was observed to say (HMA.md 2 to 4)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
import requests

from stand_ins import hma
from stand_ins.hma import BANK, HmaServer

MD5 = hashlib.md5(b"").hexdigest()
LISTED = f"signal_type=video_md5&signal={MD5}"


@pytest.fixture
def server() -> Iterator[HmaServer]:
    with hma.serving() as running:
        running.state.add("video_md5", MD5)
        yield running


def ask(server: HmaServer, target: str, method: str = "GET") -> requests.Response:
    return requests.request(method, f"{server.url}{target}", timeout=300)


@pytest.mark.parametrize(
    ("target", "status", "body"),
    [
        (f"m/lookup?{LISTED}", 200, {BANK: [{"bank_content_id": 4, "distance": "-"}]}),
        (
            f"m/lookup?signal_type=video_md5&signal=%20{MD5.upper()}%20",
            200,
            {BANK: [{"bank_content_id": 4, "distance": "-"}]},
        ),
        (
            f"m/lookup?{LISTED}&signal={'f' * 32}",
            200,
            {BANK: [{"bank_content_id": 4, "distance": "-"}]},
        ),  # the first counts
        (f"m/lookup?signal_type=video_md5&signal={'f' * 32}", 200, {}),
        (f"m/lookup?{LISTED}&banks=NONE", 200, {}),
        (f"m/lookup?{LISTED}&nonsense=1", 200, {BANK: [{"bank_content_id": 4, "distance": "-"}]}),
        (f"m/raw_lookup?{LISTED}", 200, {"matches": [4]}),
        (f"m/raw_lookup?{LISTED}&include_distance=true", 200, {"matches": [{"bank_content_id": 4, "distance": "-"}]}),
        ("m/lookup?signal_type=video_md5&signal=zz", 400, {"message": "invalid signal: 'zz' is not a valid MD5 hash"}),
        (f"m/lookup?signal_type=nope&signal={MD5}", 400, {"message": "No such SignalType 'nope'"}),
        ("m/lookup", 400, {"message": "Either url or both signal and signal_type are required"}),
        ("m/lookup?url=http://h.test/", 403, {"message": "Hashing is disabled, missing role"}),
        ("m/index/status?signal_type=nope", 400, {"message": "No such signal type 'nope'"}),
        ("m/index/status?signal_type=pdq", 200, {"pdq": {"built_to": -1, "present": False, "size": 0}}),
    ],
)
def test_an_answer_is_the_observed_one(server: HmaServer, target: str, status: int, body: object) -> None:
    answer = ask(server, target)
    assert (answer.status_code, answer.json()) == (status, body)


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "nowhere", 404),
        ("GET", "h/hash", 404),
        ("POST", "m/raw_lookup", 405),
        ("GET", f"m/lookup?{LISTED}&banks={'A' * 4_094}", 414),
    ],
)
def test_some_errors_are_pages(server: HmaServer, method: str, target: str, status: int) -> None:
    answer = ask(server, target, method)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")


@pytest.mark.parametrize("target", ["m/raw_lookup?signal_type=video_md5", f"m/raw_lookup?{LISTED}&include_distance=2"])
def test_some_errors_are_arrays(server: HmaServer, target: str) -> None:
    answer = ask(server, target)
    assert (answer.status_code, type(answer.json())) == (422, list)


def test_without_a_seed_a_bank_is_there_by_chance_whatever_is_said_of_bypassing(server: HmaServer) -> None:
    server.state.banks[BANK] = 0.5
    said = [ask(server, f"m/lookup?{LISTED}&bypass_coinflip=true").json() for _ in range(60)]
    assert {} in said
    assert said.count({}) < 60
    assert len({ask(server, f"m/lookup?{LISTED}&seed=1").text for _ in range(20)}) == 1


def test_raw_lookup_knows_nothing_of_what_was_disabled_or_deleted(server: HmaServer) -> None:
    server.state.contents[4].is_enabled = False
    assert (ask(server, f"m/lookup?{LISTED}").json(), ask(server, f"m/raw_lookup?{LISTED}").json()["matches"]) == (
        {},
        [4],
    )
    del server.state.contents[4]
    assert (ask(server, f"m/lookup?{LISTED}").json(), ask(server, f"m/raw_lookup?{LISTED}").json()["matches"]) == (
        {},
        [4],
    )


def test_a_stale_matcher_answers_and_an_empty_one_is_ready(server: HmaServer) -> None:
    server.state.is_stale = True
    assert (ask(server, "status").status_code, ask(server, f"m/lookup?{LISTED}").status_code) == (503, 200)
    server.state.is_stale = False
    server.state.empty()
    assert (ask(server, "status").text, ask(server, f"m/lookup?{LISTED}").json()) == ("I-AM-ALIVE", {})


def test_what_is_stored_is_shown_before_it_is_loaded(server: HmaServer) -> None:
    server.state.bank("video_md5", "f" * 32)
    server.state.build()
    assert ask(server, "m/index/status").json()["video_md5"]["size"] == 3
    assert ask(server, f"m/lookup?signal_type=video_md5&signal={'f' * 32}").json() == {}


def test_a_database_that_is_down_shows_in_lookups_alone(server: HmaServer) -> None:
    server.state.has_database = False
    assert (ask(server, "status").status_code, ask(server, f"m/lookup?{LISTED}").status_code) == (200, 500)
