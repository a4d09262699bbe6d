"""Pages by cursor: an answer says where the next one begins, so that what is added meanwhile shifts nothing."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Annotated, Final, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

MOST_ITEMS: Final = 200
_CURSOR_CHARACTERS: Final = 600
# What no place in a list reaches, and every number of the store holds exactly.
_LARGEST: Final = 2**53
Limit = Annotated[int, Query(ge=1, le=MOST_ITEMS, description="How many items a page has at most.")]
Cursor = Annotated[
    str | None, Query(max_length=_CURSOR_CHARACTERS, description="`next` of the page before; without it the first.")
]
T = TypeVar("T")


class Items(BaseModel, Generic[T]):
    """One page. With a filter it may have fewer items than asked for, or none, and others come after it."""

    items: list[T]
    next: str | None = Field(description="The cursor of the next page; null: this is the last one.")


def write_cursor(*parts: str | float) -> str:
    """Return a cursor for the place that these parts say."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def read_cursor(cursor: str | None, *kinds: type[str] | type[int] | type[float]) -> tuple[str | float, ...] | None:
    """Return the parts of a cursor, of these kinds; None without one. Raises HTTPException with 400."""
    if cursor is None:
        return None
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        parts = None
    if not isinstance(parts, list) or [type(one) for one in parts] != list(kinds) or not all(map(_is_ours, parts)):
        raise HTTPException(400, "cursor: give `next` of a page of this list, as it was")
    return tuple(parts)


def _is_ours(part: str | float) -> bool:
    return part.isascii() and part.isprintable() if isinstance(part, str) else abs(part) <= _LARGEST
