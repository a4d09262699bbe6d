"""The HTTP server that takes the engine's acknowledgements: `POST /v1/events/{id}/ack`, to those that show a token."""

from __future__ import annotations

import hmac
import logging
import socket
from contextlib import suppress
from pathlib import Path
from typing import Annotated
from uuid import UUID

import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from orbweaver.matcher_client.errors import ServerRefused
from orbweaver.matcher_client.server.serving import read_listen, tls_context
from orbweaver.matcher_client.transport.service_address import is_loopback
from orbweaver.model import Actor, ActorKind, format_time
from orbweaver.queue.records import acknowledgements
from orbweaver.store.connection import Store
from orbweaver.takedown.errors import DeliveryUnknown
from redis.exceptions import RedisError

ENGINE = Actor(kind=ActorKind.PROGRAM, name="takedown engine")
MOST_CONNECTIONS = 100
LAST_SECONDS = 10
log = logging.getLogger("orbweaver.acknowledgements")
_bearer = HTTPBearer(auto_error=False, description="the token that the server was started with, if it has one")


def create_app(store: Store, *, token: str | None) -> FastAPI:
    """Return the ASGI application that records acknowledgements in a store, of clients that show the token."""
    app = FastAPI(title="Orbweaver's acknowledgements", version="1", docs_url=None, redoc_url=None)

    def check_token(shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> None:
        # A header is bytes, which the framework decodes as Latin-1.
        if token is not None and (
            shown is None or not hmac.compare_digest(shown.credentials.encode("latin-1"), token.encode())
        ):
            raise HTTPException(401, "show the token: Authorization: Bearer ...", {"WWW-Authenticate": "Bearer"})

    @app.post("/v1/events/{event_id}/ack", summary="Acknowledge an event", dependencies=[Depends(check_token)])
    async def acknowledge(event_id: UUID) -> dict[str, str | bool]:
        """Record that the engine has the event; a repeat changes nothing and has the same answer. No body is read."""
        try:
            known = await run_in_threadpool(acknowledgements.acknowledge, store, str(event_id), actor=ENGINE)
        except DeliveryUnknown as error:
            raise HTTPException(404, str(error)) from None
        except RedisError as error:
            log.warning("the store does not answer: %s", error)
            raise HTTPException(503, "the store does not answer: send it again later") from None
        return {
            "event_id": known.event_id,
            "case_id": known.case_id,
            "acknowledged_at": format_time(known.acknowledged_at),
            "is_new": known.is_new,
        }

    return app


class AcknowledgementServer:
    """A server that already listens, at `url`; call `run` once.

    `listen` is HOST:PORT (port 0: any free one). Without a `token` it listens on this machine only.
    Raises ServerRefused, or OSError when the port is taken.
    """

    def __init__(
        self, store: Store, *, listen: str, token: str | None, certificate: Path | None, key: Path | None
    ) -> None:
        host, port = read_listen(listen)
        if token is None and not is_loopback(host):
            raise ServerRefused(f"{listen} is open to other machines: give --token, or listen on 127.0.0.1")
        if certificate is None and key is not None:
            raise ServerRefused("--key is given without --certificate")
        context = None if certificate is None else tls_context(certificate, key)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=MOST_CONNECTIONS)
        shown_host = f"[{host}]" if ":" in host else host
        self.url = f"{'https' if context else 'http'}://{shown_host}:{self._socket.getsockname()[1]}"
        self.is_encrypted = context is not None or is_loopback(host)
        self._server = uvicorn.Server(
            uvicorn.Config(
                create_app(store, token=token),
                access_log=False,
                log_config=None,
                server_header=False,
                limit_concurrency=MOST_CONNECTIONS,
                timeout_graceful_shutdown=LAST_SECONDS,
                # uvicorn has no other way to get the context that was made above.
                ssl_certfile=certificate,
                ssl_context_factory=None if context is None else lambda _config, _make: context,
            )
        )

    def run(self) -> None:
        """Serve until SIGINT or SIGTERM; requests under way are answered first."""
        with suppress(KeyboardInterrupt):  # uvicorn raises the signal again at its end
            self._server.run(sockets=[self._socket])
