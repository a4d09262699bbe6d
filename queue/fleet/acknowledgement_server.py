"""The HTTP server that takes the engine's acknowledgements: `POST /v1/events/{id}/ack`, to those that show a token."""

from __future__ import annotations

import hmac
import logging
from pathlib import Path
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI, HTTPException
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from orbweaver.matcher_client.server.listening import ListeningServer
from orbweaver.model import Actor, ActorKind, format_time
from orbweaver.queue.records import acknowledgements
from orbweaver.store.connection import Store
from orbweaver.takedown.errors import DeliveryUnknown
from redis.exceptions import RedisError

ENGINE = Actor(kind=ActorKind.PROGRAM, name="takedown engine")
MOST_CONNECTIONS = 100
KEEP_ALIVE_SECONDS = 5
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
    async def acknowledge(event_id: str) -> dict[str, str | bool]:
        """Record that the engine has the event; a repeat changes nothing and has the same answer. No body is read."""
        try:
            known = await run_in_threadpool(acknowledgements.acknowledge, store, str(UUID(event_id)), actor=ENGINE)
        except ValueError:  # no UUID, so no event
            raise HTTPException(404, "no event has this id") from None
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


class AcknowledgementServer(ListeningServer):
    """A server of `create_app` that already listens."""

    def __init__(
        self, store: Store, *, listen: str, token: str | None, certificate: Path | None, key: Path | None
    ) -> None:
        super().__init__(
            create_app(store, token=token),
            listen=listen,
            needed_for_others=None if token else "give --token",
            certificate=certificate,
            key=key,
            most_connections=MOST_CONNECTIONS,
            keep_alive_seconds=KEEP_ALIVE_SECONDS,
        )
