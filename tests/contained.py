"""Runs a function, above all a sandboxed recrawl, in a process of its own: a sandbox is for a process's life."""

from __future__ import annotations

import importlib.util
import inspect
import multiprocessing
import os
import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

import pytest
from orbweaver import settings as orbweaver_settings
from orbweaver.crawler import crawl_messages, message_checks, recrawl
from orbweaver.crawler.containment import sandbox
from orbweaver.crawler.fetching.connecting import tls
from orbweaver.crawler.revisiting.known_responses import KnownResponses
from orbweaver.crawler.rules import scope
from orbweaver.model import Limits, Report, Reported, Scope, ScopeKind, Sighting, Skip, Tally
from orbweaver.settings import Settings

T = TypeVar("T")
# Its server is single-threaded and is prepared as the worker that forks crawl processes is, and has imported what the
# file of a test imports, which each child reads again.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    ["pytest", "hypothesis.strategies", "hostile.trial", "synthetic_host", "preloaded_worker"]
)


def _start_server() -> None:
    """Start the server where it finds the modules beside this one: those that it does not find it leaves out."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        forkserver.ensure_running()


class Died(AssertionError):
    """The child ended, or had to be ended, without a word."""


@dataclass
class Child:
    """A process on its way; `wait` returns what its function returned, and raises what it raised."""

    process: Any
    receiver: Connection

    def wait(self, seconds: float = 600) -> Any:
        try:
            if not self.receiver.poll(seconds):
                raise Died(f"the child said nothing for {seconds} s")
            is_error, value = self.receiver.recv()
        except EOFError:
            self.process.join()
            raise Died(f"the child died with {self.process.exitcode}") from None
        finally:
            self.receiver.close()
            if self.process.is_alive():
                self.process.join(5)
                self.process.kill()
            self.process.join()
        if is_error:
            raise value
        return value


def start(function: Callable[..., Any], *arguments: Any, environment: Mapping[str, str] | None = None) -> Child:
    """Start a module-level function in a child that has one thread."""
    _start_server()
    receiver, sender = _context.Pipe(duplex=False)
    # By file: test modules cannot be imported by name.
    work = (inspect.getfile(function), function.__module__, function.__name__, arguments, dict(environment or {}))
    process = _context.Process(target=_work, args=(sender, *work))
    process.start()
    sender.close()
    return Child(process, receiver)


def run(function: Callable[..., T], *arguments: Any, environment: Mapping[str, str] | None = None) -> T:
    """Return what the function returns in a child process."""
    result: T = start(function, *arguments, environment=environment).wait()
    return result


def _work(
    sender: Connection, file: str, module: str, name: str, arguments: tuple[Any, ...], environment: dict[str, str]
) -> None:
    os.environ.update(environment)
    if environment:
        tls.verified_context.cache_clear()  # what the server has read may be another with these
        sandbox._names_to_read.cache_clear()
    try:
        value = getattr(_module(file, module), name)(*arguments)
    except Exception as error:
        sender.send((True, _portable(error)))
    else:
        sender.send((False, value))


def _module(file: str, name: str) -> Any:
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def _portable(error: Exception) -> Exception:
    """A cause or an argument of an error may not be picklable."""
    if type(error).__module__.startswith(("orbweaver.", "scrapy.", "builtins")):
        return error
    return RuntimeError(f"{type(error).__name__}: {error}")


@dataclass(frozen=True)
class Crawled:
    """What a recrawl in a child found, how it ended, and what it took (KiB)."""

    sightings: list[Sighting]
    skips: list[Skip]
    tally: Tally
    stopped_by: str | None
    suggestions: dict[str, int]
    memory_before: int
    memory_peak: int
    reported: tuple[Reported, ...] = ()

    @property
    def urls(self) -> list[str]:
        return [one.url for one in self.sightings]

    @property
    def outcomes(self) -> dict[str, str]:
        return {one.url: str(one.outcome) for one in self.skips}

    @property
    def rules(self) -> dict[str, str]:
        return {one.url: one.rule for one in self.skips}

    def skip_of(self, url: str) -> Skip:
        (skip,) = [one for one in self.skips if one.url == url]
        return skip


@dataclass(frozen=True)
class Order:
    """A recrawl to do; `settings` are Orbweaver's, `terms` fields of the scope, `handler` replaces Scrapy's handler."""

    reports: tuple[Report, ...]
    kind: ScopeKind = ScopeKind.HOST
    limits: Limits = field(default_factory=Limits)
    settings: Mapping[str, Any] | None = None
    terms: Mapping[str, Any] | None = None
    handler: str | None = None


def order(*reports: Report | str, **fields: Any) -> Order:
    known = {name: fields.pop(name) for name in ("kind", "limits", "handler", "terms") if name in fields}
    whole = tuple(Report(url=one) if isinstance(one, str) else one for one in reports)
    return Order(whole, settings={"allow_addresses": ("127.0.0.0/8",), **fields}, **known)


def crawl(*reports: Report | str, environment: Mapping[str, str] | None = None, **fields: Any) -> Crawled:
    """Recrawl the scope of the reports in a sandboxed child; other fields are an Order's or settings."""
    return run(crawl_here, order(*reports, **fields), environment=environment)


def crawl_here(one: Order) -> Crawled:
    """Recrawl in this process, which is in the sandbox afterwards."""
    sightings: list[Sighting] = []
    skips: list[Skip] = []

    def record(more: Sequence[Sighting], more_skips: Sequence[Skip], tally: Tally) -> None:
        as_told(one, more, more_skips, tally)
        sightings.extend(more)
        skips.extend(more_skips)

    before, ended = crawl_with(one, record)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Crawled(sightings, skips, ended.tally, ended.stopped_by, ended.suggestions, before, peak, ended.reported)


def as_told(one: Order, sightings: Sequence[Sighting], skips: Sequence[Skip], tally: Tally) -> None:
    """Fail when a recrawl worker would not believe what was found."""
    for start in range(0, max(len(sightings), len(skips)), crawl_messages.MOST_AT_ONCE):
        some = slice(start, start + crawl_messages.MOST_AT_ONCE)
        told = crawl_messages.Found(sightings=tuple(sightings[some]), skips=tuple(skips[some]), tally=tally)
        assert message_checks.read(told.model_dump_json().encode(), scope_of(one), one.reports) == told


def scope_of(one: Order) -> Scope:
    merged = scope.merge([scope.scope_for(one.kind, report.url, one.limits) for report in one.reports])
    return merged.model_copy(update=one.terms)


def crawl_with(one: Order, record: Any, *, known: KnownResponses | None = None) -> tuple[int, recrawl.Ended]:
    """Recrawl in this process with a `record` of the caller's; also return the peak memory before."""
    settings = Settings(**(one.settings or {}))
    merged = scope_of(one)
    if one.handler is not None:
        orbweaver_settings.DOWNLOAD_HANDLERS.update({"http": one.handler, "https": one.handler})
        recrawl.prepare()
    recrawl.enter_sandbox(merged, settings)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return before, recrawl.run(merged, one.reports, record, settings, known=known)
