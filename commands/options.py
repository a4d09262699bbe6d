"""The options that several commands share, and the reading of settings."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from orbweaver import settings
from orbweaver.model import ScopeKind
from orbweaver.settings import Settings

HashList = Annotated[
    Path | None, typer.Option("--hashes", metavar="FILE", help="Hash list: CSV, bare digests, or built.")
]
ListName = Annotated[
    str | None,
    typer.Option("--list-name", metavar="NAME", help="The name of the list in --hashes (default: its file's path)."),
]
CategoryTableFile = Annotated[
    Path | None,
    typer.Option(
        "--category-table",
        metavar="FILE",
        help="TOML: the meaning of the categories of a region's list (docs/matching-services.md).",
    ),
]
MatchingServices = Annotated[
    list[str] | None,
    typer.Option("--matcher", metavar="URL", help="Matching service, e.g. hashlist:/path; may be repeated."),
]
ScopeOfReports = Annotated[ScopeKind, typer.Option("--scope", help="How far from a reported URL to go.")]
StateDir = Annotated[
    Path | None,
    typer.Option("--state", metavar="DIR", help="State directory (default: STATE_DIR, else ~/.local/state/orbweaver)."),
]

AccessFile = Annotated[
    Path | None,
    typer.Option(
        "--access", metavar="FILE", help="TOML: user agent, language, cookies, referrer, proxy, robots, delay."
    ),
]
Authority = Annotated[str | None, typer.Option("--authority", metavar="TEXT", help="Who allowed this recrawl.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, with exact URLs.")]

BearerToken = Annotated[
    str | None,
    typer.Option(
        "--token",
        metavar="env:NAME|file:PATH",
        help="The place of the bearer token; needed if other machines can connect.",
    ),
]
Certificate = Annotated[
    Path | None, typer.Option("--certificate", metavar="FILE", help="Serve TLS with this PEM chain.")
]
CertificateKey = Annotated[
    Path | None, typer.Option("--key", metavar="FILE", help="Its key (default: in the same file).")
]

DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only say what would be fetched and what not; no connection is made.")
]

WaitForOthers = Annotated[
    bool, typer.Option("--wait", help="Wait while a run with other settings, or a rematch, uses this store.")
]


def read_moment(text: str) -> datetime:
    """Read a time in the project's way: without an offset it is UTC. Raises BadParameter."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter("not an RFC 3339 time, such as 2026-12-31T00:00:00Z") from None


Expires = Annotated[
    datetime | None,
    typer.Option("--expires", metavar="TIME", parser=read_moment, help="RFC 3339 time; nothing is fetched after it."),
]


def read_authority(text: str | None) -> str | None:
    """Return the name of who allowed something, without blanks around it; raises BadParameter."""
    if text is None:
        return None
    text = text.strip()
    if not text or not text.isprintable():
        raise typer.BadParameter("--authority: a name, in printable characters")
    return text


def read_list_name(name: str | None, hashes: Path | None) -> str | None:
    """Return the name of the list of `--hashes` without blanks around it; raises BadParameter for an unusable name."""
    if name is None:
        return None
    if hashes is None:
        raise typer.BadParameter("--list-name is the name of the list that --hashes gives: give both")
    name = name.strip()
    if not name or not name.isprintable():
        raise typer.BadParameter("--list-name: a name, in printable characters")
    return name


def require_list(hashes: Path | None, matchers: list[str] | None, settings: Settings) -> None:
    """Refuse a command that names no hash list and no matching service; raises BadParameter."""
    if hashes is None and not matchers and not settings.matcher_urls:
        raise typer.BadParameter("give --hashes FILE or --matcher URL (or set MATCHER_URL)")


def require_hashes(hashes: Path | None, category_table: Path | None) -> None:
    """Refuse a category table without the list that it is for; raises BadParameter."""
    if category_table is not None and hashes is None:
        raise typer.BadParameter(
            "--category-table needs --hashes FILE: a list that --matcher or MATCHER_URL names already has its own table"
        )


def read_settings(state_dir: Path | None = None) -> Settings:
    """Read the settings from the environment; `state_dir` goes before STATE_DIR.

    Raises SettingsRefused.
    """
    loaded = settings.load()
    return loaded if state_dir is None else loaded.model_copy(update={"state_dir": state_dir})
