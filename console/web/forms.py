"""Reads the form of a request into memory: a file that somebody uploads is never written to a disk."""

from __future__ import annotations

from typing import Final

from fastapi import Request
from orbweaver.console.web.protection import MOST_BODY_BYTES
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser

MOST_FIELDS: Final = 2_000


class InMemoryParser(MultiPartParser):
    """Starlette's parser, which moves a file of more than 1 MiB to a temporary file: this one never does.

    No request has more than MOST_BODY_BYTES (`protection.py`).
    """

    spool_max_size = MOST_BODY_BYTES + 1


async def read(request: Request) -> FormData:
    """Return the form of a request, with at most one file. Raises HTTPException for one that cannot be read."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return await request.form(max_files=0, max_fields=MOST_FIELDS)
    parser = InMemoryParser(
        request.headers, request.stream(), max_files=1, max_fields=MOST_FIELDS, max_part_size=MOST_BODY_BYTES
    )
    try:
        return await parser.parse()
    except MultiPartException as error:
        raise HTTPException(400, f"the form cannot be read: {error.message}") from None
