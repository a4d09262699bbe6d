"""A recrawl in slices, and one whose process is killed: nothing is lost, and no file is fetched twice."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web
from builders import PATIENCE_SECONDS, RUN, an_order, started_worker, url_of
from contained import start
from gate import Gate
from orbweaver.crawler.visiting.checkpoints import keeping
from orbweaver.model import AccessProfile, Limits, Scope
from orbweaver.queue import queues
from orbweaver.queue.fleet.workers import plain_worker
from orbweaver.queue.hosts.visit_outcome import VisitOutcome, ending_of
from orbweaver.queue.intake.orders import Order
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import batches, recrawls, runs
from orbweaver.queue.records.recrawls import RecrawlRecord, RecrawlState
from orbweaver.store import connection, keys
from orbweaver.store.connection import Store, text
from orbweaver_command import Workplace, eventually
from synthetic_host import Resource, SyntheticHost

# However busy the machine is, a crawl waits at its gate and asks no second time.
LOOPBACK = {
    "SANDBOX": "off",
    "ALLOW_ADDRESSES": "127.0.0.0/8",
    "HEADER_TIMEOUT": "1h",
    "TRANSFER_TIMEOUT": "1h",
    "HOST_CONNECTIONS": "1",
}
PAGES = 6


def page(number: int) -> Resource:
    text = f'<img src="/{number}.png"><a href="/{number + 1}">on</a><a href="/gone/{number}">gone</a>'
    return Resource("text/html", text.encode())


def chain(**others: Resource) -> dict[str, Resource | tuple[object, ...]]:
    pages = {f"/{number or ''}": page(number) for number in range(PAGES)}
    files = {f"/{number}.png": Resource("image/png", b"\x89PNG\r\n\x1a\n%d" % number) for number in range(PAGES)}
    return {**pages, **files, **others}


def enter(store: Store, order: Order, run_id: str = RUN) -> str:
    runs.create(store, run_id)
    recrawl_id = recrawls.create(store, run_id, order)
    queues.enqueue_recrawl(store, order.scope.name, recrawl_id, 600)
    return recrawl_id


def record_of(store: Store, recrawl_id: str) -> RecrawlRecord:
    record = recrawls.read(store, recrawl_id)
    assert record is not None
    return record


def files_found(store: Store, run_id: str = RUN) -> list[str]:
    """Return the names of the files that are asked about, as often as they are."""
    asked = [batches.read(store, text(one)) for one in store.smembers(keys.run_batches(run_id))]
    urls = [one.url for batch in asked if batch is not None for one in batch.sightings]
    return sorted(url.rpartition("/")[2] for url in urls if url.endswith(".png"))


def files_asked(host: SyntheticHost) -> list[str]:
    return sorted(path[1:] for path in host.paths if path.endswith(".png"))


ALL_FILES = sorted(f"{number}.png" for number in range(PAGES))


def test_a_large_host_gives_way_to_others_after_each_slice_and_is_one_recrawl(store: Store) -> None:
    with SyntheticHost(chain()) as large, SyntheticHost({"/": Resource("text/html", b"")}) as small:
        asked = large.requests
        small.requests = asked  # in one order
        ids = [enter(store, an_order(host.host)) for host in (large, small)]
        with started_worker(store, "recrawl", "--burst", SLICE_PAGES="2", RECRAWLS_AT_ONCE="1", **LOOPBACK) as worker:
            assert worker.wait(PATIENCE_SECONDS) == 0
        hosts = [headers["Host"] for _, headers in asked]
    first = hosts.index(small.host)
    assert 0 < first < len(hosts) - 1
    record, other = (record_of(store, one) for one in ids)
    assert (record.state, other.state) == (RecrawlState.FINISHED, RecrawlState.FINISHED)
    assert record.slices >= 3
    assert record.attempt == record.slices + 1
    assert record.tally.files - record.tally.error_bodies == PAGES
    assert sorted(path for path, headers in asked if headers["Host"] == large.host) == sorted(
        {*chain(), *(f"/gone/{number}" for number in range(PAGES)), f"/{PAGES}"}
    )
    assert files_found(store) == ALL_FILES
    gone = [skip.url.rpartition("/")[2] for skip in recrawls.skips(store, ids[0]) if "/gone/" in skip.url]
    assert sorted(gone) == [str(number) for number in range(PAGES)]
    assert store.keys("orbweaver:recrawl:*:checkpoint") + store.keys("orbweaver:recrawl:*:met") == []


def work_quickly(url: str) -> None:
    """Be a worker whose crawl processes say where they are at each moment."""
    keeping.CHECKPOINT_SECONDS = 0.01  # type: ignore[misc]
    plain_worker.work(connection.connect(url), [QueueName.RECRAWL])


@contextlib.contextmanager
def quick_worker(store: Store) -> Iterator[int]:
    child = start(work_quickly, url_of(store), environment=LOOPBACK)
    try:
        yield child.process.pid
    finally:
        child.process.kill()
        child.process.join()
        child.receiver.close()


def has_ended(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes() == b""
    except OSError:
        return True


def files_in_checkpoint(store: Store, recrawl_id: str) -> int:
    state = store.hget(keys.recrawl_checkpoint(recrawl_id), "state")
    if state is None:
        return 0
    tally = json.loads(zlib.decompress(state))["tally"]  # type: ignore[arg-type]
    return int(tally.get("files", 0)) - int(tally.get("error_bodies", 0))


def children_of(process: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


@pytest.mark.parametrize("fault", ["crawl process killed", "worker killed", "worker told to stop"])
def test_a_recrawl_that_is_killed_goes_on_from_its_last_checkpoint(store: Store, fault: str) -> None:
    gate = Gate(page(3))
    with SyntheticHost(chain(**{"/3": Resource(None, gate.answer)})) as host, contextlib.ExitStack() as fleet:
        recrawl_id = enter(store, an_order(host.host))
        worker = fleet.enter_context(quick_worker(store))
        gate.wait_until_reached()
        eventually(lambda: files_in_checkpoint(store, recrawl_id) == 3)
        [forking] = children_of(worker)
        [crawling] = children_of(forking)
        if fault == "crawl process killed":
            os.kill(crawling, signal.SIGKILL)
        else:
            os.kill(worker, signal.SIGKILL if fault == "worker killed" else signal.SIGTERM)
            eventually(lambda: has_ended(crawling) and has_ended(worker))
            store.delete(keys.upkeep())  # half a minute later
            fleet.enter_context(quick_worker(store))
        eventually(lambda: host.paths.count("/3") == 2)
        gate.open()
        eventually(lambda: record_of(store, recrawl_id).state in recrawls.ENDED)
        assert files_asked(host) == ALL_FILES
        assert [host.paths.count(f"/{number}") for number in range(1, PAGES)] == [1, 1, 2, 1, 1]
    record = record_of(store, recrawl_id)
    assert (record.state, record.attempt) == (RecrawlState.FINISHED, 2)
    assert (record.tally.files - record.tally.error_bodies, record.tally.pages) == (PAGES, PAGES)
    assert files_found(store) == ALL_FILES
    gone = [skip.url.rpartition("/")[2] for skip in recrawls.skips(store, recrawl_id) if "/gone/" in skip.url]
    assert sorted(gone) == [str(number) for number in range(PAGES)]


def test_verify_waits_for_all_slices_and_reports_their_sum() -> None:
    with tempfile.TemporaryDirectory() as folder, SyntheticHost(chain()) as host:
        place = Workplace(Path(folder))
        reports = place.write("reports.txt", f"{host.url}\n{host.url}2\n")
        hashes = place.write("list.txt", f"{os.urandom(32).hex()}\n")
        ran = place.run("verify", reports, "--hashes", hashes, "--json", SLICE_PAGES="2", HOST_CONNECTIONS="1")
        assert ran.status == 0, ran.stderr
        said = ran.json()
    [shown] = said["hosts"]
    assert (shown["state"], shown["outcome"], shown["slices"]) == ("finished", "finished", shown["attempts"])
    assert shown["slices"] >= 3
    totals = said["totals"]
    assert (totals["files"] - totals["error_bodies"], totals["pages"]) == (PAGES, PAGES)
    assert [one["outcome"] for one in said["reports"]["each"]] == ["page", "page"]
    assert files_asked(host) == ALL_FILES


async def versioned(request: web.BaseRequest) -> web.StreamResponse:
    headers = {"ETag": f'"{request.path}"'}
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return web.Response(status=304, headers=headers)
    return web.Response(body=b"\x89PNG\r\n\x1a\n" + request.path.encode(), content_type="image/png", headers=headers)


def test_the_next_visit_knows_the_files_of_all_slices_and_asks_for_each_once(store: Store) -> None:
    files = {f"/{number}.png": Resource(None, versioned) for number in range(PAGES)}
    with SyntheticHost({**chain(), **files}) as host:
        for visit in ("first", "second"):
            host.requests.clear()
            recrawl_id = enter(store, an_order(host.host), run_id=visit)
            with started_worker(store, "recrawl", "--burst", SLICE_PAGES="2", **LOOPBACK) as worker:
                assert worker.wait(PATIENCE_SECONDS) == 0
            assert record_of(store, recrawl_id).slices >= 2
            assert files_asked(host) == ALL_FILES
            assert files_found(store, visit) == ALL_FILES
        asked = [path[1:] for path, headers in host.requests if "If-None-Match" in headers]
    assert sorted(asked) == ALL_FILES


def scoped(host: SyntheticHost | str, limits: Limits | None = None, **terms: object) -> Order:
    name = host if isinstance(host, str) else host.host
    order = an_order(name)
    port = int(name.rpartition(":")[2])
    update = {"limits": limits or Limits(), "ports": (port,), **terms}
    return order.model_copy(update={"scope": Scope.model_validate({**order.scope.model_dump(), **update})})


def test_every_way_to_end_has_its_outcome(store: Store) -> None:
    links = "".join(f'<a href="{path}">on</a>' for path in ("/more", *(f"/calendar/2026/0{n}/" for n in range(1, 5))))
    html = {"/": Resource("text/html", links.encode())}
    html |= {f"/calendar/2026/0{n}/": Resource("text/html", b"") for n in range(1, 5)}
    html["/more"] = Resource("text/html", b"")
    with contextlib.ExitStack() as stack:

        def serve(resources: dict[str, Resource | tuple[object, ...]]) -> SyntheticHost:
            return stack.enter_context(SyntheticHost(resources))

        gates = [Gate(html["/"]), Gate(html["/"])]
        stack.callback(gates[0].open)
        stack.callback(gates[1].open)
        blocked = serve({"/": Resource("text/html", b"", status=403)})
        refusing = serve({**html, "/robots.txt": Resource("text/plain", b"User-agent: *\nDisallow: /\n")})
        with SyntheticHost({}) as closed:
            closed_name = closed.host
        orders = {
            "finished": scoped(serve({**html})),
            "sliced": scoped(serve({**chain(), "/4": Resource(None, gates[0].answer)})),
            "refused": scoped(refusing),
            "unreachable": scoped(closed_name),
            "blocked": scoped(blocked),
            "trapped": scoped(serve({**html}), Limits(max_host_cost=11)),
            "budget": scoped(serve({**html}), Limits(max_pages=1)),
            "crashed": scoped(serve({**html}), access=AccessProfile(proxy="env:NO_SUCH_NAME")),
            "stopped": scoped(serve({"/": Resource(None, gates[1].answer)})),
        }
        ids = {name: enter(store, order, run_id=name) for name, order in orders.items()}
        with started_worker(store, "recrawl", "--burst", RECRAWLS_AT_ONCE="9", SLICE_PAGES="4", **LOOPBACK) as worker:
            gates[0].wait_until_reached()
            gates[1].wait_until_reached()
            between = ending_of(record_of(store, ids["sliced"]))
            runs.note_over(store, "stopped")
            eventually(lambda: record_of(store, ids["stopped"]).state in recrawls.ENDED)
            gates[0].open()
            assert worker.wait(PATIENCE_SECONDS) == 0
    assert between.outcome is VisitOutcome.SLICED
    endings = {
        name: ending_of(record_of(store, one), recrawls.reported(store, one).values()) for name, one in ids.items()
    }
    assert {name: ending.outcome.value for name, ending in endings.items()} == {
        **{name: name for name in ids},
        "sliced": "finished",
    }
    assert all((ending.reason is None) is (ending.outcome is VisitOutcome.FINISHED) for ending in endings.values())
    assert endings["budget"].reason == "max_pages was reached"
