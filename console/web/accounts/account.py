"""An account of a person, the roles that it has, and what each role may see and do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from orbweaver.model import Actor, ActorKind, Role
from pydantic import BaseModel, ConfigDict, Field

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")


class Right(StrEnum):
    """Permission to see one kind of page, or to do one kind of action."""

    SEE_OVERVIEW = "see overview"
    SEE_HOSTS = "see hosts"
    CHANGE_HOSTS = "change hosts"
    SEND_REPORTS = "send reports"
    SEE_CASES = "see cases"
    DECIDE_CASES = "decide cases"
    SEE_FLEET = "see fleet"
    CHANGE_FLEET = "change fleet"
    ACKNOWLEDGE = "acknowledge"
    SEE_AUDIT = "see audit"


_EVERYBODY: Final = frozenset({Right.SEE_OVERVIEW, Right.SEE_HOSTS})
_SEEING: Final = _EVERYBODY | {Right.SEE_CASES, Right.SEE_FLEET, Right.SEE_AUDIT}
_OPERATING: Final = frozenset({Right.CHANGE_HOSTS, Right.SEND_REPORTS, Right.CHANGE_FLEET, Right.ACKNOWLEDGE})
RIGHTS: Final[Mapping[Role, frozenset[Right]]] = MappingProxyType(
    {
        # An operator looks after hosts and workers, and needs to see no case for it.
        Role.OPERATOR: _EVERYBODY | {Right.SEE_FLEET} | _OPERATING,
        Role.ANALYST: _EVERYBODY | {Right.SEE_CASES, Right.DECIDE_CASES},
        Role.AUDITOR: _SEEING,
        # An admin does all that an operator does. Who decides about cases is named as an analyst.
        Role.ADMIN: _SEEING | _OPERATING,
    }
)


class Account(BaseModel):
    """A person who may sign in; `password_hash` is Argon2id in its own encoded form."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str = Field(pattern=f"^{_NAME.pattern}$")
    roles: frozenset[Role] = Field(min_length=1)
    password_hash: str = Field(repr=False)
    changed_at: datetime
    """When its password, its roles or its state were last changed."""
    changes: int = Field(ge=0)
    """How often that was: a session that began before the last one is over."""
    is_disabled: bool = False

    def may(self, right: Right) -> bool:
        """Return whether one of its roles gives this right."""
        return any(right in RIGHTS[role] for role in self.roles)

    @property
    def actor(self) -> Actor:
        """The person, as events and the audit log name them."""
        return Actor(kind=ActorKind.PERSON, name=self.name)


def is_name(text: str) -> bool:
    """Return whether an account may have this name: small letters, digits, and `._-` between them, at most 64."""
    return _NAME.fullmatch(text) is not None
