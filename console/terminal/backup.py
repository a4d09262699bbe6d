"""`orbweaver backup` and `orbweaver restore`: what they say."""

from __future__ import annotations

import sys
from pathlib import Path

import orbweaver
from orbweaver.console.terminal.termination import unwound_when_terminated
from orbweaver.console.text import count, size
from orbweaver.model import format_time, now
from orbweaver.queue.runs import backups
from orbweaver.settings import Settings
from orbweaver.store.backup_file import Manifest


def back_up(settings: Settings, path: Path, *, is_forced: bool, is_json: bool) -> None:
    """Write a backup and say what is in it. Raises StoreError, OSError."""
    with unwound_when_terminated():
        made = backups.back_up(settings, path, version=orbweaver.__version__, at=now(), is_forced=is_forced)
    _say(made, f"{path}: {_numbers(made)}, {size(made.bytes)}", is_json=is_json)


def restore(settings: Settings, path: Path, *, is_replacing: bool, is_json: bool) -> None:
    """Restore a backup and say what is there. Raises StoreError, StoreBusy, OSError."""
    with unwound_when_terminated():
        made = backups.restore(settings, path, at=now(), is_replacing=is_replacing)
    said = f"restored: {_numbers(made)}, as they were at {format_time(made.made_at)}"
    _say(made, said, is_json=is_json)


def _numbers(made: Manifest) -> str:
    waiting = f"{count(made.undelivered, 'event')} to deliver"
    return f"{count(made.cases, 'case')}, {count(made.events, 'event')}, {waiting}"


def _say(made: Manifest, words: str, *, is_json: bool) -> None:
    sys.stdout.write(f"{made.model_dump_json() if is_json else words}\n")
