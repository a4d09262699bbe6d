"""The names of the metrics, what each says, and its labels. No label is the name of a host, a URL or a digest."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple


class MetricRow(NamedTuple):
    """One metric: without the ending that Prometheus gives a counter."""

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    says: str
    labels: tuple[str, ...] = ()


# In seconds; the last is infinity.
LAG_BOUNDS: Final = (
    0.0,
    300.0,
    900.0,
    3600.0,
    4 * 3600.0,
    12 * 3600.0,
    86_400.0,
    3 * 86_400.0,
    7 * 86_400.0,
    float("inf"),
)
METRICS: Final[tuple[MetricRow, ...]] = (
    MetricRow("orbweaver_build_info", "gauge", "1; the release that serves the console.", ("release",)),
    MetricRow("orbweaver_store_up", "gauge", "1 while the store answers; 0: nothing else is known."),
    MetricRow("orbweaver_store_memory_bytes", "gauge", "Memory that the store uses."),
    MetricRow("orbweaver_store_memory_most_bytes", "gauge", "Memory that it may use; 0: no limit."),
    MetricRow(
        "orbweaver_hosts", "gauge", "Hosts that wait for their time, are ready, leased, or never due.", ("state",)
    ),
    MetricRow(
        "orbweaver_deadline_lag_seconds",
        "histogram",
        "Of hosts that wait for a worker, how long past their deadline: due time and interval.",
    ),
    MetricRow("orbweaver_longest_lease_seconds", "gauge", "For how long the host that was claimed first is under way."),
    MetricRow("orbweaver_budget_left_ratio", "gauge", "What may be spent now, as a share of the budget of a day."),
    MetricRow("orbweaver_visits", "counter", "Visits that ended today (UTC).", ("outcome",)),
    MetricRow("orbweaver_requests", "counter", "Requests of visits that ended today (UTC)."),
    MetricRow("orbweaver_bytes_hashed", "counter", "Bytes that visits that ended today (UTC) read and hashed."),
    MetricRow("orbweaver_new_cases", "counter", "Cases that visits that ended today (UTC) were the first to find."),
    MetricRow("orbweaver_recrawls_under_way", "gauge", "Recrawls that workers have."),
    MetricRow("orbweaver_recrawl_places", "gauge", "Recrawls that the workers have under way at most."),
    MetricRow("orbweaver_containment_layer", "gauge", "1 while it is in force on each recrawl under way.", ("name",)),
    MetricRow("orbweaver_workers", "gauge", "Registered workers.", ("queue", "state")),
    MetricRow("orbweaver_jobs", "gauge", "Jobs in the store; failed ones are parked.", ("queue", "state")),
    MetricRow("orbweaver_scheduler_silent_seconds", "gauge", "Since a scheduler last looked at the hosts."),
    MetricRow("orbweaver_batches_waiting", "gauge", "Batches of files that wait for a matching service."),
    MetricRow("orbweaver_matching_service_up", "gauge", "1 while its answers count.", ("service",)),
    MetricRow(
        "orbweaver_matching_service_unhealthy_seconds", "gauge", "Since it is unhealthy; 0: it is not.", ("service",)
    ),
    MetricRow("orbweaver_matching_service_entries", "gauge", "Entries of its lists.", ("service",)),
    MetricRow("orbweaver_list_age_seconds", "gauge", "Since its list was built.", ("service",)),
    MetricRow("orbweaver_cases", "gauge", "Cases by state.", ("state",)),
    MetricRow("orbweaver_matches", "counter", "Cases by the list, or service, that they rest on.", ("source",)),
    MetricRow("orbweaver_sink_up", "gauge", "1 while the sink takes events.", ("sink",)),
    MetricRow("orbweaver_sink_failing_seconds", "gauge", "Since it takes none; 0: it does.", ("sink",)),
    MetricRow("orbweaver_events_waiting", "gauge", "Events that the sink still gets.", ("sink",)),
    MetricRow("orbweaver_events_parked", "gauge", "Events that are tried no more until a person says so.", ("sink",)),
)
