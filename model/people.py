"""The people of a hotline who use Orbweaver, by what they are here for."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """The work of a person; an account of the console has one or several."""

    OPERATOR = "operator"
    ANALYST = "analyst"
    AUDITOR = "auditor"
    ADMIN = "admin"
