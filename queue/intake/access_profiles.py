"""Access profiles: reads the TOML file that says how the hosts of a recrawl are asked."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Mapping
from pathlib import Path

from orbweaver.crawler.errors import AccessRefused
from orbweaver.crawler.fetching.asking.header_values import header_value
from orbweaver.crawler.fetching.connecting.proxies import parse_proxy
from orbweaver.model import AccessProfile
from orbweaver.queue.errors import AccessUnreadable
from pydantic import ValidationError

MOST_BYTES = 64 * 1024
HEADERS = ("user_agent", "accept_language")
# It works as it did, as the former names of settings do (decision 0048).
FORMER_KEY = "keeps_cookies"

log = logging.getLogger("orbweaver.access")


def read_profile(path: Path, environment: Mapping[str, str]) -> AccessProfile:
    """Return the profile in a TOML file, whose keys are the fields of AccessProfile.

    The former key `keeps_cookies` is read, too, and logged with its new name.
    A proxy that is `env:NAME` must be in `environment`, and stays so: who crawls looks it up. Raises AccessUnreadable
    in one line that names the file and the key, and never a value, which may be a password.
    """
    profile = _parse(path, _read(path))
    sendable: dict[str, str] = {}
    for key in HEADERS:
        text: str | None = getattr(profile, key)
        if text is not None:
            try:
                sendable[key] = header_value(text)
            except AccessRefused as error:
                raise AccessUnreadable(f"{path}: {key}: {error.reason}") from None
    try:
        parse_proxy(profile.proxy, environment)
    except AccessRefused as error:
        raise AccessUnreadable(f"{path}: proxy: {error.reason}") from None
    return profile.model_copy(update=sendable)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise AccessUnreadable(f"{path}: longer than {MOST_BYTES} bytes")
        return content.decode()
    except OSError as error:
        raise AccessUnreadable(f"{path}: {error.strerror or error}; check the path and its permissions") from None
    except UnicodeDecodeError:
        raise AccessUnreadable(f"{path}: not UTF-8 text") from None


def _parse(path: Path, text: str) -> AccessProfile:
    try:
        values = tomllib.loads(text)
        former = values.get(FORMER_KEY)
        if former is not None and not isinstance(former, bool):
            raise AccessUnreadable(f"{path}: {FORMER_KEY}: neither true nor false")
        profile = AccessProfile.model_validate(values)
        if former is not None:
            log.warning(
                '%s: write cookies = "%s" in place of %s; the old key still works', path, profile.cookies, FORMER_KEY
            )
        return profile
    except tomllib.TOMLDecodeError as error:
        raise AccessUnreadable(f"{path}: not TOML: {error}") from None
    except RecursionError:
        raise AccessUnreadable(f"{path}: not TOML: nested too deeply") from None
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            raise AccessUnreadable(
                f"{path}: no key {key!r}: there are {', '.join(AccessProfile.model_fields)}"
            ) from None
        where = f"{path}: {key}" if key else str(path)
        raise AccessUnreadable(f"{where}: {fault['msg'].removeprefix('Value error, ')}") from None
