"""The people who use commands: by the name that they give with `--as`, or by their user of this machine."""

from __future__ import annotations

import os
import pwd
import unicodedata
from typing import Final

from orbweaver.console.errors import NothingToDo
from orbweaver.model import Actor, ActorKind

NAME_CHARACTERS: Final = 200


def person_named(name: str | None) -> Actor:
    """Return the person of `--as`, by default the user of the system; raises NothingToDo for an unusable name."""
    name = unicodedata.normalize("NFC", _user_name() if name is None else name).strip()
    if not name or not name.isprintable() or len(name) > NAME_CHARACTERS:
        raise NothingToDo(
            f"--as: give the name of the person who decides, up to {NAME_CHARACTERS} printable characters"
        )
    return Actor(kind=ActorKind.PERSON, name=name)


def user_of_system() -> Actor:
    """Return the user of the system who runs this command, whatever name that is."""
    return Actor(kind=ActorKind.PERSON, name=_user_name()[:NAME_CHARACTERS])


def _user_name() -> str:
    """Return who the kernel says it is: LOGNAME and its like, which getpass believes, are anybody's to set."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may have no names for its users
        return f"user {os.getuid()}"
