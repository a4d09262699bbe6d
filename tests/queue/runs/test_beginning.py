"""A run whose workers could not open their sinks says so before it begins."""

from __future__ import annotations

import pytest
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import in_force
from orbweaver.queue.runs import beginning
from orbweaver.store.connection import Store
from orbweaver.takedown.errors import SinkRefused


def test_a_sink_of_an_earlier_run_whose_secret_is_not_set_is_said_before_anything_is_declared(store: Store) -> None:
    environment = {"TAKEDOWN_SINKS": "webhook+https://engine.example/"}

    with pytest.raises(SinkRefused, match="set SINK_SECRETS"):
        beginning.take_over(store, "run", environment, tuple(QueueName), None)

    assert in_force.sinks(store) == ()
