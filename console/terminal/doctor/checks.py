"""The result of one check, as the doctor prints it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """The result of one check, a line of the doctor: `state` is ok, warn or fail."""

    subject: str
    state: str
    finding: str
