"""The parts that every page needs, made once when the console starts."""

from __future__ import annotations

from dataclasses import dataclass

from orbweaver.console.web.accounts.throttling import Throttle
from orbweaver.console.web.counted_cases import CountedCases
from orbweaver.console.web.rendering import Templates
from orbweaver.settings import Settings
from orbweaver.store.connection import Store


@dataclass(frozen=True)
class Console:
    """The parts that every page reads or writes; `is_encrypted` says whether browsers reach them by https."""

    store: Store
    settings: Settings
    templates: Templates
    throttle: Throttle
    counted_cases: CountedCases
    is_encrypted: bool
