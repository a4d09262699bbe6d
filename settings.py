"""Every setting in one place: Orbweaver's own, typed, from the environment; and Scrapy's, each with its reason."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from ipaddress import ip_network
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from orbweaver import cdn_networks
from orbweaver.setting_values import Duration, DurationOrSeconds, read_duration_or_seconds, read_route
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

log = logging.getLogger("orbweaver.settings")

# The beginning of every log line and progress line while SANDBOX=off.
SANDBOX_OFF = "SANDBOX=off  "


class SettingsRefused(Exception):
    """A setting in the environment has a value that cannot be used; the message says which and why."""


def default_state_dir() -> Path:
    """Return the XDG state directory of Orbweaver, `~/.local/state/orbweaver` unless XDG_STATE_HOME is set."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "orbweaver"


# A blank inside a path of hashlist: does not begin with a scheme, so it separates nothing.
_NEXT_SINK = re.compile(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]*:)")
_NEXT_URL = re.compile(r"\s+(?=[A-Za-z][A-Za-z0-9+.-]*:)")

# Settings under their former names, which still work. Scrapy copies every name in capitals: no MappingProxyType.
RENAMED: Mapping[str, str] = {
    "health_seconds": "health_interval",
    "connect_seconds": "connect_timeout",
    "header_seconds": "header_timeout",
    "stall_seconds": "stall_timeout",
    "transfer_seconds": "transfer_timeout",
    "grace_seconds": "grace_period",
}


# At an address of a CDN each host has its own pace: it bears them all. On loopback servers are told apart by ports.
_LOOPBACK = ("127.0.0.0/8", "::1/128")
_OWN_PACE_NETWORKS = (*_LOOPBACK, *(network for networks in cdn_networks.BY_NAME.values() for network in networks))


class Settings(BaseSettings):
    """Orbweaver's settings; each is an environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    store_url: str | None = Field(
        default=None, description="redis://, rediss://, unix:// or sentinel://; none: embedded"
    )
    store_replicas: int = Field(
        default=0, ge=0, le=16, description="replicas that must have cases on their disks, besides the store itself"
    )
    matcher_url: str | None = Field(default=None, description="hash-matching services, e.g. hashlist:/path")
    health_interval: DurationOrSeconds = Field(
        default=timedelta(minutes=1),
        gt=timedelta(0),
        le=timedelta(hours=1),
        description="between two checks of a matching service",
    )
    max_list_age: Duration | None = Field(
        default=None, description="a list older than this is unhealthy; none: no limit"
    )
    max_list_shrinkage: float = Field(
        default=0.1, ge=0, le=1, description="a list that lost more of its entries is unhealthy"
    )
    verdict_cache: Duration = Field(default=timedelta(hours=1), description="how long verdicts are kept; 0s: never")
    assessors: int = Field(
        default=1, ge=1, le=2, description="how many different people have to agree to release, reject or revise"
    )
    takedown_sinks: Annotated[tuple[str, ...], NoDecode] = Field(default=(), description="e.g. jsonl:/path")
    sink_secrets: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="where the secret of each sink is, e.g. engine.example=file:/run/secrets/engine"
    )
    sink_roots: Path | None = Field(
        default=None, description="PEM file of the authorities that sinks over TLS are trusted by; none: the usual ones"
    )
    state_dir: Path = Field(default_factory=default_state_dir, description="where the embedded store lives")
    audit_key_file: Path | None = Field(
        default=None, description="the key that signs checkpoints of the audit log; none: one in the state directory"
    )
    audit_timestamp_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s@]+$",
        description="time-stamp authority (RFC 3161) that stamps each checkpoint of the audit log; none: no stamps",
    )
    audit_checkpoint_every: Duration = Field(
        default=timedelta(days=1),
        ge=timedelta(minutes=1),
        le=timedelta(days=366),
        description="how often a scheduler writes a checkpoint of the audit log, when the log has grown",
    )
    console_listen: str = Field(
        default="127.0.0.1:8788", description="HOST:PORT of the console; off: `run` serves none"
    )
    console_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s@/?#]+$",
        description="the address of the console for browsers, where a proxy is in front of it; none: where it listens",
    )
    allow_addresses: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="CIDR ranges that may be fetched although they are not globally routable"
    )
    own_pace_networks: Annotated[tuple[str, ...], NoDecode] = Field(
        default=_OWN_PACE_NETWORKS,
        description="networks in which hosts that share an address share no pace, as of a CDN",
    )
    nat64_prefixes: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="NAT64 prefixes of this network; none: DNS is asked (RFC 7050)"
    )
    geo_country_db: Path | None = Field(default=None, description="a MaxMind DB file: address to country")
    geo_asn_db: Path | None = Field(default=None, description="a MaxMind DB file: address to network and its provider")
    routes: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="who is told of a case, by the country of the file: SE=police, *=inhope"
    )
    sandbox: Literal["on", "off"] = Field(default="on", description="off: crawl without kernel containment")
    user_agent: str = Field(default="Mozilla/5.0 (compatible; Orbweaver/0.1)", description="sent to hosts")
    host_connections: int = Field(default=2, ge=1, le=64, description="connections to one host at once")
    connect_timeout: DurationOrSeconds = Field(
        default=timedelta(seconds=10), gt=timedelta(0), description="to resolve, connect and shake hands"
    )
    header_timeout: DurationOrSeconds = Field(
        default=timedelta(seconds=20), gt=timedelta(0), description="from request to the end of the headers"
    )
    stall_timeout: DurationOrSeconds = Field(
        default=timedelta(seconds=20), gt=timedelta(0), description="longest silence inside a body"
    )
    transfer_timeout: DurationOrSeconds = Field(
        default=timedelta(minutes=30), gt=timedelta(0), description="longest transfer of one body"
    )
    grace_period: DurationOrSeconds = Field(
        default=timedelta(seconds=15), gt=timedelta(0), description="a body may be slow this long from its start"
    )
    slowest_bytes_per_second: int = Field(default=1_024, ge=0, description="lowest mean rate allowed after that")
    html_bytes: int = Field(default=5 * 2**20, ge=1, description="HTML, or another document, held in memory for links")
    file_bytes: int = Field(default=8 * 2**30, ge=1, description="decoded bytes of one file, at most")
    archive_members: int = Field(default=10_000, ge=1, description="members read of one archive, at most")
    archive_bytes: int = Field(default=8 * 2**30, ge=1, description="decoded bytes of one archive's members, at most")
    archive_depth: int = Field(default=3, ge=0, le=8, description="levels of archives inside archives")
    memory_bytes: int = Field(default=4 * 2**30, ge=2**28, description="RLIMIT_AS of a crawl process")
    recrawls_at_once: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="recrawls under way at once on this machine; None: by its memory and cores",
    )

    recheck_every: Duration = Field(
        default=timedelta(hours=4),
        ge=timedelta(minutes=5),
        le=timedelta(days=7),
        description="how often the file of an open case is looked for",
    )

    full_visit_every: int = Field(
        default=7,
        ge=1,
        le=1_000,
        description="of the visits of a host, each such one fetches every file in full; 1: each visit",
    )
    slice_time: DurationOrSeconds = Field(
        default=timedelta(minutes=10),
        gt=timedelta(0),
        le=timedelta(days=30),
        description="a recrawl that takes longer lets others go first, and then goes on",
    )
    slice_pages: int = Field(
        default=1_000, ge=1, description="pages after which a recrawl lets others go first, and then goes on"
    )
    stop_grace: DurationOrSeconds = Field(
        default=timedelta(seconds=10),
        ge=timedelta(0),
        le=timedelta(hours=1),
        description="a transfer that is under way may go on so long when a recrawl is stopped; workers end within 15 s",
    )

    sighting_retention: Duration = Field(
        default=timedelta(days=90),
        ge=timedelta(0),
        le=timedelta(days=36_500),
        description="how long files without a match are kept to be asked about again; 0: not at all",
    )
    case_retention: Duration = Field(
        default=timedelta(days=730),
        ge=timedelta(days=30),
        le=timedelta(days=36_500),
        description="how long closed and withdrawn cases stay as they are after their last event; then pseudonymised",
    )
    access_retention: Duration = Field(
        default=timedelta(days=365),
        ge=timedelta(days=30),
        le=timedelta(days=36_500),
        description="how long the audit log says who looked at which cases",
    )

    remind_every: Duration = Field(
        default=timedelta(hours=24),
        ge=timedelta(minutes=1),
        le=timedelta(days=365),
        description="how often the takedown engine is reminded of an open case whose file is still seen",
    )

    schedule_policy: Literal["square-root", "uniform", "tiers"] = Field(
        default="square-root", description="how often each host is revisited, by the budget"
    )
    schedule_budget: float = Field(
        default=10_000, ge=0, le=1e9, description="visits (or requests) of scheduled hosts a day; 0: none"
    )
    schedule_unit: Literal["visits", "requests"] = Field(default="visits", description="what SCHEDULE_BUDGET counts")
    authority_required: bool = Field(
        default=False, description="a host is added only under a named authority with an expiry"
    )

    reporter_organisation: str | None = Field(
        default=None, description="the organisation that notices and reports are from; none: no notice is exported"
    )
    reporter_contact: str | None = Field(default=None, description="its mail address for questions and corrections")
    reporter_domain: str | None = Field(default=None, description="its domain; none: that of REPORTER_CONTACT")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Leave out .env files and folders of secrets: there are none, and to look for them took 40 % of the time."""
        return init_settings, env_settings

    @field_validator("takedown_sinks", mode="before")
    @classmethod
    def _split_sinks(cls, value: object) -> object:
        """Commas or blanks separate sinks where the next one's scheme follows: a directory's name may have some."""
        if isinstance(value, str):
            return tuple(part for part in _NEXT_SINK.split(value.strip(" ,\t\n")) if part)
        return value

    @field_validator("sink_secrets", mode="before")
    @classmethod
    def _split_secrets(cls, value: object) -> object:
        """Blanks separate them."""
        return tuple(value.split()) if isinstance(value, str) else value

    @field_validator("allow_addresses", "nat64_prefixes", "own_pace_networks", "routes", mode="before")
    @classmethod
    def _split_list(cls, value: object) -> object:
        """Lists are written with commas or spaces, as operators write them in unit files."""
        if isinstance(value, str):
            return tuple(part for part in value.replace(",", " ").split() if part)
        return value

    @field_validator("own_pace_networks")
    @classmethod
    def _check_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what is no network here: a worker reads the list when its first recrawl begins."""
        for text in value:
            ip_network(text)
        return value

    @field_validator("geo_country_db", "geo_asn_db", "sink_roots", mode="before")
    @classmethod
    def _no_path(cls, value: object) -> object:
        """A variable that is set to nothing names no file: Path("") would be the working directory."""
        return value if not isinstance(value, str) or value.strip() else None

    @field_validator("routes")
    @classmethod
    def _check_routes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        countries = [read_route(text)[0] for text in value]
        for country in countries:
            if countries.count(country) > 1:
                raise ValueError(f"{country} has two routes")
        return value

    @property
    def matcher_urls(self) -> tuple[str, ...]:
        """The URLs in MATCHER_URL: blanks and line ends separate them where the next one's scheme follows."""
        written = (self.matcher_url or "").strip()
        return tuple(_NEXT_URL.split(written)) if written else ()


def load(environment: Mapping[str, str] = MappingProxyType({})) -> Settings:
    """Read the settings from the environment; the one that is given goes before the process's own.

    A setting that has its former name is read, too, and logged once with its new one. They are checked again only when
    the environment has changed: a worker asks for them several times a job.
    Raises SettingsRefused naming the first variable whose value cannot be used, or the two names of one setting when
    they have different values.
    """
    return _read(tuple(os.environ.items()), tuple(environment.items()))


@lru_cache(maxsize=2)
def _read(own_environment: tuple[tuple[str, str], ...], environment: tuple[tuple[str, str], ...]) -> Settings:
    own, former = _under_new_names(dict(own_environment))
    given, former_given = _under_new_names(dict(environment))
    values = own | given
    former = {name: old for name, old in former.items() if name not in given} | former_given
    for name, old in former.items():
        if old not in _noted:
            _noted.add(old)
            log.warning("setting %s is now called %s; the old name still works", old.upper(), name.upper())
    try:
        return Settings(**{name: values[name] for name in Settings.model_fields.keys() & values.keys()})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        # Not the error's own input, which is a timedelta where the text was read and is out of bounds.
        written = values.get(name, first["input"])
        raise SettingsRefused(f"setting {former.get(name, name).upper()}={written!r}: {first['msg']}") from error


# Former names that were logged: one line a process is enough, however often it reads the settings.
_noted: set[str] = set()


def _under_new_names(environment: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return an environment's values, and the former name of each setting that has it there; raises SettingsRefused."""
    values: dict[str, Any] = {name.lower(): value for name, value in environment.items()}
    former: dict[str, str] = {}
    for old, new in RENAMED.items():
        if old not in values:
            continue
        if new in values and not _is_same(values[old], values[new]):
            raise SettingsRefused(
                f"settings {old.upper()}={values[old]!r} and {new.upper()}={values[new]!r} are one setting with two "
                f"values: remove {old.upper()}"
            )
        if new not in values:
            values[new], former[new] = values[old], old
    return values, former


def _is_same(one: str, other: str) -> bool:
    try:
        return read_duration_or_seconds(one) == read_duration_or_seconds(other)
    except ValueError:
        return one == other


# Scrapy's settings (alphabetical). Settings that are not here keep the default of Scrapy 2.19.
# C3 and C4 are sections of the project's survey of crawler security; "measured" is docs/performance.md.

BOT_NAME = "orbweaver"
COMPRESSION_ENABLED = False  # the handler decodes while streaming, with limits; nothing is left to decode
CONCURRENT_ITEMS = 1  # the default of 100 makes 100 tasks per response: 1 ms of CPU each (measured)
CONCURRENT_REQUESTS = 0  # no limit: crawler.fetching.pace.politeness keeps it, for pages and files together
CONCURRENT_REQUESTS_PER_DOMAIN = 64  # the most that HOST_CONNECTIONS can be; fetching.politeness keeps it
COOKIES_ENABLED = False  # no state between requests; cookies belong to access profiles
DEPTH_LIMIT = 0  # a scope's max_depth is checked with the other rules of the scope
DOWNLOAD_DELAY = 0  # the connection limit is the pace; a delay per scope belongs to access profiles
DOWNLOAD_FAIL_ON_DATALOSS = True  # a cut body must never give a digest
DOWNLOAD_HANDLERS = {
    "http": "orbweaver.crawler.handler.HashingDownloadHandler",
    "https": "orbweaver.crawler.handler.HashingDownloadHandler",
    "data": None,  # data: URIs are hashed in place, never requested
    "file": None,  # a redirect to file:// must not read the worker's disk (GHSA-23j4-mw76-5v7h)
    "ftp": None,
    "s3": None,  # credentials would be sent along (GHSA-76g3-c3x4-crvx)
}
DOWNLOAD_MAXSIZE = 0  # bodies are not held: HTML_BYTES bounds pages, FILE_BYTES files, max_bytes the recrawl
DOWNLOAD_TIMEOUT = 1_800  # the handler keeps finer deadlines: connect, headers, stall, throughput, total
# What Scrapy adds to every crawl by itself is left out as a whole: an allow list, so that a later Scrapy adds nothing
# unseen. To name one with None in DOWNLOADER_MIDDLEWARES or EXTENSIONS would import it first (2.19), in every process.
DOWNLOADER_MIDDLEWARES_BASE: dict[str, int] = {}  # cookies, auth, cache, proxies, redirects, retries are our own
DUPEFILTER_CLASS = "scrapy.dupefilters.BaseDupeFilter"  # seen URLs are dropped before a Request is made
EXTENSIONS_BASE: dict[str, int] = {}  # a remote control that runs code, a shell, files with items or state (C4)
FEEDS: dict[str, Any] = {}  # no item export: sightings leave through record() only
FILES_STORE = None  # no FilesPipeline: it keeps whole bodies and writes them
HTTPCACHE_ENABLED = False  # writes bodies to disk
HTTPERROR_ALLOW_ALL = True  # an error status is an outcome to record, not an exception
HTTPPROXY_ENABLED = False  # a proxy from the environment would bypass the egress rules (C1)
IMAGES_STORE = None  # as FILES_STORE
JOBDIR = None  # disk queues are pickle files
LOG_FORMATTER = "orbweaver.crawler.log_lines.NoLinePerPage"  # a line a page would cost 40 us and name its URL
LOG_INSTALL_ROOT_HANDLER = False  # a worker has its own log; `scrapy crawl` prints results, not a log
LOG_LEVEL = "WARNING"  # INFO and below name URLs
LOG_VERSIONS: list[str] = []  # they would be looked up on disk by every crawl process, and not shown at this level
MEMUSAGE_ENABLED = False  # RLIMIT_AS holds the line, in the kernel
METAREFRESH_ENABLED = False
REDIRECT_ENABLED = False
REFERER_ENABLED = False  # do not tell a host which reported page led to it
REFERRER_POLICY = "no-referrer"  # should anybody switch the middleware on
REMOTE_CONTROL_ENABLED = False  # on by default: an HTTP server that runs code, and writes job files (C4)
RETRY_ENABLED = False  # crawler.fetching.fetcher tries again, for files too
ROBOTSTXT_OBEY = False  # reported URLs are checked under the hotline's authority; control comes per scope
SCHEDULER_PRIORITY_QUEUE = "scrapy.pqueues.ScrapyPriorityQueue"  # one host: no per-domain queues needed
SCRAPER_SLOT_MAX_ACTIVE_SIZE = 5_000_000  # back-pressure: at most about one page of HTML_BYTES waits for parsing
SPIDER_MIDDLEWARES_BASE: dict[str, int] = {}  # depth, referrer and lengths of URLs are judged by crawler.rules
SPIDER_MODULES = ["orbweaver.crawler.scrapy_command"]
STATS_DUMP = False
TELNETCONSOLE_ENABLED = False  # a shell in the crawl process
TWISTED_REACTOR_ENABLED = False  # asyncio alone: a reactor's epoll would be shared by forked workers
URLLENGTH_LIMIT = 0  # crawler.rules.urls.MAX_URL_LENGTH, for links and redirects alike
USER_AGENT = "Mozilla/5.0 (compatible; Orbweaver/0.1)"  # recrawl jobs override it with USER_AGENT
