"""An event is acknowledged once, over HTTP or by a person, however often it is said."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from builders import RUN, a_match, a_sighting, transaction, url_of
from orbweaver.matcher_client.errors import ServerRefused
from orbweaver.model import Actor, ActorKind, EventType, format_time
from orbweaver.queue.fleet.acknowledgement_server import AcknowledgementServer
from orbweaver.queue.matching import settlement
from orbweaver.queue.records import acknowledgements
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.changes import change_by_event
from orbweaver.takedown.cases.transitions import change_by_match
from orbweaver.takedown.delivery import outbox, progress
from orbweaver.takedown.errors import DeliveryUnknown
from redis import Redis

ENGINE = Actor(kind=ActorKind.PROGRAM, name="an engine")
TOKEN = "a token of some length"


@pytest.fixture
def events(store: Store) -> tuple[str, str, str]:
    """A case with an opening and a note; the ids of the case and of both events."""
    opened = change_by_match(a_sighting(), a_match(), None, case_store.stamp(store))
    noted = change_by_event(opened.after, EventType.NOTE, case_store.stamp(store), actor=ENGINE, reason="asked")
    with transaction(store) as pipe:
        settlement.write_changes(store, pipe, RUN, [opened, noted])
    assert opened.event is not None
    assert noted.event is not None
    return str(opened.after.case.case_id), str(opened.event.event_id), str(noted.event.event_id)


def kinds(store: Store, case_id: str) -> list[str]:
    ids = [one.decode() for one in store.lrange(keys.case_events(case_id), 0, -1)]
    return [json.loads(store.hget(keys.event(one), "json") or b"")["type"] for one in ids]


def test_an_acknowledgement_is_an_event_that_no_sink_gets(store: Store, events: tuple[str, str, str]) -> None:
    case_id, opened, _ = events
    waiting = outbox.event_ids(store)
    known = acknowledgements.acknowledge(store, opened, actor=ENGINE, reason="sent a notice")
    assert (known.case_id, known.is_new) == (case_id, True)
    assert kinds(store, case_id) == ["case.opened", "case.note", "case.acknowledged"]
    assert outbox.event_ids(store) == waiting
    [event_id] = store.lrange(keys.case_events(case_id), -1, -1)
    last = json.loads(store.hget(keys.event(event_id.decode()), "json") or b"")
    assert (last["actor"]["name"], last["reason"], last["case"]["state"]) == ("an engine", "sent a notice", "open")
    assert last["evidence"]["facts"] == {"event_id": opened, "sequence": "1"}
    again = acknowledgements.acknowledge(store, opened, actor=ENGINE)
    assert (again.is_new, again.acknowledged_at) == (False, known.acknowledged_at)
    assert progress.clocks_of(store, [case_id])[case_id].acknowledged_at == known.acknowledged_at
    assert len(kinds(store, case_id)) == 3


def test_only_what_the_engine_gets_is_acknowledged(store: Store, events: tuple[str, str, str]) -> None:
    for event_id in (events[2], "nothing", str(uuid4())):
        with pytest.raises(DeliveryUnknown):
            acknowledgements.acknowledge(store, event_id, actor=ENGINE)
    assert len(kinds(store, events[0])) == 2


def test_acknowledgements_at_once_are_one(store: Store, events: tuple[str, str, str]) -> None:
    together = threading.Barrier(4)
    found: list[bool] = []

    def acknowledge() -> None:
        with Redis.from_url(url_of(store)) as own:
            together.wait()
            found.append(acknowledgements.acknowledge(own, events[1], actor=ENGINE).is_new)

    threads = [threading.Thread(target=acknowledge) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [False, False, False, True]
    assert kinds(store, events[0]).count("case.acknowledged") == 1


def test_the_server_takes_acknowledgements_of_those_that_show_the_token(
    store: Store, events: tuple[str, str, str], tmp_path: Path
) -> None:
    case_id, opened, note = events
    command = [sys.executable, "-P", "-m", "orbweaver.cli", "deliveries", "serve", "--listen", "127.0.0.1:0"]
    environment = {**os.environ, "STORE_URL": url_of(store), "STATE_DIR": str(tmp_path), "T": TOKEN}
    with subprocess.Popen(
        [*command, "--token", "env:T"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline().rpartition(":")[2])

            def post(event_id: str, token: str = TOKEN, method: str = "POST") -> tuple[int, Any]:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
                path = f"/v1/events/{event_id}/ack"
                connection.request(method, path, headers={"Authorization": f"Bearer {token}"})
                answer = connection.getresponse()
                told = (answer.status, json.loads(answer.read()))
                connection.close()
                return told

            assert post(opened, token="another")[0] == 401
            assert kinds(store, case_id).count("case.acknowledged") == 0
            first, again = post(opened), post(opened)
            at = progress.clocks_of(store, [case_id])[case_id].acknowledged_at
            assert at is not None
            said = {"event_id": opened, "case_id": case_id, "acknowledged_at": format_time(at)}
            assert [first, again] == [(200, said | {"is_new": True}), (200, said | {"is_new": False})]
            assert [post(note)[0], post(str(uuid4()))[0], post("x")[0]] == [404, 404, 404]
            assert post(opened, method="GET")[0] == 405
        finally:
            server.send_signal(signal.SIGTERM)


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "nowhere", "127.0.0.1:99999"])
def test_a_server_that_others_could_reach_needs_a_token(store: Store, listen: str) -> None:
    with pytest.raises(ServerRefused):
        AcknowledgementServer(store, listen=listen, token=None, certificate=None, key=None)


def test_a_person_acknowledges_by_a_command(
    store: Store,
    events: tuple[str, str, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from orbweaver import cli
    from orbweaver.commands.plain_help import command_of

    monkeypatch.setenv("STORE_URL", url_of(store))
    monkeypatch.setenv("STATE_DIR", str(tmp_path))
    run: Callable[..., Any] = command_of(cli.app).main
    run(["deliveries", "acknowledge", events[1], "--as", "A. Analyst", "--json"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out)["is_new"] is True
    run(["deliveries", "acknowledge", events[1]], standalone_mode=False)
    assert "acknowledged before" in capsys.readouterr().out
