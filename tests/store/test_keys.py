"""Every key in the store has its constructor in store.keys, or is RQ's."""

from __future__ import annotations

import inspect
import re
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from builders import (
    NOON,
    RUN,
    STAMP,
    a_match,
    a_sighting,
    add_batch,
    an_order,
    build_list,
    digests_of,
    transaction,
    work,
)
from import_graph import ROOT
from orbweaver import settings
from orbweaver.console.web.accounts import account_store, api_tokens, one_time_codes, sessions
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.accounts.throttling import Throttle
from orbweaver.console.web.api import idempotency
from orbweaver.console.web.api.token_guard import TokenGuard
from orbweaver.crawler.revisiting.known_responses import KnownPage
from orbweaver.matcher_client.gate.service_health import ServiceHealth
from orbweaver.matcher_client.gate.verdict_cache import VerdictCache
from orbweaver.model import (
    Actor,
    ActorKind,
    AssessmentDecision,
    CaseState,
    EventType,
    Outcome,
    Reported,
    Role,
    Skip,
    Tally,
    now,
)
from orbweaver.queue import queues
from orbweaver.queue.fleet.scheduler import Scheduler
from orbweaver.queue.hosts import counting, due, host_store, spending, undoing
from orbweaver.queue.hosts.due import NEVER, Setting
from orbweaver.queue.hosts.host_record import new_record
from orbweaver.queue.hosts.undoing import HostAct
from orbweaver.queue.intake.orders import RecheckPlan
from orbweaver.queue.matching import assessing, daily_rematch, rematch
from orbweaver.queue.matching.assessing import Decision
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import (
    batches,
    checkpoints,
    in_force,
    known_responses,
    paces,
    recheck_sightings,
    recrawls,
    runs,
)
from orbweaver.queue.records.checkpoints import Recorded
from orbweaver.queue.records.paces import Filled, Waited
from orbweaver.queue.removal import under_way
from orbweaver.queue.removal.under_way import RecheckUnderWay
from orbweaver.queue.runs import living, run_lock
from orbweaver.queue.schedule.census import LEAST_HOSTS_OF_GROUP
from orbweaver.queue.schedule.host_pace import HostPace, after_wait
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.assessments import assignment
from orbweaver.takedown.audit import audit_log
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.changes import CaseChange, CaseRecord, change_by_event
from orbweaver.takedown.delivery import claiming, lanes, outbox, progress, sink_states
from orbweaver.takedown.removal import returns
from orbweaver.takedown.retention import pseudonym_keys
from recorded_recrawls import note_reported, recorder
from starlette.requests import Request

CONSTRUCTORS = {
    name: function
    for name, function in inspect.getmembers(keys, inspect.isfunction)
    if function.__module__ == keys.__name__
}


def pattern_of(name: str) -> re.Pattern[str]:
    function = CONSTRUCTORS[name]
    made = function(*("@" for _ in inspect.signature(function).parameters))
    return re.compile(re.escape(made).replace("@", "[A-Za-z0-9./-]+"))


def test_a_whole_flow_leaves_only_keys_that_are_named(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip = Skip(url="http://h.test/x", outcome=Outcome.TIMEOUT, rule="r", reason="r", is_failure=True, at=NOON)
    runs.create(store, RUN)
    recrawl_id = recrawls.create(store, RUN, an_order())
    queues.enqueue_recrawl(store, "h.test", recrawl_id, 60)
    attempt = recrawls.begin(store, recrawl_id)
    record = recorder(store, recrawl_id, RUN, attempt)
    note_reported(store, recrawl_id, attempt, [Reported(url="http://h.test/")])
    record([a_sighting(b"unknown")], [skip], Tally(files=1))
    work(store, QueueName.MATCH)
    monkeypatch.setenv("MATCHER_URL", build_list(tmp_path / "list.hashes", [digests_of(b"known").sha256]))
    record([a_sighting()], [skip], Tally(files=2))
    work(store, QueueName.MATCH)
    add_batch(store, a_sighting(), a_sighting(b"other").model_copy(update={"seen_at": now()}))
    work(store, QueueName.MATCH)
    monkeypatch.setenv("MATCHER_URL", f"hashlist:{tmp_path}/missing")
    add_batch(store, a_sighting())
    work(store, QueueName.MATCH)
    with transaction(store) as pipe:
        batches.release(pipe)
        batches.settle(
            pipe, "waiting", batches.Batch(run_id=RUN, sightings=(a_sighting(),)), [a_sighting().sighting_id]
        )
    with transaction(store) as pipe:
        _, memory = known_responses.begin(store, an_order("h").scope, settings.load())
        page = KnownPage(digest="0" * 32, references="{}")
        memory.kept([], [page], is_untrue=False, is_whole=True)(pipe)
    in_force.declare(store, settings.load(), tuple(QueueName))
    daily_rematch.go_on_if_due(store)
    rematch.start_if_due(store, {"hashlist:test": "1"})
    health = ServiceHealth(service="s", checked_at=NOON, list_version="1")
    VerdictCache(store, timedelta(minutes=1)).write(health, [(digests_of(b"known"), a_match())])
    record = new_record(an_order("h"), NOON)
    for name in ("h", "ready", "waiting"):
        due_at = NEVER if name == "waiting" else NOON.timestamp()
        host_store.change(store, name, lambda _record, clock, at=due_at: (record, clock, at))
    due.note_recrawl(store, due.claim(store, 1)[0], recrawl_id, RUN)
    script = due.setting_script(store)
    due.set_due(store, script, "waiting", Setting(None, {}, visit="{}", totals={"finished": 1}), day="2026-03-01")
    for number in range(LEAST_HOSTS_OF_GROUP):
        store.hset(keys.host_clock(f"h{number}"), "v", "1")
    monkeypatch.setattr(counting, "group_of", lambda _name: "group")
    Scheduler(store, settings.load()).tick()
    spending.take(store, 10, 1, 1, NOON)
    undoing.change(store, settings.load(), HostAct.RESUME, ["h"], by="anna")
    pace = Waited(HostPace(), after_wait(HostPace(), NOON.timestamp(), 60))
    paces.ask(store, "worker", {"h": Filled(1, 1, 1)}, [], number=1, places=2, lasts=10, turn=10, waits={"h": pace})
    with transaction(store) as pipe:
        for write in (checkpoints.met("r", b"u"), checkpoints.kept("r", b"state", Recorded(), 1.0)):
            write(pipe)
    event_id = outbox.event_ids(store)[0]
    sink_states.note_sinks(store, ["s"], 1)
    with transaction(store) as pipe:
        lanes.note_failure(pipe, "s", event_id, lanes.Failing(1, 1, 1, "refused"), 1)
        progress.note_first_delivered(pipe, "c", "t")
        progress.note_acknowledged(pipe, "c", "t")
    assert claiming.claim(store, "s", 2) is not None
    sessions.begin(store, account_store.add(store, "anna", {Role.ANALYST}, "several words that nobody guesses"))
    one_time_codes.begin(store, "anna")
    token = api_tokens.add(store, "engine", "an engine", {Right.ACKNOWLEDGE}, now() + timedelta(days=1))
    shown = {"type": "http", "headers": [(b"authorization", f"Bearer {token}".encode())]}
    TokenGuard(store).admit(Request(shown), Right.ACKNOWLEDGE)
    [known] = api_tokens.all_tokens(store)
    idempotency.begin(store, idempotency.keyed(known, "1", target="POST /", content_type="", body=b""))
    Throttle(store).note_failure("anna", "192.0.2.1")
    [case] = case_store.all_cases(store)
    doubtful = case.model_copy(update={"state": CaseState.HELD})
    with transaction(store) as pipe:
        case_store.write(pipe, CaseChange(CaseRecord(doubtful, 1, was_opened=True), None))
    by_a_person = Actor(kind=ActorKind.PERSON, name="Anna")
    decision = Decision(AssessmentDecision.RELEASED, "it is", by_a_person)
    assessing.assess(store, str(case.case_id), decision, needs_two=False)
    assignment.take(store, case.sha256, by_a_person, now())
    under_way.note(store, RecheckUnderWay(host="h.test", recrawl_id=recrawl_id, run_id=RUN, case_ids=(), made_at=NOON))
    removed = CaseRecord(case.model_copy(update={"state": CaseState.REMOVED}), 1, was_opened=True)
    plan = RecheckPlan(host="h.test", cases={}, digests={a_sighting().url: (a_sighting().digests.sha256,)})
    with transaction(store) as pipe:
        recheck_sightings.keep(pipe, recrawl_id, plan, [a_sighting()])
        returns.follow(pipe, change_by_event(removed, EventType.REOPENED, STAMP, actor=by_a_person))
    pseudonym_keys.of_year(store, 2026)
    assert audit_log.seal(store) > 0
    store.set(keys.restoring(), "since now")  # as queue.runs.backups does while nothing else works
    stop = threading.Event()
    with (
        run_lock.hold(store, RUN, run_lock.VERIFY, stop),
        run_lock.hold(store, RUN, run_lock.SERVICE, stop, key=keys.service_lock()),
        living.sign_of_life(store, RUN, run_lock.VERIFY, stop),
    ):
        found = [key.decode() for key in store.keys("*")]
    patterns = {name: pattern_of(name) for name in CONSTRUCTORS}
    assert [key for key in found if not key.startswith("rq:") and not any(map_to(key, patterns))] == []
    assert {name for key in found for name in map_to(key, patterns)} == set(CONSTRUCTORS)


def map_to(key: str, patterns: dict[str, re.Pattern[str]]) -> list[str]:
    return [name for name, pattern in patterns.items() if pattern.fullmatch(key)]


def test_no_two_families_share_a_name_and_all_say_whose_they_are() -> None:
    names = {
        name: function(*("x" for _ in inspect.signature(function).parameters))
        for name, function in CONSTRUCTORS.items()
    }
    assert len(set(names.values())) == len(names)
    assert all(name.startswith("orbweaver:") for name in names.values())


def test_every_constructor_says_type_and_owner() -> None:
    for name, function in CONSTRUCTORS.items():
        said = inspect.getdoc(function) or ""
        kinds = "Hash|List|Set|Stream|String|Sorted set|Counter"
        form = rf"({kinds})\b.*owner ((console|matcher_client|queue|store|takedown)\.[\w.]+)\.$"
        owner = re.match(form, said, re.DOTALL)
        assert owner is not None, name
        assert ROOT.joinpath(*owner[2].split(".")).with_suffix(".py").is_file(), f"{name}: there is no {owner[2]}"
