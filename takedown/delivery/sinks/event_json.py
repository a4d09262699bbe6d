"""An event as the bytes that every sink hands over."""

from __future__ import annotations

import json

from orbweaver.model import Event


def as_json(event: Event) -> bytes:
    """Return the event as JSON in one line.

    ASCII alone: no reader takes a character such as U+2028 for the end of a line, and a line that is cut can still be
    decoded.
    """
    return json.dumps(json.loads(event.model_dump_json()), separators=(",", ":")).encode()
