"""`orbweaver matcher serve`: who may ask, what is refused, how a list is replaced under it, and how it ends."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from orbweaver.matcher_client.errors import HashListDamaged, HashListUnreadable, ServerRefused
from orbweaver.matcher_client.lists.build import build
from orbweaver.matcher_client.open_service import open_service
from orbweaver.matcher_client.server.app import BODY_BYTES
from orbweaver.matcher_client.server.serving import BatchServer
from orbweaver.matcher_client.verdicts import MOST_LISTINGS
from orbweaver.model import DigestSet
from orbweaver_command import eventually
from stand_ins.own import TOKEN, RebuiltList, Serving, serving
from tls_host import make_certificate

RANDOM = random.Random("batch server")


def some_digests() -> DigestSet:
    return DigestSet(
        md5=RANDOM.randbytes(16).hex(), sha1=RANDOM.randbytes(20).hex(), sha256=RANDOM.randbytes(32).hex(), size=7
    )


KNOWN, STRANGE = some_digests(), some_digests()


def a_list(folder: Path) -> RebuiltList:
    made = RebuiltList(folder)
    made.add("sha256", KNOWN.sha256)
    return made


@pytest.fixture
def hash_list(tmp_path: Path) -> RebuiltList:
    """A list that the test may change."""
    return a_list(tmp_path)


@pytest.fixture
def server(hash_list: RebuiltList) -> Iterator[Serving]:
    with serving(hash_list.path) as running:
        yield running


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server that several tests ask, of a list that nobody changes."""
    with serving(a_list(tmp_path_factory.mktemp("open")).path) as running:
        yield running


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """The same, and it asks for a token."""
    hash_list = a_list(tmp_path_factory.mktemp("guarded"))
    with serving(hash_list.path, "--token", "env:T", environment={**os.environ, "T": TOKEN}) as running:
        yield running


def ask(
    server: Serving, body: bytes | object, *, path: str = "/v1/lookup", method: str = "POST", **headers: str
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.request(method, path, sent, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    said = json.loads(response.read())
    connection.close()
    return response.status, said


def question(*digest_sets: DigestSet) -> dict[str, object]:
    return {"digest_sets": [one.model_dump() for one in digest_sets]}


def finish(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end; only one that refuses to start has one."""
    command = [sys.executable, "-P", "-m", "orbweaver.cli", "matcher", "serve", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


# --- what it answers ---


def test_a_digest_with_very_many_entries_is_answered_with_some_of_each_kind(tmp_path: Path) -> None:
    rows = [f"{KNOWN.sha256},member-{number},active" for number in range(MOST_LISTINGS + 50)]
    rows[-1] = f"{KNOWN.sha256},the-last,disputed"
    (tmp_path / "list.csv").write_text("\n".join(["sha256,entry_id,status", *rows, f"{STRANGE.sha256},other,active"]))
    build([tmp_path / "list.csv"], tmp_path / "list.hashes")
    with serving(tmp_path / "list.hashes") as server:
        known, strange = ask(server, question(KNOWN, STRANGE))[1]["answers"]

    assert len(known["listings"]) == MOST_LISTINGS
    assert [one["entry_id"] for one in known["listings"] if one["status"] == "disputed"] == ["the-last"]
    assert len(strange["listings"]) == 1


def test_answers_repeat_the_digests_they_answer_in_order(open_server: Serving) -> None:
    status, said = ask(open_server, question(STRANGE, KNOWN))

    assert status == 200
    assert [one.pop("listings") != [] for one in said["answers"]] == [False, True]
    assert said["answers"] == [STRANGE.model_dump(), KNOWN.model_dump()]


def test_a_listing_says_all_that_the_list_says(tmp_path: Path) -> None:
    rows = [
        f"{KNOWN.sha256},{KNOWN.sha1},7,e-1,A1,NCMEC,,partner",
        f"{KNOWN.sha256},,,e-2,0,VICS,disputed,other",
        f"{KNOWN.sha256},,,e-3,99,VICS,odd,third",
    ]
    (tmp_path / "rows.csv").write_text("\n".join(["sha256,sha1,size,entry_id,category,scheme,status,list", *rows, ""]))
    version = build([tmp_path / "rows.csv"], tmp_path / "rows.hashes").list_version
    with serving(tmp_path / "rows.hashes") as server:
        _, said = ask(server, question(KNOWN))

    found = {one.pop("entry_id"): one for one in said["answers"][0]["listings"]}
    assert said["list_version"] == version
    assert found == {
        "e-1": {
            "list": "partner",
            "category": "A1",
            "scheme": "NCMEC",
            "nature": "abuse",
            "status": "active",
            "algorithms": ["sha256", "sha1"],
            "size": 7,
        },
        "e-2": {
            "list": "other",
            "category": "0",
            "scheme": "VICS",
            "nature": "benign",
            "status": "disputed",
            "algorithms": ["sha256"],
        },
        "e-3": {
            "list": "third",
            "category": "99",
            "scheme": "VICS",
            "nature": "unknown",
            "status": "disputed",
            "algorithms": ["sha256"],
        },
    }


def test_what_a_list_says_strangely_is_said_so_that_clients_take_it(tmp_path: Path) -> None:
    source = tmp_path / "list.csv"
    source.write_text(f"sha256,category,size\n{KNOWN.sha256},A\t\x1b1,{2**64 - 2}\n")
    build([source], tmp_path / "strange.hashes")
    with serving(tmp_path / "strange.hashes") as server:
        service = open_service(f"{server.url}?canary=none")
        (verdict,) = service.lookup([KNOWN])
        service.close()
    assert verdict.leading is not None
    assert (verdict.leading.category, verdict.leading.size) == (
        "A\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}1",
        2**63 - 1,
    )


def test_one_digest_of_a_set_is_enough_to_ask(open_server: Serving) -> None:
    _, said = ask(open_server, {"digest_sets": [{"sha256": KNOWN.sha256}, {"md5": KNOWN.md5}]})

    assert [len(one["listings"]) for one in said["answers"]] == [1, 0]


def test_lists_and_health_say_what_is_asked(server: Serving, hash_list: RebuiltList) -> None:
    state = {"list_version": hash_list.version, "entries": 2}
    (only,) = server.get("/v1/lists")["lists"]

    assert only.items() >= {**state, "name": "own.hashes"}.items()
    assert server.get("/v1/health").items() >= {**state, "is_healthy": True}.items()


# --- what it refuses ---


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "Invalid JSON"),
        (b"[]", "the question: "),
        (b"[" * 10_000, "Invalid JSON"),
        ({}, "digest_sets: Field required"),
        ({"digest_sets": [{}]}, "digest_sets.0: Value error, a digest set needs at least one of sha256, sha1, md5"),
        ({"digest_sets": [{"sha256": KNOWN.sha256.upper()}]}, "digest_sets.0.sha256: String should match"),
        ({"digest_sets": [{"sha256": KNOWN.md5}]}, "digest_sets.0.sha256: String should match"),
        ({"digest_sets": [{"sha256": KNOWN.sha256 + "\n"}]}, "digest_sets.0.sha256: String should match"),
        ({"digest_sets": [{"md5": KNOWN.md5, "size": -1}]}, "digest_sets.0.size"),
        ({"digest_sets": [{"md5": KNOWN.md5, KNOWN.sha256: 1}]}, "digest_sets.0: Extra inputs"),
        ({"digest_sets": [], KNOWN.sha256: 1}, "the question: Extra inputs"),
        ({"digest_sets": [{"md5": KNOWN.md5}] * 1_001}, "at most 1000"),
    ],
)
def test_a_question_that_cannot_be_read_is_refused_without_quoting_it(
    open_server: Serving, body: bytes | object, said: str
) -> None:
    status, refusal = ask(open_server, body)

    assert status == 422
    assert said in refusal["detail"]
    assert not any(digest in refusal["detail"] for digest in (KNOWN.md5, KNOWN.sha256, KNOWN.sha256.upper()))


def test_a_thousand_digest_sets_fit_and_none_too(open_server: Serving) -> None:
    assert len(ask(open_server, question(*[KNOWN] * 1_000))[1]["answers"]) == 1_000
    assert ask(open_server, question())[1]["answers"] == []


def test_a_body_over_the_limit_is_refused_before_it_is_whole(open_server: Serving) -> None:
    with socket.create_connection(("127.0.0.1", open_server.port), timeout=300) as connection:
        connection.sendall(b"POST /v1/lookup HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"%x\r\n%s\r\n" % (BODY_BYTES // 4, b" " * (BODY_BYTES // 4))
        connection.sendall(chunk * 4 + b"1\r\n \r\n")  # and then no end
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("path", ["/v1/lookup", "/v1/lists", "/v1/health"])
@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xff"]
)
def test_without_the_token_nothing_is_answered(guarded: Serving, path: str, header: str | None) -> None:
    method = "POST" if path == "/v1/lookup" else "GET"
    headers = {} if header is None else {"Authorization": header}

    status, said = ask(guarded, b"not even JSON", path=path, method=method, **headers)

    assert status == 401
    assert TOKEN not in str(said)


def test_with_the_token_it_is(guarded: Serving) -> None:
    assert ask(guarded, question(KNOWN), Authorization=f"Bearer {TOKEN}")[0] == 200


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"listen": "0.0.0.0:0"}, "is open to other machines: give --token"),
        ({"listen": "[::]:0"}, "is open to other machines"),
        ({"listen": "8765"}, "write HOST:PORT"),
        ({"listen": "127.0.0.1:99999"}, "write HOST:PORT"),
        ({"certificate": Path("/no/such.pem")}, "cannot be used: No such file"),
        ({"key": Path("/no/such.key")}, "--key is given without --certificate"),
    ],
)
def test_what_it_cannot_be_started_with_is_said(hash_list: RebuiltList, options: dict[str, Any], said: str) -> None:
    given: dict[str, Any] = {"listen": "127.0.0.1:0", "token": None, "certificate": None, "key": None}

    with pytest.raises(ServerRefused) as caught:
        BatchServer(hash_list.path, **(given | options))
    assert said in str(caught.value)


@pytest.mark.parametrize("size", [0, 100, -1])
def test_it_does_not_start_without_a_good_list(hash_list: RebuiltList, size: int) -> None:
    hash_list.path.write_bytes(hash_list.path.read_bytes()[:size])

    with pytest.raises((HashListDamaged, HashListUnreadable)):
        BatchServer(hash_list.path, listen="127.0.0.1:0", token=None, certificate=None, key=None)


def test_the_command_says_what_is_wrong_in_a_line_and_no_secret(hash_list: RebuiltList) -> None:
    ended = finish("--hashes", str(hash_list.path), "--token", "plain-secret")

    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "--token is given in plain text: give its place instead, env:NAME or file:/path" in ended.stderr
    assert "plain-secret" not in ended.stderr


def test_a_port_that_is_taken_is_said(open_server: Serving, hash_list: RebuiltList) -> None:
    ended = finish("--hashes", str(hash_list.path), "--listen", f"127.0.0.1:{open_server.port}")

    assert (ended.returncode, "in use" in ended.stderr) == (1, True)


# --- a list that changes under it ---


def test_a_rebuilt_list_is_answered_from_with_no_request_failed(server: Serving, hash_list: RebuiltList) -> None:
    url = f"http://127.0.0.1:{server.port}?canary=none"
    is_over = threading.Event()
    statuses: list[object] = []

    def keep_asking() -> None:
        service = open_service(url)
        while not is_over.is_set():
            try:
                statuses.append([verdict.result.value for verdict in service.lookup([KNOWN])])
            except Exception as error:
                statuses.append(error)
        service.close()

    asking = threading.Thread(target=keep_asking)
    asking.start()
    for _ in range(3):
        added = some_digests()
        hash_list.add("sha1", added.sha1)
        version = hash_list.version
        eventually(lambda version=version: server.get("/v1/health")["list_version"] == version)
        assert ask(server, question(added))[1]["answers"][0]["listings"] != []
    is_over.set()
    asking.join()

    assert statuses == [["match"]] * len(statuses) != []
    # Its retries would hide a refusal from the client, not from the log.
    assert " 503" not in server.log.read_text()


def test_a_new_list_is_found_when_nobody_asks(server: Serving, hash_list: RebuiltList) -> None:
    hash_list.add("sha256", STRANGE.sha256)
    eventually(lambda: f"list {hash_list.version}" in server.log.read_text())


@pytest.mark.parametrize("way", ["renamed", "in place"])
def test_a_damaged_new_list_is_answered_with_503_until_it_is_mended(
    server: Serving, hash_list: RebuiltList, way: str
) -> None:
    good = hash_list.path.read_bytes()
    damaged = bytearray(good)
    damaged[len(good) // 2] ^= 1
    if way == "renamed":
        (hash_list.path.parent / "new").write_bytes(damaged)
        (hash_list.path.parent / "new").rename(hash_list.path)
    else:
        hash_list.path.write_bytes(damaged)

    eventually(lambda: not server.get("/v1/health")["is_healthy"])
    eventually(lambda: "is not as it was built" in server.get("/v1/health")["reason"])
    assert ask(server, question(KNOWN))[0] == 503
    assert ask(server, b"", path="/v1/lists", method="GET")[0] == 503
    assert ask(server, b"", path="/v1/health", method="GET")[0] == 503

    hash_list.build()
    eventually(lambda: server.get("/v1/health")["is_healthy"])
    assert ask(server, question(KNOWN))[1]["answers"][0]["listings"] != []


def test_a_list_that_went_away_is_answered_with_503(server: Serving, hash_list: RebuiltList) -> None:
    hash_list.path.unlink()

    status, said = ask(server, question(STRANGE))

    assert status == 503
    assert "No such file" in said["detail"]


# --- how it runs and ends ---


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_when_told_to(server: Serving, number: signal.Signals) -> None:
    ask(server, question(KNOWN))
    server.process.send_signal(number)

    assert server.process.wait(300) == (0 if number is signal.SIGINT else -signal.SIGTERM)
    said = server.log.read_text()
    assert "Traceback" not in said
    assert "Finished server process" in said


def test_the_log_has_a_line_a_request_and_no_digest_nor_token(guarded: Serving) -> None:
    token = {"Authorization": f"Bearer {TOKEN}"}
    ask(guarded, question(KNOWN, STRANGE), **token)
    ask(guarded, question(KNOWN), path=f"/v1/lookup?sha256={KNOWN.sha256}&token={TOKEN}", **token)
    ask(guarded, b"", path=f"/v1/lookup/{KNOWN.sha256}", method="GET", **token)
    ask(guarded, {"digest_sets": [{KNOWN.sha256: 1}]}, **token)

    eventually(lambda: "POST /v1/lookup 422" in guarded.log.read_text())
    log = guarded.log.read_text()
    assert "POST /v1/lookup 200, 2 digest sets" in log
    assert "GET (another path) 404" in log
    assert KNOWN.sha256 not in log
    assert TOKEN not in log


def test_it_serves_tls_with_its_own_certificate(tmp_path: Path, hash_list: RebuiltList) -> None:
    authority = make_certificate(is_authority=True)
    (tmp_path / "roots.pem").write_bytes(authority.pem)
    mine = make_certificate("127.0.0.1", issuer=authority)
    mine.context(tmp_path)
    both = tmp_path / f"{mine.certificate.serial_number}.pem"
    with serving(hash_list.path, "--certificate", str(both)) as server:
        assert server.url.startswith("https://")
        service = open_service(f"{server.url}?canary=none&ca={tmp_path / 'roots.pem'}")
        assert [verdict.result for verdict in service.lookup([KNOWN, STRANGE])] == ["match", "no_match"]
        service.close()
