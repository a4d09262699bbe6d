"""Sightings that no list knew, kept for a while so that a later list can be asked: packed small, in shards.

A shard is one hash, read whole, so work on all of them can go on after any interruption from shard to shard. A
value is fixed fields (the digests as bytes: they do not compress), then the rest as JSON, deflated with a dictionary
of what such JSON usually says. Nothing but the fixed fields is read to ask again.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from orbweaver.model import DigestSet, Sighting, now
from orbweaver.queue.errors import Unreadable
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from pydantic import ValidationError

if TYPE_CHECKING:
    from redis.client import Pipeline

# A thousand sightings a shard at one million, ten thousand (3 MB) at ten million.
SHARDS = tuple(f"{number:03x}" for number in range(1024))
# Layout of a value, milliseconds since 1970 when it was seen, size, MD5, SHA-1, SHA-256.
HEAD = struct.Struct(">BQQ16s20s32s")
LAYOUT = 1  # another number with another dictionary or other fields: old values are then dropped, not misread
MOST_JSON_BYTES = 1 << 20
COUNTED_AT_ONCE = 64
# A page of sightings reads so many shards at most: at ten million sightings 80,000 of them, in half a second.
PAGE_SHARDS = 8
_OCCUPIED = Path(__file__).with_name("retained_occupied.lua").read_text()
# The first are in the fixed fields; the others would make a value more than half as large again (162 to 262 bytes). A
# case that a rematch makes has them from the next visit on.
_NOT_KEPT = {"digests", "seen_at", "received_at", "software", "sandbox", "redirects"}
# What comes most often stands last, where references to it are shortest (zlib's manual, deflateSetDictionary).
DICTIONARY = (
    b'"is_verified":false,"reason":"certificate has expired","self-signed certificate","Hostname mismatch, certificate '
    b'is not valid for ","is_refused_by_robots":true,"framing":"chunked","framing":"close","embedded":true,'
    b'"archive_member":"DCIM/IMG_","content-disposition":"inline; filename=\\"","attachment; filename=\\"","via":"1.1 '
    b'varnish","x-cache":"HIT","MISS","cf-ray":"-AMS","server":"Apache/2.4.62 (Debian)","server":"cloudflare","server":'
    b'"LiteSpeed","server":"openresty","Mon, Wed, Thu, Fri, Sat, Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec 2025 '
    b'2026 2027","content_type":"application/octet-stream","content_type":"video/mp4","content_type":"image/webp",'
    b'"content_type":"image/gif","content_type":"image/png","sniffed_type":"video/mp4","sniffed_type":"image/png",'
    b'"sniffed_type":"image/webp",.html.php.mp4.png.webp.jpeg{"url":"http://www..com/wp-content/uploads/images/files/'
    b'img/albums/photo_.jpg","final_url":"https://www.","host":"www.","ip":"203.0.113.","referrer":"https://www.",'
    b'"report_ids":["R-2026-"],"content_type":"image/jpeg","sniffed_type":"image/jpeg","http":{"status":200,"headers":'
    b'{"etag":"\\"-\\"","last-modified":"Tue, 03 Feb 2026 10:00:00 GMT","server":"nginx","date":"Sun, 22 Nov 2026 '
    b'11:00:00 GMT"},"bytes_received":,"tls":{"is_verified":true,"certificate_sha256":"'
)
# Raw deflate, a window as large as the dictionary and the longest usual JSON need; measured in bench/rematch.py.
_DEFLATE = zlib.compressobj(6, zlib.DEFLATED, -12, 5, zlib.Z_DEFAULT_STRATEGY, DICTIONARY)


@dataclass(frozen=True, slots=True)
class Retained:
    """One retained sighting: its digests and its time, and the whole of it on demand."""

    seen_at: datetime
    digests: DigestSet
    packed: bytes

    def sighting(self) -> Sighting:
        """Return the sighting as it was retained; raises Unreadable."""
        try:
            deflated = memoryview(self.packed)[HEAD.size :]
            rest = zlib.decompressobj(-12, DICTIONARY).decompress(deflated, MOST_JSON_BYTES)
            return Sighting.model_validate(json.loads(rest) | {"digests": self.digests, "seen_at": self.seen_at})
        except (zlib.error, ValueError, TypeError, RecursionError, ValidationError) as error:
            raise Unreadable("a retained sighting cannot be read") from error


def pack(sighting: Sighting) -> bytes:
    """Return a sighting as it is stored."""
    digests = sighting.digests
    head = HEAD.pack(
        LAYOUT,
        round(sighting.seen_at.timestamp() * 1000),
        digests.size,
        bytes.fromhex(digests.md5),
        bytes.fromhex(digests.sha1),
        bytes.fromhex(digests.sha256),
    )
    rest = sighting.model_dump_json(exclude=_NOT_KEPT, exclude_defaults=True).encode()
    deflate = _DEFLATE.copy()
    return head + deflate.compress(rest) + deflate.flush()


def unpack(packed: bytes) -> Retained:
    """Read the fixed fields of a stored value; raises Unreadable."""
    if len(packed) < HEAD.size or packed[0] != LAYOUT:
        raise Unreadable("a retained sighting has another layout")
    _, milliseconds, size, md5, sha1, sha256 = HEAD.unpack_from(packed)
    try:
        seen_at = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)
    except OverflowError as error:
        raise Unreadable("a retained sighting has no time") from error
    # As bytes they can be nothing but digests, and validating a million of them takes seconds.
    digests = DigestSet.model_construct(md5=md5.hex(), sha1=sha1.hex(), sha256=sha256.hex(), size=size)
    return Retained(seen_at, digests, packed)


def keep(pipe: Pipeline, sightings: Iterable[Sighting]) -> None:
    """Queue retaining sightings; one that is retained already is overwritten."""
    for shard, kept in _by_shard(sightings).items():
        pipe.hset(keys.retained(shard), mapping={field: pack(one) for field, one in kept.items()})


def drop(pipe: Pipeline, sightings: Iterable[Sighting]) -> None:
    """Queue forgetting sightings that have cases now."""
    for shard, known in _by_shard(sightings).items():
        pipe.hdel(keys.retained(shard), *known)


def read(store: Store, shards: Sequence[str], *, since: datetime) -> list[list[Retained]]:
    """Read shards, in one round trip: sightings from `since` or later; values that cannot be read are left out."""
    with store.pipeline(transaction=False) as pipe:
        for shard in shards:
            pipe.hvals(keys.retained(shard))
        return [[one for one in _readable(values) if one.seen_at >= since] for values in pipe.execute()]


class RetainedPlace(NamedTuple):
    """A place in the order of shards, and of ids in a shard; an empty id is before all of them."""

    shard: str
    sighting_id: str


class RetainedPage(NamedTuple):
    """Some sightings, and the place after which the next ones come; None: these are the last."""

    sightings: tuple[Sighting, ...]
    after: RetainedPlace | None


def page(store: Store, *, after: RetainedPlace | None, since: datetime, most: int) -> RetainedPage:
    """Return at most so many sightings from `since` or later that come after a place, and read few shards for it.

    A page may have fewer, or none, while others come after it. A place that is none of ours is the beginning.
    """
    shards = [one for one in occupied(store) if after is None or one >= after.shard]
    found: list[Sighting] = []
    for shard in shards[:PAGE_SHARDS]:
        first = after.sighting_id if after is not None and shard == after.shard else ""
        for field, packed in sorted(store.hgetall(keys.retained(shard)).items()):
            place = RetainedPlace(shard, bytes(field).hex())  # type: ignore[arg-type]
            if place.sighting_id <= first:
                continue
            sighting = _sighting_since(bytes(packed), since)  # type: ignore[arg-type]
            if sighting is not None:
                found.append(sighting)
            if len(found) == most:
                return RetainedPage(tuple(found), place)
    following = RetainedPlace(shards[PAGE_SHARDS], "") if len(shards) > PAGE_SHARDS else None
    return RetainedPage(tuple(found), following)


def _sighting_since(packed: bytes, since: datetime) -> Sighting | None:
    try:
        known = unpack(packed)
        return known.sighting() if known.seen_at >= since else None
    except Unreadable:
        return None  # the next forgetting removes it


def count(store: Store, shards: Sequence[str] = SHARDS) -> list[int]:
    """Return how many sightings each shard has, expired ones included."""
    with store.pipeline(transaction=False) as pipe:
        for shard in shards:
            pipe.hlen(keys.retained(shard))
        return [int(one) for one in pipe.execute()]


def occupied(store: Store) -> list[str]:
    """Return the shards that have something, in one round trip; most stores have few files, and so few shards."""
    found = store.register_script(_OCCUPIED)(args=[" ".join(SHARDS), keys.retained("")])
    return [text(shard) for shard in found]


def first_few(store: Store, shards: list[str], most: int) -> list[str]:
    """Return the first shards that have together at most so many sightings: at least one shard."""
    total = 0
    for begin in range(0, len(shards), COUNTED_AT_ONCE):
        for place, size in enumerate(count(store, shards[begin : begin + COUNTED_AT_ONCE]), begin):
            total += size
            if place and total > most:
                return shards[:place]
    return shards


def with_expired(store: Store, shards: Sequence[str], *, before: datetime) -> tuple[list[str], int]:
    """Return the shards that have something to forget, and how many sightings all of them have together."""
    with store.pipeline(transaction=False) as pipe:
        for shard in shards:
            pipe.hvals(keys.retained(shard))
        found: list[list[bytes]] = pipe.execute()
    expired = [
        shard for shard, values in zip(shards, found, strict=True) if any(_is_over(packed, before) for packed in values)
    ]
    return expired, sum(map(len, found))


def forget(pipe: Pipeline, shard: str, *, before: datetime) -> int:
    """Queue forgetting the sightings from before a moment, and those that cannot be read; returns how many.

    The pipeline must watch the shard; it is in a transaction afterwards.
    """
    stored: dict[bytes, bytes] = pipe.execute_command("HGETALL", keys.retained(shard))
    over = [field for field, packed in stored.items() if _is_over(packed, before)]
    pipe.multi()
    if over:
        pipe.hdel(keys.retained(shard), *over)
    return len(over)


def oldest_kept(retention: timedelta) -> datetime:
    """Return the moment before which a sighting is kept no longer."""
    return now() - retention


def _is_over(packed: bytes, before: datetime) -> bool:
    try:
        return unpack(packed).seen_at < before
    except Unreadable:
        return True


def _readable(values: Iterable[bytes]) -> Iterable[Retained]:
    for packed in values:
        try:
            yield unpack(packed)
        except Unreadable:
            continue  # the next forgetting removes it


def _by_shard(sightings: Iterable[Sighting]) -> dict[str, dict[bytes, Sighting]]:
    found: dict[str, dict[bytes, Sighting]] = defaultdict(dict)
    for one in sightings:
        field = UUID(one.sighting_id).bytes
        found[SHARDS[int.from_bytes(field[:2]) % len(SHARDS)]][field] = one
    return found
