"""The orbweaver command: parses arguments, calls one function, and turns errors into one line and a status."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import orbweaver
import typer
from orbweaver import settings as orbweaver_settings
from orbweaver.model import CaseState, Embeds, Limits, ScopeKind
from orbweaver.settings import Settings, SettingsRefused

# What each command needs is imported inside it: `--help` must not wait for Scrapy.

FAILED = 1
BAD_USAGE = 2
INTERRUPTED = 130  # 128 + SIGINT, as a shell says it
PR_SET_PDEATHSIG = 1  # prctl(2)

app = typer.Typer(
    name="orbweaver",
    help="Recrawls reported hosts, recognises known files by their hash, opens a takedown case per match.\n\n"
    "Keeps metadata only: no byte of any file is ever written.",
    epilog="Examples:\n\n"
    "  orbweaver verify reports.csv --hashes list.csv\n\n"
    "  orbweaver hashlist build list.csv -o list.hashes\n\n"
    "  orbweaver doctor\n\n"
    "Exit status: 0 all is well; 1 something failed or stayed unknown; 2 bad usage.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
hashlist = typer.Typer(help="Build hash lists, look into them, and keep them up to date.", no_args_is_help=True)
app.add_typer(hashlist, name="hashlist")
matcher_commands = typer.Typer(help="Serve a hash list, accept what a service has.", no_args_is_help=True)
app.add_typer(matcher_commands, name="matcher")
scope_commands = typer.Typer(help="Explain what a recrawl may fetch.", no_args_is_help=True)
app.add_typer(scope_commands, name="scope")
case_commands = typer.Typer(help="Show cases.", no_args_is_help=True)
app.add_typer(case_commands, name="cases")

StateDir = Annotated[
    Path | None,
    typer.Option("--state", metavar="DIR", help="State directory (default: STATE_DIR, else ~/.local/state/orbweaver)."),
]
AllowAddresses = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-address", metavar="CIDR", help="Also fetch from this range; may be repeated. For tests only."
    ),
]


def _moment(text: str) -> datetime:
    """Read a time as everywhere in the project: one without an offset is UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter("not an RFC 3339 time, such as 2026-12-31T00:00:00Z") from None


@app.command(
    epilog="Examples:\n\n"
    "  orbweaver verify reports.csv --hashes list.csv --out findings\n\n"
    "  orbweaver verify urls.txt --hashes list.hashes --scope site --max-pages 500\n\n"
    "  cat urls.txt | orbweaver verify - --matcher hashlist:/srv/list.hashes --json\n\n"
    "Exit status: 0 every host was recrawled and every file answered for; 1 something failed or stayed unknown; "
    "2 bad usage or no usable report."
)
def verify(
    reports: Annotated[str, typer.Argument(help="CSV, JSON Lines or one URL a line; - for standard input.")],
    hashes: Annotated[Path | None, typer.Option(metavar="FILE", help="Hash list: CSV, bare digests, or built.")] = None,
    matcher: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="Matching service, e.g. hashlist:/path; may be repeated.")
    ] = None,
    scope: Annotated[ScopeKind, typer.Option(help="How far from a reported URL to go.")] = ScopeKind.HOST,
    max_pages: Annotated[int, typer.Option(min=1, help="Pages per host.")] = Limits().max_pages,
    max_files: Annotated[int, typer.Option(min=1, help="Files per host.")] = Limits().max_files,
    max_depth: Annotated[int, typer.Option(min=0, help="Links from a reported URL.")] = Limits().max_depth,
    max_bytes: Annotated[int, typer.Option(min=1, help="Bytes received per host.")] = Limits().max_bytes,
    max_seconds: Annotated[
        float, typer.Option(min=1, max=30 * 24 * 3600, help="Seconds per host.")
    ] = Limits().max_seconds,
    access: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML: user agent, language, cookies, proxy, robots, delay.")
    ] = None,
    authority: Annotated[str | None, typer.Option(metavar="TEXT", help="Who allowed this recrawl.")] = None,
    embeds: Annotated[
        Embeds, typer.Option(help="Files that pages in scope show from other hosts: which to fetch.")
    ] = Embeds.OFF,
    expires: Annotated[
        datetime | None,
        typer.Option(metavar="TIME", parser=_moment, help="RFC 3339; nothing is fetched after it."),
    ] = None,
    max_host_cost: Annotated[
        int, typer.Option(min=1, help="Requests per host, some counted several times.")
    ] = Limits().max_host_cost,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write cases, events, skipped URLs and summary here.")
    ] = None,
    is_json: Annotated[bool, typer.Option("--json", help="Print the summary and cases as JSON.")] = False,
    allow_address: AllowAddresses = None,
    state: StateDir = None,
) -> None:
    """Recrawl the hosts of reported URLs and report every known file."""
    from orbweaver.console import verify as command

    settings = _settings(state)
    if hashes is None and not matcher and not settings.matcher_urls:
        raise typer.BadParameter("give --hashes FILE or --matcher URL (or set MATCHER_URL)")
    outcome = command.verify(
        command.Options(
            reports=reports,
            hashes=hashes,
            matchers=tuple(matcher or ()),
            scope=scope,
            limits=Limits(
                max_pages=max_pages,
                max_files=max_files,
                max_depth=max_depth,
                max_bytes=max_bytes,
                max_seconds=max_seconds,
                max_host_cost=max_host_cost,
            ),
            access=access,
            authority=_authority(authority),
            embeds=embeds,
            expires_at=expires,
            out=out,
            is_json=is_json,
            allow_addresses=tuple(allow_address or ()),
            state_dir=state,
        ),
        settings,
    )
    raise typer.Exit(outcome.exit_status)


@app.command(
    epilog="Examples:\n\n"
    "  orbweaver rematch --hashes list.csv\n\n"
    "  orbweaver rematch --matcher hashlist:/srv/list.hashes --json\n\n"
    "Exit status: 0 everything was answered and delivered; 1 something stayed unknown or undelivered; 2 bad usage."
)
def rematch(
    hashes: Annotated[Path | None, typer.Option(metavar="FILE", help="Hash list: CSV, bare digests, or built.")] = None,
    matcher: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="Matching service, e.g. hashlist:/path; may be repeated.")
    ] = None,
    is_json: Annotated[bool, typer.Option("--json", help="Print the outcome and the cases as JSON.")] = False,
    state: StateDir = None,
) -> None:
    """Ask again about every retained file and every case; nothing is fetched."""
    from orbweaver.console import rematch as command
    from orbweaver.console.verify import Options

    settings = _settings(state)
    if hashes is None and not matcher and settings.matcher_url is None:
        raise typer.BadParameter("give --hashes FILE or --matcher URL (or set MATCHER_URL)")
    options = Options(reports="", hashes=hashes, matchers=tuple(matcher or ()), is_json=is_json, state_dir=state)
    raise typer.Exit(command.run(options, settings))


@case_commands.command(
    "list", epilog="Examples:\n\n  orbweaver cases list --state held\n\n  orbweaver cases list --json > cases.jsonl"
)
def list_cases(
    state: Annotated[CaseState | None, typer.Option(help="Only cases in this state.")] = None,
    is_json: Annotated[bool, typer.Option("--json", help="Print a case a line as JSON, with exact URLs.")] = False,
    state_dir: Annotated[
        Path | None, typer.Option("--state-dir", metavar="DIR", help="State directory (default: STATE_DIR).")
    ] = None,
) -> None:
    """Show the cases of the store, oldest first: state, evidence, and why they are held."""
    from orbweaver.console import case_list

    case_list.run(_settings(state_dir), state_dir, state, is_json=is_json)


@app.command()
def demo() -> None:
    """Recrawl a synthetic host of random bytes and show what was and was not raised."""
    from orbweaver.console import demonstration

    raise typer.Exit(demonstration.run(_settings(None)))


@app.command(epilog="Exit status: 0 nothing failed; 1 a check failed.")
def doctor(
    matcher: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="Check this matching service, not MATCHER_URL; may be repeated."),
    ] = None,
    state: StateDir = None,
) -> None:
    """Check kernel, store, matching service and settings, one line each."""
    from orbweaver.console.doctor import examine

    settings = _settings(state)
    if matcher:
        settings = settings.model_copy(update={"matcher_url": "\n".join(matcher)})
    has_failed = False
    for check in examine(settings):
        print(f"{check.state:4}  {check.subject}: {check.said}")
        has_failed = has_failed or check.state == "fail"
    raise typer.Exit(FAILED if has_failed else 0)


@app.command()
def worker(
    queues: Annotated[list[str], typer.Argument(help="recrawl, or match and takedown.")],
    name: Annotated[str | None, typer.Option(help="A name that is unique in the store.")] = None,
    burst: Annotated[bool, typer.Option("--burst", help="End when the queues are empty.")] = False,
    with_parent: Annotated[bool, typer.Option("--with-parent", hidden=True)] = False,
) -> None:
    """Work on queues until told to stop. Needs STORE_URL, MATCHER_URL and TAKEDOWN_SINKS."""
    if with_parent:
        _end_with_parent()
    settings = _settings(None)
    if settings.store_url is None:
        raise typer.BadParameter("set STORE_URL: a worker shares its store with others")
    if queues == ["recrawl"]:
        from orbweaver.queue.preload import preload

        preload()
    from orbweaver.queue.queues import QueueName
    from orbweaver.queue.workers import work
    from orbweaver.store import connection, durability

    unknown = [one for one in queues if one not in set(QueueName)]
    if unknown:
        raise typer.BadParameter(f"no queue {unknown[0]!r}: there are {', '.join(QueueName)}")
    if QueueName.MATCH in queues and not settings.matcher_urls:
        raise typer.BadParameter("set MATCHER_URL: a match worker asks the services that it names")
    if QueueName.TAKEDOWN in queues and not settings.takedown_sinks:
        raise typer.BadParameter("set TAKEDOWN_SINKS: a takedown worker delivers to them")
    store = connection.connect(settings.store_url)
    durability.require(store)
    work(store, [QueueName(one) for one in queues], name=name, burst=burst)


@hashlist.command(
    epilog="Examples:\n\n"
    "  orbweaver hashlist build list.csv -o list.hashes\n\n"
    "  sha256sum files/* > digests.txt; orbweaver hashlist build digests.txt -o list.hashes\n\n"
    "  orbweaver hashlist build list.csv -o list.hashes --canary hotline-a\n\n"
    "  orbweaver hashlist build news.json --update --list national -o list.hashes"
)
def build(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="IN...", help="VICS or TCAP JSON, NCMEC XML, ICSE or other CSV, bare digests; gzip'd too."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="The file to write.")],
    canary: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Plant a synthetic entry that clients look up to see that the list is loaded."
        ),
    ] = None,
    is_update: Annotated[
        bool, typer.Option("--update", help="Keep what OUT has, but for what the input gives again or withdraws.")
    ] = False,
    list_name: Annotated[
        str | None,
        typer.Option("--list", metavar="NAME", help="The list's name; without it the file's, or its format's."),
    ] = None,
    is_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Build a sorted, memory-mapped hash list from the lists of others, or update one."""
    from orbweaver.console import list_building
    from orbweaver.matcher_client.canary import canary_label

    if canary is not None:
        try:
            canary_label(canary)
        except ValueError as error:
            raise typer.BadParameter(f"--canary: {error}") from None
    list_building.run(inputs, output, is_update=is_update, list_name=list_name or None, canary=canary, is_json=is_json)


BuiltList = Annotated[Path, typer.Argument(metavar="LIST", help="A built list.")]


@hashlist.command(
    epilog="Examples:\n\n"
    "  orbweaver hashlist info list.hashes\n\n"
    "  orbweaver hashlist info list.hashes --json | jq .labels"
)
def info(
    built: BuiltList,
    is_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Verify a built list and say what is in it: version, entries, digests, lists, categories, canary."""
    from orbweaver.console import list_info

    list_info.run(built, is_json=is_json)


@hashlist.command(
    epilog="Examples:\n\n"
    "  orbweaver hashlist diff yesterday.hashes today.hashes\n\n"
    "  orbweaver hashlist diff yesterday.hashes today.hashes --entries --json\n\n"
    "Exit status: 0 they say the same; 1 they differ; 2 one of them cannot be read."
)
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="A built list.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The list that replaces it.")],
    has_entries: Annotated[
        bool, typer.Option("--entries", help="Also show each changed entry that has an entry id.")
    ] = False,
    is_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Say what a new list adds, removes, withdraws, disputes, reinstates or changes."""
    from orbweaver.console import list_diff

    raise typer.Exit(list_diff.run(old, new, has_entries=has_entries, is_json=is_json))


@hashlist.command(
    epilog="Examples:\n\n"
    "  orbweaver hashlist lookup list.hashes 0cc175b9c0f1b6a831c399e269772661\n\n"
    "  sha256sum files/* | cut -c 1-64 | orbweaver hashlist lookup list.hashes - --json\n\n"
    "Exit status: 0 every digest is listed, whatever the list says of it; 1 some are not; 2 bad usage."
)
def lookup(
    built: BuiltList,
    digests: Annotated[
        list[str], typer.Argument(metavar="DIGEST...", help="MD5, SHA-1 or SHA-256 in hex; - for lines of input.")
    ],
    is_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Say what a built list has of digests: list, entry, category, nature, status."""
    from orbweaver.console import list_lookup

    raise typer.Exit(list_lookup.run(built, digests, is_json=is_json))


@matcher_commands.command(
    "serve",
    epilog="Examples:\n\n"
    "  orbweaver matcher serve --hashes list.hashes\n\n"
    "  orbweaver matcher serve --hashes list.hashes --listen 0.0.0.0:8765 --token file:/run/secrets/matcher "
    "--certificate matcher.pem --key matcher.key\n\n"
    "A list that is built anew is answered from without a restart.",
)
def matcher_serve(
    hashes: Annotated[Path, typer.Option(metavar="FILE", help="A built hash list.")],
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where to listen.")] = "127.0.0.1:8765",
    token: Annotated[
        str | None,
        typer.Option(metavar="env:NAME|file:PATH", help="Where the bearer token is; needed beyond this machine."),
    ] = None,
    certificate: Annotated[Path | None, typer.Option(metavar="FILE", help="Serve TLS with this PEM chain.")] = None,
    key: Annotated[Path | None, typer.Option(metavar="FILE", help="Its key (default: in the same file).")] = None,
) -> None:
    """Answer Orbweaver's own batch protocol (docs/matching-services.md) from a built hash list."""
    from orbweaver.console import matcher_serving

    matcher_serving.run(hashes, listen=listen, token=token, certificate=certificate, key=key)


@matcher_commands.command(
    epilog="Example:\n\n  orbweaver matcher accept hashlist:/srv/list.hashes\n\n"
    "Exit status: 0 accepted; 2 no such service, or nothing to accept.",
)
def accept(
    service: Annotated[str, typer.Argument(metavar="NAME", help="The service, as `doctor` and warnings name it.")],
    state: StateDir = None,
) -> None:
    """Accept that a service's list has shrunk: it is whole with what it has now."""
    from orbweaver.matcher_client import standings
    from orbweaver.store import embedded
    from orbweaver.store.opening import open_store

    settings = _settings(state)
    with open_store(settings, embedded.prepare_state_dir(settings.state_dir)) as (store, _):
        standing = standings.accept(store, service)
    print(f"{service}: {standing.entries} entries accepted; it is checked again within HEALTH_SECONDS")


@hashlist.command(
    epilog="Examples:\n\n"
    "  orbweaver hashlist sync 'ncmec://hashsharing.ncmec.org/npo?username=env:NCMEC_USER"
    "&password=file:/run/secrets/ncmec' -o ncmec.hashes\n\n"
    "Exit status: 0 the list is up to date; 1 not all could be had, and nothing was changed; 2 bad usage."
)
def sync(
    source: Annotated[str, typer.Argument(metavar="URL", help="ncmec://HOST/PATH?username=...&password=...")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="The built list to keep up to date.")],
    is_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Bring a built hash list up to date with NCMEC Hash Sharing: what changed since the last time, deletions too."""
    from orbweaver.console import list_sync

    list_sync.run(source, output, is_json=is_json)


def _authority(text: str | None) -> str | None:
    if text is None:
        return None
    text = text.strip()
    if not text or not text.isprintable():
        raise typer.BadParameter("--authority: a name, in printable characters")
    return text


@scope_commands.command(
    "test",
    epilog="Examples:\n\n"
    "  orbweaver scope test https://www.example.com/logout https://cdn.example.com/a.jpg "
    "--reported https://www.example.com/board/\n\n"
    "  orbweaver scope test https://cdn.example.com/a.jpg --reported https://www.example.com/ --kind embed "
    "--embeds same-site --explain\n\n"
    "Exit status: 0 every URL is accepted; 1 some are rejected; 2 bad usage.",
)
def scope_test(
    urls: Annotated[list[str], typer.Argument(metavar="URL...", help="URLs to judge; defanged ones are read.")],
    reported: Annotated[
        list[str], typer.Option(metavar="URL", help="A reported URL, whose scope it is; may be repeated.")
    ],
    scope: Annotated[ScopeKind, typer.Option(help="How far from a reported URL to go.")] = ScopeKind.HOST,
    embeds: Annotated[Embeds, typer.Option(help="Files of other hosts that pages in scope show.")] = Embeds.OFF,
    kind: Annotated[
        Literal["page", "file", "embed"],
        typer.Option(help="What refers to them: embed is a file that a page shows."),
    ] = "page",
    referrer: Annotated[
        str | None, typer.Option(metavar="URL", help="The page that refers to them (default: the first reported URL).")
    ] = None,
    depth: Annotated[int, typer.Option(min=0, help="Links from a reported URL.")] = 1,
    explain: Annotated[bool, typer.Option("--explain", help="Also show the rules that abstained.")] = False,
    is_json: Annotated[bool, typer.Option("--json", help="Print the decisions as JSON.")] = False,
) -> None:
    """Say whether URLs would be fetched, and which rule decides; connects to nobody."""
    from orbweaver.console import scope_test as command

    options = command.Options(
        urls=urls,
        reported=reported,
        kind=scope,
        embeds=embeds,
        met=command.Met(kind),
        referrer=referrer,
        depth=depth,
        is_explained=explain,
        is_json=is_json,
    )
    raise typer.Exit(command.run(options))


def _settings(state_dir: Path | None) -> Settings:
    settings = orbweaver_settings.load()
    return settings if state_dir is None else settings.model_copy(update={"state_dir": state_dir})


def _end_with_parent() -> None:
    """Ask the kernel for a SIGTERM when the process that started us dies, however it dies."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(FAILED)


def _version(is_asked: bool) -> None:
    if is_asked:
        print(orbweaver.__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command; every foreseen error is one line on standard error and a status."""
    try:
        app()
    except SettingsRefused as error:
        _fail(str(error), BAD_USAGE)
    except KeyboardInterrupt:
        _fail("interrupted", INTERRUPTED)
    except Exception as error:
        status = _status_of(error)
        if status is None:
            raise
        _fail(str(error), status)


def _status_of(error: Exception) -> int | None:
    """Return the exit status of a foreseen error, None for a bug."""
    from orbweaver.console.list_lookup import BadDigest
    from orbweaver.console.output_files import OutputUnusable
    from orbweaver.console.scope_test import NoScope
    from orbweaver.console.verify import NothingToDo
    from orbweaver.crawler.errors import CrawlError, NetworkRefused
    from orbweaver.matcher_client.errors import MatcherError, Unavailable
    from orbweaver.queue.errors import QueueError, StoreBusy
    from orbweaver.store.errors import StateDirUnusable, StoreError
    from orbweaver.takedown.errors import TakedownError
    from redis.exceptions import RedisError

    usage = (
        StateDirUnusable
        | MatcherError
        | QueueError
        | TakedownError
        | OutputUnusable
        | NothingToDo
        | NoScope
        | BadDigest
        | NetworkRefused
    )
    if isinstance(error, usage) and not isinstance(error, StoreBusy | Unavailable):
        return BAD_USAGE
    if isinstance(error, StoreBusy | Unavailable | StoreError | RedisError | CrawlError | OSError):
        return FAILED
    return None


def _fail(said: str, status: int) -> None:
    print(f"orbweaver: {said}", file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    main()
