"""`orbweaver doctor`: checks kernel, store, matching services and settings, one line each."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator

from orbweaver.console.terminal.doctor.checks import Check
from orbweaver.console.terminal.doctor.machine import disk_check, kernel_checks, reader_check
from orbweaver.console.terminal.doctor.services import (
    delivery_checks,
    egress_checks,
    hosting_checks,
    service_checks,
    sink_checks,
)
from orbweaver.console.terminal.doctor.stored import KnownInStore, store_checks
from orbweaver.queue.fleet import capacity
from orbweaver.settings import Settings


def examine(settings: Settings) -> Iterator[Check]:
    """Yield a check for everything on which a promise rests."""
    yield Check("python", "ok", f"{platform.python_version()} at {sys.executable}")
    yield reader_check()
    yield from kernel_checks(settings)
    in_store = KnownInStore()
    yield disk_check(settings.state_dir)
    yield from store_checks(settings, in_store)
    yield from delivery_checks(in_store.deliveries)
    yield from service_checks(settings, in_store)
    yield from egress_checks(settings)
    yield from sink_checks(settings)
    yield from hosting_checks(settings)
    at_once = capacity.of_this_machine(settings)
    yield Check("recrawls", "ok", f"{at_once.recrawls_at_once} at once on this machine ({at_once.because})")
