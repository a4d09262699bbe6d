"""Reads objects from a JSON document of any size: their plain values, one object after another, in bounded memory.

Only the lowest layer of ijson is used. Its `items` keeps everything in an object. Its C backend ends the process with a
segmentation fault on a million nested arrays (so we count the depth), and on an integer of more than 4,300 digits
unless `use_float` makes integers machine words (ijson 3.6.0, measured).
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

import ijson
from ijson.common import JSONError
from orbweaver.matcher_client.errors import BadFileError, BadRowError

_BLOCK_BYTES = 64 * 1024
_MOST_PIECE_BYTES = 4 * 2**20
_MOST_DEPTH = 64

Scalar = str | int | float | bool | None
Record = dict[str, Scalar]
# A record has this key when it has keys other than the wanted ones.
OTHER_KEYS = ""


def text_of(record: Record, key: str) -> str | None:
    """Return a value as text, None without a value: in all these formats a number may be written as a string.

    Raises BadRowError for any other value.
    """
    value = record.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadRowError(f"the {key} is neither text nor a whole number")
    return str(value).strip() or None


def read_records(
    file: BinaryIO, *, paths: frozenset[str], keys: frozenset[str], inner: str | None = None
) -> Iterator[Record]:
    """Yield each object at one of `paths` (as ijson writes them: `value.item`), with its plain values under `keys`.

    A nested value under one of `keys` is None; other keys are skipped. If `keys` has OTHER_KEYS, an object that has
    other keys, too, has this key. An object with an array under the key `inner` is not yielded itself: the objects in
    that array are, if their path is one of `paths`.

    Bytes that are not UTF-8 are replaced: they spoil the text that they are in, not the list.

    Raises BadFileError when the document is not JSON or not complete, after the objects before that place.
    """
    open_paths: list[str] = []  # the path of each open container; empty inside a record, where no path is needed
    arrays: list[bool] = []  # whether each is an array
    key = ""
    record: Record | None = None
    record_depth = 0
    for event, value in chain.from_iterable(_read_events(file)):
        if event == "map_key":
            key = str(value)
            if record is not None and len(open_paths) == record_depth:
                name = key if key in keys else OTHER_KEYS
                if name in keys:
                    record.setdefault(name, None)
        elif event in {"start_map", "start_array"}:
            depth = len(open_paths)
            if depth >= _MOST_DEPTH:
                raise BadFileError(f"is JSON of more than {_MOST_DEPTH} levels")
            is_array = event == "start_array"
            if record is not None and is_array and key == inner and depth == record_depth:
                record = None
            path = ""
            if record is None and depth:
                path = f"{open_paths[-1]}.{'item' if arrays[-1] else key}".removeprefix(".")
                if not is_array and path in paths:
                    record, record_depth = {}, depth + 1
            open_paths.append(path)
            arrays.append(is_array)
        elif event in {"end_map", "end_array"}:
            if record is not None and len(open_paths) == record_depth:
                yield record
                record = None
            open_paths.pop()
            arrays.pop()
        elif record is not None and key in keys and len(open_paths) == record_depth:
            record[key] = value


def _read_events(file: BinaryIO) -> Iterator[list[tuple[str, Scalar]]]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    events = ijson.sendable_list()
    parser = ijson.basic_parse_coro(events, use_float=True)
    silent = 0
    while block := file.read(_BLOCK_BYTES):
        try:
            if text := decoder.decode(block):  # empty input would be the end for ijson
                parser.send(text.encode())
        # ValueError: a number that ijson's backend in Python cannot read; its backend in C raises JSONError for it.
        except (JSONError, ValueError) as error:
            yield events
            raise BadFileError(
                "is damaged (it stops being JSON): get it again, or give joined files one by one"
            ) from error
        silent = 0 if events else silent + len(block)
        if silent > _MOST_PIECE_BYTES:
            raise BadFileError(f"has more than {_MOST_PIECE_BYTES:,} bytes of JSON in one piece")
        yield events
        del events[:]
    try:
        parser.close()
    except JSONError as error:
        raise BadFileError("ends early: get a complete copy") from error
