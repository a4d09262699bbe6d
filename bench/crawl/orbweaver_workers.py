"""Orbweaver as it works: preloaded worker processes fork a process a host, whose sandboxed child recrawls it.

What a recrawl worker does is done here as queue/recrawling.py does it, with the real recorder and the real store; RQ
itself is left out. With one worker the hosts are recrawled one after the other, with two at once.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from orbweaver.queue.fleet.workers.preload import preload

from bench.crawl.task import Task, answer, read_task

if TYPE_CHECKING:
    from orbweaver.settings import Settings

# What else of Orbweaver is needed is imported where it is: a worker preloads first.
RUN_ID = "bench"


def recrawl(start: str, task: Task, settings: Settings) -> None:
    """Recrawl one host for this process, in a sandboxed child."""
    from orbweaver.crawler import crawl_process
    from orbweaver.crawler.crawl_messages import Answered, Contained, Finished, Found, Remembered
    from orbweaver.crawler.rules import scope as scopes
    from orbweaver.model import Limits, Report, ScopeKind
    from orbweaver.queue.intake.orders import Order
    from orbweaver.queue.records import known_responses, recrawl_fence, recrawls
    from orbweaver.store import connection, embedded

    limits = Limits(max_pages=10**7, max_files=10**7, max_bytes=10**15, max_seconds=3_600, max_host_cost=10**9)
    store = connection.connect(embedded.url_for(Path(task.state_dir)))
    order = Order(scope=scopes.scope_for(ScopeKind.HOST, start, limits), reports=(Report(url=start),))
    recrawl_id = recrawls.create(store, RUN_ID, order)
    attempt = recrawls.begin(store, recrawl_id)
    assert attempt is not None
    known, memory = known_responses.begin(store, order.scope, settings)
    remembered: list[Remembered] = []

    def write(said: recrawl_fence.Write) -> None:
        recrawl_fence.record_together(store, recrawl_id, attempt, [said])

    with crawl_process.CrawlProcess(order.scope, order.reports, settings, known=known) as told:
        for said in told:
            match said:
                case Contained():
                    write(recrawls.contained(recrawl_id, said.enforced))
                case Found():
                    write(recrawls.found(store, recrawl_id, RUN_ID, said.sightings, said.skips, said.tally))
                case Answered():
                    write(recrawls.answered(recrawl_id, said.reported))
                case Remembered():
                    remembered.append(said)
                case _:
                    assert isinstance(said, Finished), said
                    assert said.stopped_by is None, said
                    end = recrawls.RecrawlState.FINISHED
                    recrawls.end(
                        store, recrawl_id, end, suggestions=said.suggestions, answers=said.answers, attempt=attempt
                    )
                    files = [file for one in remembered for file in one.files]
                    pages = [page for one in remembered for page in one.pages]
                    handed_on = memory.kept(files, pages, is_untrue=False, is_whole=True)
                    write(handed_on)


def fork(start: str, task: Task, settings: Settings) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        recrawl(start, task, settings)
    except BaseException:  # noqa: BLE001 - whatever it is, a fork must end here
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    os._exit(0)


def main() -> None:
    task = read_task()
    preload()
    from orbweaver.settings import Settings

    settings = Settings(
        allow_addresses=("127.0.0.0/8",), host_connections=task.connections, state_dir=Path(task.state_dir)
    )
    began = time.monotonic()
    waiting, running, peaks = list(task.starts), 0, []
    while waiting or running:
        while waiting and running < task.workers:
            fork(waiting.pop(0), task, settings)
            running += 1
        _, status, used = os.wait4(-1, 0)
        assert status == 0, f"a process ended with {os.waitstatus_to_exitcode(status)}"
        running -= 1
        peaks.append(used.ru_maxrss * 1024)
    answer(
        task,
        pages=0,
        sha256s=(),
        # A worker lives long: what several gain is measured without its start.
        crawl_seconds=time.monotonic() - began,
        peak_bytes=sum(sorted(peaks)[-task.workers :]),
    )


if __name__ == "__main__":
    main()
