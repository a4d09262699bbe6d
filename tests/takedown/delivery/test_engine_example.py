"""The engine that `orbweaver engine example` prints, as a process of its own, ends with the true set of cases."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
import typer
from builders import STAMP, a_match, a_sighting
from example_engine import NEXT, OTHER, SECRET, ExampleEngine
from fault_proxy import Exchange, FaultProxy, says
from orbweaver.commands.fleet import engine as engine_commands
from orbweaver.model import CaseState, Event
from orbweaver.takedown.cases.changes import PROGRAM, CaseRecord, Stamp, change_by_event
from orbweaver.takedown.cases.lifecycle import TRANSITIONS
from orbweaver.takedown.cases.transitions import change_by_match
from orbweaver.takedown.delivery import engine_example
from orbweaver.takedown.delivery.sinks.event_json import as_json
from orbweaver.takedown.errors import NotDelivered, SinkAway
from orbweaver_command import eventually
from sink_events import an_event
from standardwebhooks.webhooks import Webhook

EVENT = an_event()
SOURCES = (STAMP.source, UUID("5d2f7f0e-94f3-4be2-8a6e-c5b9f1a2d3e4"))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[ExampleEngine]:
    started = ExampleEngine(tmp_path)
    try:
        yield started
    finally:
        started.kill()


def signed(body: bytes, *, secret: str = SECRET, at: datetime | None = None, event_id: str = "x") -> dict[str, str]:
    at = at or datetime.now(UTC)
    signature = Webhook(secret).sign(event_id, at, body.decode())
    return {"webhook-id": event_id, "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}


def a_life(name: str, source: UUID, draws: random.Random) -> tuple[CaseRecord, list[Event]]:
    """Draw what may happen to a case after it was opened: the case at the end, and the events that an engine gets."""
    change = change_by_match(a_sighting(name.encode()), a_match(), None, Stamp(source, STAMP.at))
    events = [change.event]
    for step in range(draws.randrange(8)):
        possible = sorted(kind for state, kind in TRANSITIONS if state is change.after.case.state)
        at = STAMP.at + timedelta(hours=step + 1)
        change = change_by_event(change.after, draws.choice(possible), Stamp(source, at), actor=PROGRAM)
        if change.is_for_engine:
            events.append(change.event)
    return change.after, [event for event in events if event is not None]


def test_in_any_order_with_repeats_and_a_crash_the_true_set_of_cases_stands(tmp_path: Path) -> None:
    draws = random.Random(13)
    lives = [a_life(f"file {number}", source, draws) for number in range(8) for source in SOURCES]
    truth = {str(life.case.case_id) for life, _ in lives if life.case.state is CaseState.OPEN}
    events = [event for _, of_one in lives for event in of_one]
    several = events + draws.sample(events, len(events) // 2)
    draws.shuffle(several)

    first = ExampleEngine(tmp_path)
    try:
        first.deliver(*several[: len(several) // 2])
    finally:
        first.kill()
    with pytest.raises(SinkAway):
        first.deliver(several[0])
    second = ExampleEngine(tmp_path)
    try:
        second.deliver(*several[len(several) // 3 :])
    finally:
        second.kill()

    assert 0 < len(truth) < 8
    assert set(second.rows("SELECT case_id FROM open_cases")) == truth
    assert sorted(second.rows("SELECT event_id FROM events")) == sorted(str(event.event_id) for event in events)


def test_what_is_not_signed_is_not_taken(engine: ExampleEngine) -> None:
    body = as_json(EVENT)
    tampered = body.replace(b"case.opened", b"case.closed")
    old = datetime.now(UTC) - timedelta(minutes=6)
    refused: list[tuple[bytes, dict[str, str]]] = [
        (body, {}),
        (tampered, signed(body)),
        (body, signed(body) | {"webhook-id": "another"}),
        (body, signed(body, secret=OTHER)),
        (body, signed(body, at=old)),
        (body, signed(body) | {"webhook-timestamp": "soon"}),
        (body, signed(body) | {"webhook-signature": "v1"}),
        (body, signed(body) | {"webhook-signature": "v1,%%%"}),
        (b"\xff", signed(b"{}")),
    ]
    assert [engine.post(*one) for one in refused] == [401] * len(refused)
    assert engine.post(b"x", {"Content-Length": "9" * 5_000}) == 413
    with pytest.raises(NotDelivered, match="401"):
        engine.deliver(EVENT, secrets=(OTHER,))
    assert engine.rows("SELECT event_id FROM events") == []


def test_either_of_two_secrets_is_good(engine: ExampleEngine) -> None:
    for secrets in [(SECRET,), (NEXT,), (NEXT, SECRET), (OTHER, SECRET)]:
        engine.deliver(EVENT, secrets=secrets)
    assert engine.rows("SELECT event_id FROM events") == [str(EVENT.event_id)]


def test_an_event_of_a_schema_that_it_does_not_know_stays_with_orbweaver(engine: ExampleEngine) -> None:
    with pytest.raises(SinkAway, match="503"):
        engine.deliver(EVENT.model_copy(update={"schema_version": "2.0"}))
    engine.deliver(EVENT.model_copy(update={"schema_version": "1.99"}))
    assert engine.rows("SELECT event_id FROM events") == [str(EVENT.event_id)]


def test_each_event_is_acknowledged_once_it_is_kept(tmp_path: Path) -> None:
    other, third = an_event(b"other"), an_event(b"third")
    refused: list[Exchange] = []

    def refuse(exchange: Exchange) -> None:
        says(503)(exchange)
        refused.append(exchange)

    with FaultProxy() as orbweaver:
        acks = f"http://127.0.0.1:{orbweaver.port}"
        engine = ExampleEngine(tmp_path, ENGINE_ACKS=acks, ENGINE_ACK_TOKEN="a token")
        try:
            orbweaver.fault = refuse
            engine.deliver(EVENT)
            eventually(lambda: refused)
            for event, fault in ((other, says(200)), (third, says(404)), (third, says(200))):
                orbweaver.fault = fault
                engine.deliver(event)
                eventually(lambda: not waiting(engine))
        finally:
            engine.kill()
    paths = [request.path for request in orbweaver.requests]
    assert paths == [f"/v1/events/{event.event_id}/ack" for event in (EVENT, EVENT, other, third)]
    assert {request.headers["Authorization"] for request in orbweaver.requests} == {"Bearer a token"}


def waiting(engine: ExampleEngine) -> list[str]:
    return engine.rows("SELECT event_id FROM events WHERE NOT is_acknowledged")


def test_the_command_prints_it_and_it_is_short(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-P", "-m", "orbweaver.cli", "engine", "example"], capture_output=True, text=True, cwd=tmp_path
    )
    assert (said.stdout, said.stderr) == (Path(engine_example.__file__).read_text(), "")
    code = [line for line in said.stdout.partition("\nimport ")[2].splitlines() if line.strip()]
    assert len(code) <= 82
    assert "orbweaver" not in "".join(line for line in code if "import" in line)


def test_what_it_cannot_run_with_is_said_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = [sys.executable, engine_example.__file__]
    for arguments, environment in (([], {"ENGINE_SECRETS": SECRET}), (["127.0.0.1:0", "e.sqlite"], {})):
        ran = subprocess.run([*program, *arguments], env=environment, capture_output=True, text=True, cwd=tmp_path)
        assert (ran.returncode, ran.stderr.count("\n"), "usage: ENGINE_SECRETS=" in ran.stderr) == (1, 1, True)
    monkeypatch.setenv("ENGINE_SECRETS", SECRET)
    for listen, database, said in (
        ("8080", "e.sqlite", "--listen HOST:PORT"),  # it would be open to every machine
        ("127.0.0.1:99999", "e.sqlite", "--listen HOST:PORT"),
        ("127.0.0.1:0", "no/e.sqlite", "--database .*no/e.sqlite"),
    ):
        with pytest.raises(typer.BadParameter, match=said):
            engine_commands.example(listen, tmp_path / database)
    monkeypatch.setenv("ENGINE_SECRETS", "whsec_a")
    with pytest.raises(typer.BadParameter, match="a secret is whsec_ and base64"):
        engine_commands.example("127.0.0.1:0", tmp_path / "e.sqlite")


def test_the_command_runs_it(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "orbweaver.cli", "engine", "example", "--listen", "127.0.0.1:0"]
    missing = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (missing.returncode, "set ENGINE_SECRETS" in missing.stderr) == (2, True)
    with subprocess.Popen(
        command,
        env={"ENGINE_SECRETS": SECRET},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("listening on http://127.0.0.1:")
        process.terminate()
    assert (tmp_path / "engine.sqlite").exists()
