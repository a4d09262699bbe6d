"""Reads systemd's unit files as systemd does, so far as ours use its syntax: systemd.syntax(7), systemd.unit(5)."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "deployment" / "systemd"
# Settings of which an empty one forgets those before it, and another one adds to them.
LISTS = frozenset(
    {
        "AmbientCapabilities",
        "CapabilityBoundingSet",
        "EnvironmentFile",
        "InaccessiblePaths",
        "IPAddressAllow",
        "IPAddressDeny",
        "LoadCredential",
        "StateDirectory",
        "SystemCallFilter",
    }
)
Section = dict[str, list[str]]


def read(name: str) -> dict[str, Section]:
    """Return the sections of a unit with its drop-ins: each setting with its values, the last of which counts."""
    template, _, rest = name.partition("@")
    file = FOLDER / (f"{template}@.service" if rest else name)
    sections: dict[str, Section] = {}
    for path in (file, *sorted((FOLDER / f"{name}.d").glob("*.conf"))):
        _add(sections, path.read_text())
    return sections


def _add(sections: dict[str, Section], text: str) -> None:
    here: Section = {}
    for line in text.replace("\\\n", " ").splitlines():
        if line.startswith("["):
            here = sections.setdefault(line.strip("[]"), {})
        elif line.strip() and not line.startswith("#"):
            name, equals, value = line.partition("=")
            assert equals, line
            if name not in LISTS or not value:
                here[name] = []
            if value:
                here.setdefault(name, []).append(value)


def command_of(name: str, replaced: Mapping[str, str], specifiers: Mapping[str, str]) -> list[str]:
    """Return the words of a unit's command: with its specifiers, and what begins with a path on another one."""
    (line,) = read(name)["Service"]["ExecStart"]
    words = shlex.split(line)
    for mark, meaning in {**specifiers, "%%": "%", "$$": "$"}.items():
        words = [word.replace(mark, meaning) for word in words]
    for path, other in replaced.items():
        words = [word.replace(path, other) for word in words]
    return words
