"""Reads the form of a request into memory: a file that somebody uploads is never written to a disk."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final

from fastapi import Request
from orbweaver.console.errors import RequestTooLarge
from orbweaver.console.web.protection import MOST_BODY_BYTES
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser

MOST_FIELDS: Final = 2_000
# Of a form that nobody has to be signed in for: a name, a password, a code.
SMALL_BYTES: Final = 32 * 1024
SMALL_FIELDS: Final = 10


class InMemoryParser(MultiPartParser):
    """Starlette's parser, which moves a file of more than 1 MiB to a temporary file: this one never does.

    No request has more than MOST_BODY_BYTES (`protection.py`).
    """

    spool_max_size = MOST_BODY_BYTES + 1


async def read(request: Request) -> FormData:
    """Return the form of a person who is signed in, with at most one file.

    Raises HTTPException for one that cannot be read.
    """
    return await _parsed(request, request.stream(), max_files=1, max_fields=MOST_FIELDS, most=MOST_BODY_BYTES)


async def read_small(request: Request) -> FormData:
    """Return the form of whoever comes: it is small, and has no file.

    Raises HTTPException for one that cannot be read, RequestTooLarge.
    """
    return await _parsed(request, _small(request), max_files=0, max_fields=SMALL_FIELDS, most=SMALL_BYTES)


async def _parsed(
    request: Request, stream: AsyncGenerator[bytes, None], *, max_files: int, max_fields: int, most: int
) -> FormData:
    kind = request.headers.get("content-type", "").lower()
    if kind.startswith("multipart/form-data"):
        # Browsers send none. The sender would choose the codec: `punycode` takes a minute for two megabytes.
        if "charset" in kind:
            raise HTTPException(400, "the form cannot be read: it names a charset, and is read as UTF-8")
        parser: MultiPartParser | FormParser = InMemoryParser(
            request.headers, stream, max_files=max_files, max_fields=max_fields, max_part_size=most
        )
    elif kind.startswith("application/x-www-form-urlencoded"):
        parser = FormParser(request.headers, stream, max_fields=max_fields, max_part_size=most)
    else:
        return FormData()
    try:
        return await parser.parse()
    except MultiPartException as error:
        raise HTTPException(400, f"the form cannot be read: {error.message}") from None


async def _small(request: Request) -> AsyncGenerator[bytes, None]:
    counted = 0
    async for chunk in request.stream():
        counted += len(chunk)
        if counted > SMALL_BYTES:
            raise RequestTooLarge(f"a form that nobody has to be signed in for has at most {SMALL_BYTES // 1024} KiB")
        yield chunk
