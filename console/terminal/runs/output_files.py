"""Writes the files of `--out DIR`: cases, events, URLs without a digest, and the summary."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

from orbweaver.console.errors import OutputNotWritten, OutputUnusable
from orbweaver.console.text import is_utf8
from orbweaver.queue.runs.verify_result import VerifyResult
from orbweaver.takedown.delivery.sinks.json_lines import EVENTS_FILE


def prepare(directory: Path) -> Path:
    """Make the directory, and try whether files can be made in it.

    Returns its absolute path. Raises OutputUnusable.
    """
    directory = directory.expanduser().absolute()
    if not is_utf8(str(directory)):
        raise OutputUnusable(
            f"output directory {directory} has a path that is not UTF-8: choose another with --out DIR"
        )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise OutputUnusable(
            f"output directory {directory} cannot be written ({error.strerror}): choose another with --out DIR"
        ) from error
    return directory


def begin_events(directory: Path) -> None:
    """Make an empty events file if there is none, so that a run without a case has one, too. Raises OSError."""
    _open_private(directory / EVENTS_FILE).close()


def write(directory: Path, result: VerifyResult, summary: dict[str, Any]) -> None:
    """Write cases.jsonl, skipped.jsonl and summary.json, each whole or not at all. Raises OutputNotWritten."""
    try:
        _replace(directory / "cases.jsonl", (case.model_dump_json() for case in result.cases))
        _replace(directory / "skipped.jsonl", (skip.model_dump_json() for skip in result.skips))
        _replace(directory / "summary.json", [json.dumps(summary, indent=2, ensure_ascii=False)])
    except OSError as error:
        raise OutputNotWritten(
            f"output directory {directory} cannot be written ({error.strerror}): free space or choose another; the "
            "cases are in the store, see orbweaver cases list"
        ) from error


def _replace(path: Path, lines: Iterable[str]) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with _open_private(unfinished) as file:
            for line in lines:
                file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _open_private(path: Path) -> TextIO:
    """Open for appending, for the user alone: the files hold exact URLs."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8")
