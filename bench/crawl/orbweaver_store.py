"""Reads what Orbweaver wrote to the store in a run, as the proof that it found everything; then empties the store."""

from __future__ import annotations

from pathlib import Path

from orbweaver.queue.records import batches, recrawls, runs
from orbweaver.store import connection, embedded, keys
from orbweaver.store.connection import text

from bench.crawl.task import CrawlFindings, Task

RUN_ID = "bench"


def found(task: Task) -> CrawlFindings:
    """Return the run's pages and the digests of its sightings, and empty the store; a failure is an error."""
    store = connection.connect(embedded.url_for(Path(task.state_dir)))
    sha256s: list[str] = []
    for batch_id in store.smembers(keys.run_batches(RUN_ID)):
        batch = batches.read(store, text(batch_id))
        assert batch is not None
        sha256s += [one.digests.sha256 for one in batch.sightings]
    pages = 0
    for recrawl_id in runs.recrawl_ids(store, RUN_ID):
        record = recrawls.read(store, recrawl_id)
        assert record is not None
        assert record.state is recrawls.RecrawlState.FINISHED, record
        assert record.tally.failures == 0, recrawls.skips(store, recrawl_id)[:5]
        assert record.sandbox is not None
        assert record.sandbox["is_on"], "a recrawl without its sandbox is another job"
        pages += record.tally.pages
    store.flushall()
    store.close()
    return CrawlFindings(pages, tuple(sha256s))
