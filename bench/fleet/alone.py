"""Crawl processes and nothing else: a preloaded parent forks each, and reads what it says, without store and matching.

The answer has the CPU seconds of the crawl processes, all together.
"""

from __future__ import annotations

import resource

from orbweaver.queue.fleet.workers.preload import preload

from bench.crawl.task import answer, read_task

# What else of Orbweaver is needed is imported where it is: a worker preloads first.


def main() -> None:
    task = read_task()
    preload()
    from orbweaver.crawler import crawl_process
    from orbweaver.crawler.crawl_messages import Finished, Found
    from orbweaver.crawler.rules import scope as scopes
    from orbweaver.model import Limits, Report, ScopeKind
    from orbweaver.settings import Settings

    settings = Settings(allow_addresses=("127.0.0.0/8",), host_connections=task.connections)
    sha256s = []
    pages = 0
    for start in task.starts:
        scope = scopes.scope_for(ScopeKind.HOST, start, Limits())
        tally = None
        with crawl_process.CrawlProcess(scope, (Report(url=start),), settings) as told:
            for said in told:
                if isinstance(said, Found):
                    sha256s += [one.digests.sha256 for one in said.sightings]
                    tally = said.tally
        assert isinstance(said, Finished), said
        assert tally is not None
        pages += tally.pages
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    answer(task, pages=pages, sha256s=sha256s, crawl_cpu_seconds=used.ru_utime + used.ru_stime)


if __name__ == "__main__":
    main()
