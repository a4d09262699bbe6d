"""Reads the URL of a network service: its address, and its options for secrets, certificates and the canary.

    hma+https://hma.hotline.example/api?md5=video_md5&canary=md5:9f...&token=file:/run/secrets/hma

A secret is never written in the URL itself: an option names the environment variable or the file that holds it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import get_args
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from orbweaver.matcher_client.errors import UnknownService
from orbweaver.model import Algorithm

_NAME = "?name="
_SECRETS = ("token", "username", "password")
_PATHS = ("ca", "certificate", "key")
_HEX_DIGITS: dict[int, Algorithm] = {64: "sha256", 40: "sha1", 32: "md5"}


@dataclass(frozen=True)
class Canary:
    """A digest that a healthy service lists: the only proof, from end to end, that the service has loaded its lists."""

    algorithm: Algorithm
    digest: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class ServiceAddress:
    """The address of a service, and how to ask it; `name` is its URL without options, so without secrets.

    `base_url` has no trailing slash. `certificate` and `key` are the client's PEM files, `ca` the roots to trust in
    place of the usual ones. `canary` is None only when the URL says `canary=none`. `options` is the rest of the query,
    which the service's own client reads.
    """

    name: str
    base_url: str
    canary: Canary | None
    token: str | None = field(default=None, repr=False)
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    options: Mapping[str, str] = field(default_factory=dict)


def read_address(url: str, *, called: str = "the matcher URL") -> ServiceAddress:
    """Read the URL of a network service, `https:` or `NAME+https:`; plain `http` is accepted for this machine only.

    `called` is the name of the URL in errors. Raises UnknownService, which names the option and the mend, never the
    URL, because the URL may hold a secret.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port  # raises for a port that is not a number
    except ValueError:
        raise UnknownService(f"{called} is not a URL: write it like https://matcher.example:8443/path") from None
    kind, _, transport = parts.scheme.rpartition("+")
    if not host:
        raise UnknownService(f"{called} ({parts.scheme}:) names no host")
    if parts.username is not None or parts.password is not None:
        raise UnknownService(
            f"{called} has a user name or password in it: name their places instead, "
            "with ?username=env:NAME&password=file:/path"
        )
    if transport != "https" and not (transport == "http" and is_loopback(host)):
        raise UnknownService(f"{called}, for {host}, is not https: digests are not sent in the clear")
    options = _read_options(parts, called)
    secrets = {name: read_secret(f"{called}'s {name}", options.pop(name, None)) for name in _SECRETS}
    paths = {name: _read_path(f"{called}'s {name}", options.pop(name, None)) for name in _PATHS}
    base_url = f"{transport}://{parts.netloc}{parts.path.rstrip('/')}"
    return ServiceAddress(
        name=f"{kind}+{base_url}" if kind else base_url,
        base_url=base_url,
        canary=_read_canary(options),
        token=secrets["token"],
        username=secrets["username"],
        password=secrets["password"],
        ca=paths["ca"],
        certificate=paths["certificate"],
        key=paths["key"],
        options=options,
    )


def without_secrets(url: str) -> str:
    """Return a matcher URL for comparison: without secrets, and without options that concern only the asking machine.

    Two machines ask the same service in the same way when their results are equal. The result says only whether there
    is a canary, because any listed digest may be the canary.
    """
    parts = urlsplit(url.strip())
    if parts.scheme.lower() == "hashlist":
        path, name = list_and_name(url.strip().partition(":")[2])
        return f"hashlist:{name or path}"
    if not parts.netloc:
        return url.strip()
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if options.get("canary", "none") != "none":
        options["canary"] = "given"
    kept = sorted((name, value) for name, value in options.items() if name not in (*_SECRETS, *_PATHS, "connections"))
    host = parts.netloc.rpartition("@")[2].lower()
    return f"{parts.scheme.lower()}://{host}{parts.path.rstrip('/')}?{urlencode(kept)}"


def named_list(path: Path, name: str) -> str:
    """Return the matcher URL of a built list that is called `name`."""
    return f"hashlist:{path}" if name == str(path) else f"hashlist:{path}{_NAME}{quote(name)}"


def list_and_name(rest: str) -> tuple[str, str | None]:
    """Return the path of a built list, and its name where it has one, from what follows `hashlist:`."""
    path, mark, name = rest.rpartition(_NAME)
    return (path, unquote(name)) if mark and name else (rest, None)


def refuse_unknown_options(address: ServiceAddress, known: frozenset[str]) -> None:
    """Raise UnknownService when the URL has an option that neither this module nor the service's client knows."""
    for name in address.options:
        if name not in known:
            others = sorted((*known, *_SECRETS, *_PATHS, "canary"))
            raise UnknownService(f"{address.name}: unknown option {name!r}: there are {', '.join(others)}")


def read_digest(text: str) -> Canary:
    """Read `md5:HEX`, `sha1:HEX`, `sha256:HEX` or hex digits alone, told apart by their number; raises ValueError."""
    algorithm, colon, digest = text.strip().lower().rpartition(":")
    by_length = _HEX_DIGITS.get(len(digest))
    if by_length is None or (colon and algorithm != by_length) or digest.strip("0123456789abcdef"):
        raise ValueError(f"not a digest: write {'|'.join(get_args(Algorithm))}:HEX")
    return Canary(by_length, digest)


def _read_options(parts: SplitResult, called: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name in options:
            raise UnknownService(f"{called} has the option {name!r} twice")
        options[name] = value
    return options


def _read_canary(options: dict[str, str]) -> Canary | None:
    written = options.pop("canary", None)
    if written is None:
        raise UnknownService(
            "the matcher URL has no canary: name a digest that the service lists with ?canary=sha256:HEX, "
            "or write canary=none, and nothing proves that the service has loaded its lists"
        )
    if written == "none":
        return None
    try:
        return read_digest(written)
    except ValueError as error:
        raise UnknownService(f"the matcher URL's canary is {error}") from None


def read_secret(what: str, written: str | None) -> str | None:
    """Read the secret that `env:NAME` or `file:/path` names; raises UnknownService, saying `what` it is for."""
    if written is None:
        return None
    source, _, place = written.partition(":")
    if source == "env" and place in os.environ:
        secret = os.environ[place].strip()
    elif source == "file" and place:
        try:
            secret = Path(place).read_text().strip()
        except (OSError, UnicodeDecodeError):
            raise UnknownService(f"{what} cannot be read from {place}: check the file") from None
    elif source == "env":
        raise UnknownService(f"{what} is not set: set the variable {place or 'that it names'}")
    else:
        raise UnknownService(f"{what} is given in plain text: give its place instead, env:NAME or file:/path")
    if not secret or not secret.isprintable():
        raise UnknownService(f"{what} in {place} is empty or not printable text")
    return secret


def _read_path(what: str, written: str | None) -> Path | None:
    if written is None:
        return None
    path = Path(written)
    if not path.is_file():
        raise UnknownService(f"{what} {path} is not a file: check the path")
    return path


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
