"""Reads HMA's answers to lookups: which banks list a digest, why one is no answer, or that HMA cannot answer at all.

The shapes are those that HMA 1.1.7 was seen to send. Its messages quote the digest, so none of them is repeated.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from orbweaver.matcher_client.errors import Unavailable
from orbweaver.matcher_client.transport.answer_reading import is_text
from orbweaver.matcher_client.transport.web_session import HttpAnswer

# Exact signal types have no distance; PDQ and its like give a number.
EXACT = "-"

_MEANINGS = {
    401: "it asks for credentials: name them with token=, or username= and password=",
    403: "it refuses us: check the credentials",
    404: "there is no matcher at this address: check the path, and that the matcher role is on",
    414: "the request line is too long: name fewer banks",
    429: "it asks us to slow down",
    500: "its database may be down",
    503: "its index may not be loaded yet",
}


@dataclass(frozen=True)
class Reply:
    """HMA's reply to one question: the contents that have the digest, as (bank, content id), or why there is no answer.

    `refuses_type` says that another digest of the same signal type would be refused, too.
    """

    contents: tuple[tuple[str, int], ...] = ()
    problem: str | None = None
    refuses_type: bool = False


def read_lookup(answer: HttpAnswer, signal_type: str, banks: Collection[str]) -> Reply:
    """Read the answer to GET /m/lookup: `{"BANK":[{"bank_content_id":3,"distance":"-"}]}`, `{}` when none has it.

    `banks` are the banks that were asked, empty for all. Unknown fields are ignored: later versions say more of a
    match. Raises Unavailable when the service as a whole cannot answer.
    """
    if answer.status in {400, 422}:
        return Reply(problem=_refusal(answer, signal_type), refuses_type=True)
    value = read_json(answer)
    if not isinstance(value, dict):
        return Reply(problem=f"the answer for {signal_type} is not an object of banks")
    contents: dict[tuple[str, int], None] = {}
    for bank, entries in value.items():
        if banks and bank not in banks:
            return Reply(problem=f"the answer for {signal_type} names a bank that was not asked")
        if not is_text(bank):
            return Reply(problem=f"the answer for {signal_type} has a bank without a valid name")
        if not isinstance(entries, list) or not entries:
            return Reply(problem=f"the answer for {signal_type} has a bank without contents")
        for entry in entries:
            content_id = entry.get("bank_content_id") if isinstance(entry, dict) else None
            if type(content_id) is not int or content_id < 0:
                return Reply(problem=f"the answer for {signal_type} has a content without an id")
            if entry.get("distance") != EXACT:
                return Reply(problem=f"{signal_type} answers with a distance: it is not an exact signal type")
            contents[bank, content_id] = None
    return Reply(tuple(contents))


def require_ready(answer: HttpAnswer) -> None:
    """Read the answer to GET /status; raises Unavailable unless it is exactly `I-AM-ALIVE`.

    Only here it says 503 INDEX-NOT-LOADED or INDEX-STALE: lookups still answer 200 from the old index.
    """
    if answer.status == 200 and answer.text.strip() == "I-AM-ALIVE":
        return
    if answer.text.strip() in {"INDEX-NOT-LOADED", "INDEX-STALE"}:
        raise Unavailable(f"HMA's matcher is not ready: {answer.text.strip()}")
    raise Unavailable(f"HMA's /status answers {answer.status} and not I-AM-ALIVE")


def read_json(answer: HttpAnswer) -> Any:
    """Return the value of an answer that has status 200 and is declared as JSON; raises Unavailable for any other."""
    if answer.status != 200:
        meaning = _MEANINGS.get(answer.status)
        raise Unavailable(f"HMA answers with status {answer.status}" + (f": {meaning}" if meaning else ""))
    if answer.content_type != "application/json":
        raise Unavailable(f"HMA answers with {answer.kind}, not with JSON")
    return answer.json()


def _refusal(answer: HttpAnswer, signal_type: str) -> str:
    """Say why a well-formed digest was refused; HMA's message has one of three shapes."""
    try:
        value = answer.json()
    except Unavailable:
        value = None  # HTML: a proxy in front of HMA refused it
    message = value.get("message") if isinstance(value, dict) else None
    if isinstance(message, str) and message.startswith("No such SignalType"):
        return f"HMA has no signal type {signal_type!r}: correct MATCHER_URL"
    return (
        f"HMA refuses well-formed digests as {signal_type!r} (status {answer.status}): "
        "check in MATCHER_URL which algorithm it is for"
    )
