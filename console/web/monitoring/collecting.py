"""Reads the store when Prometheus asks: nothing is counted in memory, so every console of a store says the same."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from typing import Any, Final

from orbweaver.console.web.monitoring.metric_table import LAG_BOUNDS, METRICS, MetricRow
from orbweaver.crawler.containment.sandbox import LAYERS
from orbweaver.matcher_client.gate import service_health
from orbweaver.model import CaseState, now
from orbweaver.queue.fleet.shown import job_list, under_way, worker_list
from orbweaver.queue.fleet.shown.worker_list import WorkerState
from orbweaver.queue.hosts import counting, day_totals, due, scheduler_sign, spending
from orbweaver.queue.hosts.shown import lags
from orbweaver.queue.records import batches, deliveries
from orbweaver.settings import Settings
from orbweaver.store import hash_fields, keys
from orbweaver.store.connection import Store
from orbweaver.store.errors import StoreError
from orbweaver.takedown.cases import case_entries, case_index
from orbweaver.takedown.delivery import standing
from orbweaver.takedown.delivery.standing import SinkWord
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

# The sandbox of so many recrawls is read, and so many lists are told apart.
MOST_RECRAWLS: Final = 500
MOST_LISTS: Final = 50
Values = Mapping[tuple[str, ...], float]


class StoreCollector(Collector):
    """The metrics of one store, as `METRICS` names them."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    def describe(self) -> Iterable[Metric]:
        """Yield each metric without a value, so that a registry asks for none when it is made."""
        return [_family(row, {}) for row in METRICS]

    def collect(self) -> Iterable[Metric]:
        """Read the store once and yield each metric; without a store, that it does not answer."""
        try:
            values = dict(self._read())
        except (RedisError, StoreError):
            values = {"orbweaver_store_up": {(): 0.0}}
        values["orbweaver_build_info"] = {(version("orbweaver"),): 1.0}
        return [_family(row, values.get(row.name, {})) for row in METRICS]

    def _read(self) -> Iterator[tuple[str, Values]]:
        memory = self._store.info("memory")
        yield "orbweaver_store_up", {(): 1.0}
        yield "orbweaver_store_memory_bytes", {(): float(memory["used_memory"])}
        yield "orbweaver_store_memory_most_bytes", {(): float(memory["maxmemory"])}
        yield from self._of_hosts()
        yield from self._of_visits()
        yield from self._of_fleet()
        yield from self._of_matching()
        yield from self._of_cases()
        yield from self._of_deliveries()

    def _of_hosts(self) -> Iterator[tuple[str, Values]]:
        at = due.server_time(self._store)
        yield "orbweaver_hosts", {(name,): count for name, count in due.counts(self._store)._asdict().items()}
        counts = lags.past_deadline(self._store, LAG_BOUNDS, at)
        yield "orbweaver_deadline_lag_seconds", {(str(b),): count for b, count in zip(LAG_BOUNDS, counts, strict=True)}
        longest = lags.longest_lease(self._store, at)
        yield "orbweaver_longest_lease_seconds", {(): 0.0 if longest is None else longest}
        budget = counting.plan_of(self._settings).policy.budget
        if budget:
            yield "orbweaver_budget_left_ratio", {(): spending.left(self._store, budget, at) / budget}
        sign = scheduler_sign.last(self._store)
        if sign is not None:
            yield "orbweaver_scheduler_silent_seconds", {(): max(0.0, (at - sign.at).total_seconds())}

    def _of_visits(self) -> Iterator[tuple[str, Values]]:
        totals = day_totals.read(self._store, due.server_time(self._store).date())
        yield "orbweaver_visits", {(outcome.value,): count for outcome, count in totals.visits.items()}
        yield "orbweaver_requests", {(): totals.requests}
        yield "orbweaver_bytes_hashed", {(): totals.bytes_read}
        yield "orbweaver_new_cases", {(): totals.new_cases}

    def _of_fleet(self) -> Iterator[tuple[str, Values]]:
        seen = under_way.look(self._store)
        yield "orbweaver_recrawls_under_way", {(): len(seen.recrawls)}
        yield "orbweaver_recrawl_places", {(): seen.places}
        yield "orbweaver_containment_layer", self._layers([one.recrawl_id for one in seen.recrawls[:MOST_RECRAWLS]])
        workers = Counter(
            (queue, one.state.value.replace(" ", "_"))
            for one in worker_list.workers(self._store, seen.at)
            for queue in one.queues
        )
        states = [one.value.replace(" ", "_") for one in WorkerState]
        yield (
            "orbweaver_workers",
            {(queue.value, one): workers[queue.value, one] for queue in seen.jobs for one in states},
        )
        yield (
            "orbweaver_jobs",
            {
                (queue.value, state.value): counts[state]
                for queue, counts in seen.jobs.items()
                for state in job_list.JobState
            },
        )

    def _layers(self, recrawl_ids: list[str]) -> Values:
        """Return for each layer whether it is on every recrawl that says; a recrawl that just begins does not yet."""
        rows = hash_fields.read(self._store, keys.recrawl(""), recrawl_ids, ("sandbox",))
        said = [json.loads(sandbox).get("layers", []) for [sandbox] in rows if sandbox is not None]
        return {(layer,): float(all(layer in layers for layers in said)) for layer in LAYERS} if said else {}

    def _of_matching(self) -> Iterator[tuple[str, Values]]:
        at, known = now(), service_health.read_all(self._store)
        yield "orbweaver_batches_waiting", {(): batches.waiting_count(self._store)}
        yield "orbweaver_matching_service_up", {(name,): float(one.is_healthy) for name, one in known.items()}
        since = {name: one.unhealthy_since for name, one in known.items()}
        yield (
            "orbweaver_matching_service_unhealthy_seconds",
            {(name,): 0.0 if when is None else (at - when).total_seconds() for name, when in since.items()},
        )
        entries: Values = {(name,): float(one.entries) for name, one in known.items() if one.entries is not None}
        yield "orbweaver_matching_service_entries", entries
        built = {name: one.built_at for name, one in known.items()}
        ages: Values = {(name,): (at - when).total_seconds() for name, when in built.items() if when is not None}
        yield "orbweaver_list_age_seconds", ages

    def _of_cases(self) -> Iterator[tuple[str, Values]]:
        lists = case_index.shelves_of_kind(self._store, "list", MOST_LISTS)
        shelves = {(state.value,): case_entries.state_shelf(state) for state in CaseState}
        with self._store.pipeline(transaction=False) as pipe:
            for shelf in (*shelves.values(), *lists):
                pipe.zcard(keys.case_shelf(shelf))
            counts = pipe.execute()
        yield "orbweaver_cases", dict(zip(shelves, counts, strict=False))
        yield "orbweaver_matches", dict(zip(((name,) for name in lists.values()), counts[len(shelves) :], strict=True))

    def _of_deliveries(self) -> Iterator[tuple[str, Values]]:
        at = now().timestamp()
        sinks = standing.sinks(self._store, deliveries.sinks_of(self._store))
        yield "orbweaver_sink_up", {(one.sink,): float(one.word is not SinkWord.DOWN) for one in sinks}
        failing: Values = {(one.sink,): 0.0 if one.since is None else max(0.0, at - one.since) for one in sinks}
        yield "orbweaver_sink_failing_seconds", failing
        yield "orbweaver_events_waiting", {(one.sink,): one.waiting for one in sinks}
        yield "orbweaver_events_parked", {(one.sink,): one.parked for one in sinks}


def _family(row: MetricRow, values: Values) -> Metric:
    if row.kind == "histogram":
        histogram = HistogramMetricFamily(row.name, row.says)
        if values:
            histogram.add_metric([], [(_bound(bound), count) for (bound,), count in values.items()], None)
        return histogram
    made: Any = CounterMetricFamily if row.kind == "counter" else GaugeMetricFamily
    family: Metric = made(row.name, row.says, labels=row.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)  # type: ignore[attr-defined]
    return family


def _bound(seconds: str) -> str:
    return "+Inf" if seconds == "inf" else seconds
