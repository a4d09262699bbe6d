"""Makes the name of a file inside an archive evidence that a terminal can show."""

from __future__ import annotations

NAME_CHARACTERS = 200
NESTED = "!/"


def shown(text: str) -> str:
    """Return a name with its control characters escaped, cut to NAME_CHARACTERS."""
    return shortened("".join(map(_shown, text[: NAME_CHARACTERS + 1])))


def shown_bytes(name: bytes) -> str:
    """Return a name that should be UTF-8, as in a TAR archive, to be shown; other bytes are escaped."""
    return shown(name[: 4 * NAME_CHARACTERS + 4].decode("utf-8", "backslashreplace"))


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    return f"\\x{ord(character):02x}" if ord(character) < 0x100 else f"\\u{ord(character):04x}"


def shortened(path: str) -> str:
    """Return a path of at most NAME_CHARACTERS; one that was cut ends with an ellipsis."""
    return path if len(path) <= NAME_CHARACTERS else path[: NAME_CHARACTERS - 1] + "\u2026"
