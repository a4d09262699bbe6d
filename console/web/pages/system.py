"""The machine room: versions, matching services and their lists, and the settings that are in effect."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import orbweaver
from fastapi import APIRouter, Request
from fastapi.responses import Response
from orbweaver.console import access
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.console import Console
from orbweaver.console.web.guard import AccessGuard, Caller
from orbweaver.matcher_client.gate import service_health
from orbweaver.matcher_client.transport.service_address import without_secrets
from orbweaver.queue.records import in_force
from orbweaver.settings import Settings
from orbweaver.store import durability
from orbweaver.store.connection import without_password

PATH: Final = "/system"


@dataclass(frozen=True)
class ShownSetting:
    """A setting as it is shown: secrets are replaced. `is_changed` says whether it is not the default."""

    name: str
    value: str
    means: str
    is_changed: bool


def pages(console: Console, guard: AccessGuard) -> APIRouter:
    """Return the route of the page."""
    router = APIRouter()

    @router.get(PATH)
    def show(request: Request, caller: Caller = guard.may(Right.SEE_AUDIT)) -> Response:
        access.note(console.store, caller.actor, "page /system")
        health = service_health.read_all(console.store)
        return console.templates.page(
            request,
            "system.html",
            caller.session,
            versions=_versions(),
            findings=list(durability.inspect(console.store, console.settings.store_replicas)),
            services=sorted(health.values(), key=lambda one: (one.is_healthy, one.service)),
            sinks=in_force.sinks(console.store),
            shown_settings=shown_settings(console.settings),
        )

    return router


def _versions() -> list[tuple[str, str]]:
    return [
        ("Orbweaver", orbweaver.__version__),
        ("Python", platform.python_version()),
        ("Linux", platform.release()),
    ]


def shown_settings(settings: Settings) -> list[ShownSetting]:
    """Return the settings of this console by name; those of workers are their own, and are compared by `doctor`."""
    return [
        ShownSetting(
            name=name.upper(),
            value=_shown(name, getattr(settings, name)),
            means=field.description or "",
            is_changed=getattr(settings, name) != field.get_default(call_default_factory=True),
        )
        for name, field in sorted(type(settings).model_fields.items())
    ]


def _shown(name: str, value: object) -> str:
    if value is None or value == ():
        return "-"
    if name == "store_url":
        return without_password(str(value))
    if name == "matcher_url":
        return " ".join(without_secrets(one) for one in str(value).split())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " ".join(str(one) for one in value)
    return str(value)
