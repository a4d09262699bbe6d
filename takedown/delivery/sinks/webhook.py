"""`webhook+https://HOST/PATH`: one POST for each event, signed as Standard Webhooks says.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import socket
import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path

from orbweaver.model import Event
from orbweaver.takedown.delivery.sinks.addresses import SinkAddress
from orbweaver.takedown.delivery.sinks.allowances import Patience
from orbweaver.takedown.delivery.sinks.bounded_post import Poster, SinkAnswer, failure
from orbweaver.takedown.delivery.sinks.event_json import as_json
from orbweaver.takedown.errors import EventRefused, NotDelivered, SinkAway, SinkGone, SinkRefused
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from standardwebhooks.webhooks import Webhook

LEAST_SECRET_BYTES = 24  # as the specification asks for; the library takes any
MOST_SECRETS = 2
LONGEST_RETRY_AFTER = timedelta(days=1)
_PREFIX = "whsec_"
# Refusals of a sink whose address, secret or set-up is wrong, or that asks for patience: no other event would pass.
_ABOUT_THE_SINK = frozenset({401, 402, 403, 404, 405, 407, 408, 421, 423, 425, 426, 429, 511})


class WebhookSink:
    """Posts each event, signed with every secret of the sink; what the engine answers with 2xx is taken.

    `secrets` returns the one that is in use, or two while it is being changed; it raises SinkRefused.
    """

    def __init__(
        self,
        address: SinkAddress,
        secrets: Callable[[], Sequence[str]],
        *,
        roots: Path | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.name = address.name
        self._address = address
        self._secrets = secrets
        self._roots = roots
        self._patience = patience or Patience()
        signers_of(address, secrets())
        self._poster = Poster(f"{address.transport}://{address.place}", roots=roots, patience=self._patience)

    def deliver(self, event: Event) -> None:
        """Post an event once. Raises SinkAway, EventRefused or SinkGone."""
        body, now = as_json(event), datetime.now(UTC)
        event_id = str(event.event_id)
        try:
            signers = signers_of(self._address, self._secrets())
        except SinkRefused as error:  # its file is gone, or is just being written
            raise SinkAway(str(error)) from None
        headers = {
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "orbweaver",
            "webhook-id": event_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(one.sign(event_id, now, body.decode()) for one in signers),
        }
        try:
            answer = self._poster.post(body, headers)
        except SinkAway as error:
            raise SinkAway(f"{self.name}: {error}") from None
        wrong = judge(self.name, answer, now)
        if wrong is not None:
            raise wrong

    def complaint(self) -> tuple[bool, str] | None:
        """Say whether no connection can be made now, or its certificate does not verify; sends no request."""
        port = self._address.port or (443 if self._address.transport == "https" else 80)
        try:
            signers_of(self._address, self._secrets())
            with socket.create_connection((self._address.host, port), self._patience.connect_seconds) as plain:
                if self._address.transport == "https":
                    self._context().wrap_socket(plain, server_hostname=self._address.host).close()
        except SinkRefused as error:
            return True, str(error)
        except socket.gaierror:
            return True, "its host name does not resolve"
        except TimeoutError:
            return True, "no connection in time"
        except OSError as error:
            return True, failure(error)
        return None

    def close(self) -> None:
        """Close the connection."""
        self._poster.close()

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self._roots or DEFAULT_CA_BUNDLE_PATH))


def signers_of(address: SinkAddress, secrets: Sequence[str]) -> list[Webhook]:
    """Return what signs with each secret; raises SinkRefused when there is none, or one that is weak."""
    if not secrets:
        where = f"{address.authority}=file:/path"
        raise SinkRefused(f"{address.name} has no secret: set SINK_SECRETS to {where} or {address.authority}=env:NAME")
    if len(secrets) > MOST_SECRETS:
        raise SinkRefused(f"{address.name} has more than {MOST_SECRETS} secrets: keep the new one and the last one")
    return [Webhook(_key(address, one)) for one in secrets]


def _key(address: SinkAddress, secret: str) -> bytes:
    written = secret.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(written + "=" * (-len(written) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < LEAST_SECRET_BYTES:
        raise SinkRefused(
            f"{address.name} has a secret that is not whsec_ and the base64 of {LEAST_SECRET_BYTES} bytes or more: "
            "make one with: echo whsec_$(openssl rand -base64 32)"
        )
    return key


def judge(name: str, answer: SinkAnswer, now: datetime) -> NotDelivered | None:
    """Say what an answer means for an event; None when it is taken. Pure."""
    status = answer.status
    if 200 <= status < 300:
        return None
    said = f"{name} answers {status}{_phrase(status)}"
    if status == HTTPStatus.GONE:
        return SinkGone(f"{said}: it wants no more events; remove it from TAKEDOWN_SINKS, or mend it and redeliver")
    if 300 <= status < 400:
        return SinkAway(f"{said}, and redirects are not followed: put its real address into TAKEDOWN_SINKS")
    after = retry_after(answer.retry_after, now)
    if 400 <= status < 500 and status not in _ABOUT_THE_SINK:
        return EventRefused(f"{said}: it refuses this event", retry_after=after)
    return SinkAway(said, retry_after=after)


def _phrase(status: int) -> str:
    """The words for a status; never the server's own."""
    try:
        return f" ({HTTPStatus(status).phrase})"
    except ValueError:
        return ""


def retry_after(written: str, now: datetime) -> timedelta | None:
    """Read a Retry-After header, seconds or a date (RFC 9110, 10.2.3); None for what is neither. At most a day."""
    text = written.strip()
    if text.isascii() and text.isdecimal():
        return min(timedelta(seconds=int(text)), LONGEST_RETRY_AFTER) if len(text) < 10 else LONGEST_RETRY_AFTER
    if not text or len(text) > 40:
        return None
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(at - now, timedelta(0)), LONGEST_RETRY_AFTER)
