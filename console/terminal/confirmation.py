"""Asks before many things are changed that a filter chose: it shows how many they are, and an example."""

from __future__ import annotations

import sys

from orbweaver.console.errors import NothingToDo
from orbweaver.console.text import count, safe


def require_yes(number: int, noun: str, done: str, example: str, *, is_yes: bool) -> None:
    """Say how many things would be changed, and ask whether to go on; raises NothingToDo for a no.

    With `is_yes` nobody is asked, nor when there is nothing to change. Without a terminal --yes is needed.
    """
    if not number or is_yes:
        return
    print(f"orbweaver: {count(number, noun)} would be {done}, e.g. {safe(example)}", file=sys.stderr)
    if sys.stdin.isatty():
        print("Go on? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() in {"y", "yes"}:
            return
    raise NothingToDo("nothing was changed: give --yes to change them")
