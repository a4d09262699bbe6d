"""The console tells watchers from outside: metrics of the store, names that exist, and probes that say one word."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta

import pytest
import requests
from api_site import PATIENCE, a_program, add_case
from builders import RUN, an_order
from console_site import serving
from import_graph import ROOT
from orbweaver import settings
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.monitoring.collecting import StoreCollector
from orbweaver.console.web.monitoring.metric_table import METRICS
from orbweaver.matcher_client.gate import service_health
from orbweaver.matcher_client.gate.service_health import ServiceHealth
from orbweaver.model import now
from orbweaver.queue.hosts import changes, counting, due
from orbweaver.queue.records import recrawls
from orbweaver.store import keys
from orbweaver.store.connection import Store
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

FOLDER = ROOT / "docs" / "monitoring"
PAGE = ROOT / "docs" / "monitoring.md"


@pytest.fixture(scope="module")
def url(_server: Store) -> Iterator[str]:
    with serving(_server) as url:
        yield url


def value(registry: CollectorRegistry, sample: str, /, **labels: str) -> float | None:
    return registry.get_sample_value(sample, labels)


@pytest.fixture
def registry(store: Store) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(StoreCollector(store, settings.load()))
    return registry


def names_in(text: str) -> set[str]:
    return set(re.findall(r"orbweaver_[a-z_]+", text))


def exposed() -> set[str]:
    ending = {"counter": "_total", "histogram": "_bucket", "gauge": ""}
    return {row.name + ending[row.kind] for row in METRICS}


def test_metrics_say_what_is_in_the_store(store: Store, registry: CollectorRegistry) -> None:
    plan = counting.plan_of(settings.load())
    changes.enter_all(store, plan, [an_order("a.test"), an_order("b.test")], is_now=False)
    [held] = due.claim(store, 1)
    recrawl_id = recrawls.create(store, RUN, an_order(held.name))
    day = due.server_time(store)
    store.hset(keys.visits_of_day(f"{day:%Y-%m-%d}"), mapping={"finished": 3, "bytes": 2048, "new_cases": 1})
    add_case(store, "http://a.test/1.jpg")
    add_case(store, "http://a.test/2.jpg", "md5", body=b"other")
    service_health.write(store, ServiceHealth(service="hashlist:a", checked_at=now(), entries=7, built_at=now()))
    away = ServiceHealth(service="hashlist:b", checked_at=now()).failed("away", now() - timedelta(hours=1))
    service_health.write(store, away)

    assert value(registry, "orbweaver_store_up") == 1
    assert [value(registry, "orbweaver_hosts", state=one) for one in ("ready", "leased", "waiting")] == [1, 1, 0]
    assert value(registry, "orbweaver_deadline_lag_seconds_bucket", le="+Inf") == 1
    assert value(registry, "orbweaver_visits_total", outcome="finished") == 3
    assert value(registry, "orbweaver_bytes_hashed_total") == 2048
    assert value(registry, "orbweaver_new_cases_total") == 1
    assert [value(registry, "orbweaver_cases", state=one) for one in ("open", "held", "closed")] == [1, 1, 0]
    assert value(registry, "orbweaver_matches_total", source="list") == 2
    assert [value(registry, "orbweaver_matching_service_up", service=f"hashlist:{one}") for one in "ab"] == [1, 0]
    assert (value(registry, "orbweaver_matching_service_unhealthy_seconds", service="hashlist:b") or 0) > 3500
    assert value(registry, "orbweaver_matching_service_entries", service="hashlist:a") == 7
    assert (value(registry, "orbweaver_longest_lease_seconds") or -1) >= 0
    assert value(registry, "orbweaver_containment_layer", name="seccomp") is None
    assert recrawl_id


def test_a_store_that_is_away_is_said_and_nothing_else() -> None:
    with Store(unix_socket_path="/nowhere/store.sock") as nowhere:
        collected = list(StoreCollector(nowhere, settings.load()).collect())
    told = {sample.name: sample.value for family in collected for sample in family.samples}
    assert told == {"orbweaver_store_up": 0.0, "orbweaver_build_info": 1.0}


def test_no_host_url_or_digest_is_a_label(store: Store, url: str) -> None:
    event = add_case(store, "http://hostile-name.test/a.jpg")
    changes.enter_all(store, counting.plan_of(settings.load()), [an_order("hostile-name.test")], is_now=True)
    with a_program(store, url, Right.SEE_FLEET) as program:
        answer = program.session.get(url + "/metrics", timeout=PATIENCE)
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert "hostile-name" not in answer.text
    assert event.case.sha256[:12] not in answer.text
    families = {one.name for one in text_string_to_metric_families(answer.text)}
    assert families == {row.name for row in METRICS}


def test_metrics_need_a_token_with_the_right_and_probes_need_none(store: Store, url: str) -> None:
    assert requests.get(url + "/metrics", timeout=PATIENCE).status_code == 401
    with a_program(store, url, Right.SEE_CASES) as program:
        refused = program.session.get(url + "/metrics", timeout=PATIENCE)
        assert (refused.status_code, refused.headers["Content-Type"]) == (403, "application/problem+json")
    for path, said in (("/healthz", "alive\n"), ("/readyz", "ready\n")):
        answer = requests.get(url + path, timeout=PATIENCE)
        assert (answer.status_code, answer.text, answer.headers["Cache-Control"]) == (200, said, "no-store")


def test_every_metric_that_an_alert_or_the_board_names_exists_and_all_are_explained() -> None:
    rules, board = (FOLDER / "alerts.yml").read_text(), (FOLDER / "board.json").read_text()
    alerts = re.findall(r"- alert: (\w+)\n", rules)
    for part in ("expr:", "severity:", "summary:", "action:"):
        assert rules.count(part) == len(alerts), part
    assert names_in(" ".join(re.findall(r"expr: (.+)", rules))) <= exposed()
    shown = names_in(" ".join(one["expr"] for panel in json.loads(board)["panels"] for one in panel["targets"]))
    assert shown == exposed()
    explained = re.findall(r"^\| `(orbweaver_[a-z_]+)` \|", PAGE.read_text(), flags=re.MULTILINE)
    assert sorted(explained) == sorted(row.name + ("_total" if row.kind == "counter" else "") for row in METRICS)
    said = set(re.findall(r"^\| `(Orbweaver[A-Za-z]+)` \|", PAGE.read_text(), flags=re.MULTILINE))
    assert said == set(alerts)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_finds_nothing_wrong(registry: CollectorRegistry, store: Store) -> None:
    add_case(store, "http://a.test/1.jpg")
    told = subprocess.run(["promtool", "check", "metrics"], input=generate_latest(registry), capture_output=True)
    assert (told.returncode, told.stderr) == (0, b""), told.stderr.decode()
    for command in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        ran = subprocess.run(["promtool", *command], cwd=FOLDER, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr
