"""A verification run from its orders to its result: it enters its hosts, waits for exactly these, and reports.

Any number of verifications go on at once on a store. Where a service (`orbweaver run`) or another verification has
workers, these do its jobs; where nobody has, it brings workers of its own, and the others use them, too. When who had
the workers ends, another that is still under way brings its own and goes on.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from uuid import uuid4

from orbweaver import settings
from orbweaver.queue.errors import StoreBusy
from orbweaver.queue.intake.orders import Order
from orbweaver.queue.records.event_places import Places
from orbweaver.queue.runs import living, run_lock, service_client
from orbweaver.queue.runs.run_lock import VERIFY, Claim
from orbweaver.queue.runs.service_client import Host
from orbweaver.queue.runs.verification_run import OwnWorkers, VerificationRun
from orbweaver.queue.runs.verify_result import VerifyProgress, VerifyResult
from orbweaver.store.connection import Store

POLL_SECONDS = 0.05


def verify(
    store: Store,
    orders: Sequence[Order],
    *,
    recrawls_at_once: int,
    environment: Mapping[str, str],
    log_file: Path,
    on_progress: Callable[[VerifyProgress], None],
    stop: threading.Event,
    claim: Claim = VERIFY,
    places: Places | None = None,
) -> VerifyResult:
    """Recrawl every order and ask about everything found; returns when all is done or `stop` is set.

    Where nobody has workers the run brings its own: `environment` is theirs, and their settings are declared to be in
    force on this store. Such a run first asks about the files, and delivers the events, that earlier runs left; and
    when a list has changed, it also waits until all retained files are asked about again. `places` says where the
    events went when the run was prepared.

    Raises StoreBusy when other workers have other settings, or while a rematch is under way, and `claim` does not wait;
    WorkersTooOld while a worker of an earlier release is alive.
    """
    run_id = uuid4().hex
    own = settings.load(environment)
    workers = OwnWorkers(recrawls_at_once, environment, log_file)
    begun: VerificationRun | None = None
    with contextlib.ExitStack() as life:

        def begin() -> VerificationRun:
            # Others must see it before it relies on any settings.
            life.enter_context(living.sign_of_life(store, run_id, claim, stop))
            run = VerificationRun.begin(store, run_id, orders, on_progress, stop)
            life.callback(run.abandon)
            return run

        while begun is None or not (begun.is_over or stop.is_set()):
            host = service_client.host_of(store)
            if host is not None and not host.is_ready:  # it has not declared its settings yet
                if stop.wait(POLL_SECONDS) and begun is None:
                    raise StoreBusy(f"stopped while it waited for {host.said}: nothing was done")
            elif host is not None and _may_join(store, own, host, claim):
                begun = begun or begin()
                begun.follow(host)
            else:
                with contextlib.ExitStack() as held:
                    try:
                        lock = held.enter_context(run_lock.hold(store, run_id, claim, stop))
                    except StoreBusy:
                        is_refused = stop.is_set() or run_lock.is_held(store)
                        if begun is None and is_refused and service_client.host_of(store) in {None, host}:
                            raise
                        stop.wait(POLL_SECONDS)
                        continue  # another has workers since, or a rematch will soon have ended
                    if run_lock.service(store) is None:  # none came before it was held, and none can come now
                        begun = begun or begin()
                        begun.lead(workers, places, lock)
        return begun.result(own)


def _may_join(store: Store, own: settings.Settings, host: Host, claim: Claim) -> bool:
    """Whether a run may use the workers that are there; False when it waits for those of another verification to end.

    Raises StoreBusy when they have other settings and it does not wait.
    """
    try:
        service_client.require_same_settings(store, own, host.said, may_wait=not host.is_service)
    except StoreBusy:
        if host.is_service or claim.say_waiting is None:
            raise
        return False
    return True
