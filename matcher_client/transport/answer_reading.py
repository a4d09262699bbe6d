"""Reads the answers of all matching services: JSON that has one meaning only, and fields within bounds.

A document that two programs may read in two ways is no answer: an object with a name twice (RFC 8259, section 4: which
value counts is unpredictable), half a surrogate pair, a number beyond 64 bits, bytes that are not UTF-8.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from orbweaver.model import Moment
from pydantic import AfterValidator, Field
from pydantic_core import from_json

# As in hash lists (lists.row.TEXT_BYTES).
TEXT_CHARACTERS = 1_000
MOST_COUNT = 2**63 - 1
# No list is older or newer; a time outside may overflow when something is added to it.
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def parse_json(document: bytes) -> Any:
    """Return the value of a JSON document; raises ValueError, whose message quotes nothing of the document."""
    try:
        # Bounds the depth: at the end of Python's own stack, whatever the garbage collector closes fails too.
        from_json(document, allow_inf_nan=False)
        return json.loads(
            document.decode(), object_pairs_hook=_read_object, parse_float=_read_float, parse_int=_read_int
        )
    except ValueError:
        raise ValueError("it is not JSON, or JSON that can be read in two ways") from None


def is_text(value: str) -> bool:
    """Whether a text is as short as a list's may be, and has no control characters."""
    return len(value) <= TEXT_CHARACTERS and not any(map(_is_control, value))


def without_controls(text: str | None) -> str | None:
    """Return a list's text with its control characters replaced, so that `is_text` accepts them."""
    return text and "".join("\N{REPLACEMENT CHARACTER}" if _is_control(letter) else letter for letter in text)


def is_sane_time(moment: datetime) -> bool:
    """Whether a list can be of that time."""
    return EARLIEST <= moment < LATEST


def _require_text(value: str) -> str:
    if not is_text(value):
        raise ValueError("a text is too long, or has control characters")
    return value


def _require_sane_time(moment: datetime) -> datetime:
    if not is_sane_time(moment):
        raise ValueError("no list has such a time")
    return moment


Text = Annotated[str, Field(max_length=TEXT_CHARACTERS), AfterValidator(_require_text)]
Count = Annotated[int, Field(ge=0, le=MOST_COUNT)]
Time = Annotated[Moment, AfterValidator(_require_sane_time)]


def _is_control(letter: str) -> bool:
    return unicodedata.category(letter) in {"Cc", "Cs"}


def _read_object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise ValueError("an object has the same name twice")
    return read


def _read_float(written: str) -> float:
    number = float(written)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _read_int(written: str) -> int:
    number = int(written)
    if abs(number) > MOST_COUNT:
        raise ValueError("a number is too large")
    return number
