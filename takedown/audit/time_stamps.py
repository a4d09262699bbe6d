"""Time stamps of checkpoints by a time-stamp authority (RFC 3161): proof of when, by somebody else's clock and key.

The raw reply is kept beside the checkpoint: any tool can verify it, such as `openssl ts -verify`. The authority gets a
digest of the checkpoint and nothing else.
"""

from __future__ import annotations

import hashlib
import time
from typing import Final

import requests
from orbweaver.takedown.errors import AuditUnusable

# A reply with its chain of certificates takes some kilobytes.
MOST_REPLY_BYTES: Final = 256 * 1024
CONNECT_SECONDS: Final = 10.0
# For the whole reply, however slowly it comes.
REPLY_SECONDS: Final = 30.0
_QUERY: Final = "application/timestamp-query"
_GRANTED: Final = frozenset({0, 1})


def stamp(note: str, url: str) -> bytes:
    """Return the reply of the authority at `url` about a signed note; raises AuditUnusable for any other reply."""
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder  # a library in Rust, which few commands need

    data = note.encode()
    request = TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA512).build()
    reply = _post(url, request.as_bytes())
    _require_of(reply, data, request.nonce)
    return reply


def _post(url: str, query: bytes) -> bytes:
    ends_at = time.monotonic() + REPLY_SECONDS
    try:
        with requests.post(
            url,
            data=query,
            headers={"Content-Type": _QUERY, "Accept-Encoding": "identity"},
            timeout=(CONNECT_SECONDS, REPLY_SECONDS),
            allow_redirects=False,
            stream=True,
        ) as response:
            if response.status_code != requests.codes.ok:
                raise AuditUnusable(f"the time-stamp authority answered {response.status_code}")
            reply = b""
            for chunk in response.iter_content(8_192):
                reply += chunk
                if len(reply) > MOST_REPLY_BYTES or time.monotonic() > ends_at:
                    raise AuditUnusable("the reply of the time-stamp authority is too long, or too slow")
            return reply
    except (requests.RequestException, OSError) as error:
        raise AuditUnusable(f"the time-stamp authority does not answer ({type(error).__name__})") from error


def _require_of(reply: bytes, data: bytes, nonce: int | None) -> None:
    """Raise AuditUnusable unless the reply grants a stamp of this data, for this question."""
    from rfc3161_client import decode_timestamp_response

    try:
        read = decode_timestamp_response(reply)
        if read.status not in _GRANTED:
            raise AuditUnusable(f"the time-stamp authority refused: {'; '.join(read.status_string) or read.status}")
        told = read.tst_info
        is_of_this = told.message_imprint.message == hashlib.sha512(data).digest() and told.nonce == nonce
    except ValueError as error:
        raise AuditUnusable("the reply of the time-stamp authority cannot be read") from error
    if not is_of_this:
        raise AuditUnusable("the reply of the time-stamp authority is about something else")
