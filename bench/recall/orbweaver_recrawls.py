"""Orbweaver: a recrawl of each site in a sandboxed child, as a preloaded worker does it.

Without a store: what a crawl process tells its worker is all that counts here.
"""

from __future__ import annotations

from orbweaver.queue.fleet.workers.preload import preload

from bench.recall.task import SiteFindings, answer, read_task

# What else of Orbweaver is needed is imported where it is: a worker preloads first.


def recrawl(start: str) -> SiteFindings:
    """Recrawl the host of one URL with the settings of an installation, but for loopback."""
    from orbweaver.crawler import crawl_messages, crawl_process
    from orbweaver.crawler.rules import scope
    from orbweaver.model import Limits, Report, ScopeKind
    from orbweaver.settings import Settings

    settings = Settings(allow_addresses=("127.0.0.0/8",))
    one = scope.scope_for(ScopeKind.HOST, start, Limits())
    sha256s: list[str] = []
    said: list[str] = []
    with crawl_process.CrawlProcess(one, (Report(url=start),), settings) as told:
        for message in told:
            if isinstance(message, crawl_messages.Found):
                sha256s += [sighting.digests.sha256 for sighting in message.sightings]
                said += [skip.url for skip in message.skips]
    return SiteFindings(tuple(sha256s), tuple(said))


def main() -> None:
    task = read_task()
    preload()
    answer(task, {name: recrawl(start) for name, start in task.starts.items()})


if __name__ == "__main__":
    main()
