"""Does what is sent again with the same Idempotency-Key once, and gives the first answer again: for a day.

As draft-ietf-httpapi-idempotency-key-header says: 409 while the first is under way, 422 when the key was used for
something else. A request that was refused has done nothing, so its key is free again.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from orbweaver.console.web.accounts.api_tokens import ApiToken
from orbweaver.model import format_time
from orbweaver.store import keys
from orbweaver.store.connection import Store
from starlette.exceptions import HTTPException
from starlette.responses import Response

HEADER: Final = "Idempotency-Key"
KEY_CHARACTERS: Final = 255
KEPT_SECONDS: Final = 24 * 3600
# A request whose process was killed blocks its key for so long.
RUNNING_SECONDS: Final = 120


@dataclass(frozen=True)
class KeyedRequest:
    """A request with a key: where its answer is kept, and a digest of all that it says."""

    place: str
    said: str


def keyed(token: ApiToken, key: str, *, target: str, content_type: str, body: bytes) -> KeyedRequest:
    """Return a request with a key, which is one of the token's; raises HTTPException with 400 for an unusable key.

    A token that was revoked and one that has its name since have no answer in common.
    """
    if not key or len(key) > KEY_CHARACTERS or not key.isascii() or not key.isprintable():
        raise HTTPException(400, f"{HEADER}: give 1 to {KEY_CHARACTERS} printable characters of ASCII")
    said = hashlib.sha256(json.dumps([target, content_type]).encode() + body).hexdigest()
    own_key = hashlib.sha256(f"{format_time(token.made_at)} {key}".encode()).hexdigest()
    return KeyedRequest(keys.api_answer(token.name, own_key), said)


def begin(store: Store, request: KeyedRequest) -> Response | None:
    """Note that a request is under way, or return the answer that it had before.

    Raises HTTPException with 409 or 422, RedisError.
    """
    if store.set(request.place, _packed({"said": request.said}), nx=True, ex=RUNNING_SECONDS):
        return None
    stored = store.get(request.place)
    known = {} if stored is None else json.loads(zlib.decompress(bytes(stored)))  # type: ignore[arg-type]
    if known.get("said", request.said) != request.said:
        raise HTTPException(422, f"this {HEADER} was used for another request: take a new one")
    if "status" not in known:
        again = {"Retry-After": "5"}
        raise HTTPException(409, f"the first request with this {HEADER} is under way: send it again later", again)
    headers = {"Idempotency-Replayed": "true"}
    return Response(known["body"].encode(), known["status"], headers, media_type=known["media_type"])


def keep(store: Store, request: KeyedRequest, answer: Response) -> None:
    """Keep the answer of a request that was done. Raises RedisError."""
    kept = {
        "said": request.said,
        "status": answer.status_code,
        "media_type": answer.media_type or "application/json",
        "body": bytes(answer.body).decode(),
    }
    store.set(request.place, _packed(kept), ex=KEPT_SECONDS)


def release(store: Store, request: KeyedRequest) -> None:
    """Free the key of a request that was refused. Raises RedisError."""
    store.delete(request.place)


def _packed(value: Mapping[str, object]) -> bytes:
    return zlib.compress(json.dumps(value).encode())
