"""How long the console takes for its list pages, on a store with many cases and hosts.

`python -m bench.console_pages`: median and 95th percentile of each page, asked for one after the other over loopback by
a person with every role. With `--write-docs` the table goes into docs/performance.md.
"""

from __future__ import annotations

import argparse
import re
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import requests
from orbweaver import settings
from orbweaver.console.web.accounts import account_store
from orbweaver.console.web.serving import ConsoleServer
from orbweaver.matcher_client.verdicts import judge
from orbweaver.model import Listing, Role, Sighting, Verdict, now
from orbweaver.store import embedded
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.transitions import change_by_match

from bench import hosts as many_hosts
from bench.crawl import documents
from bench.recheck.__main__ import match, sighting_of

CASES, HOSTS = 200_000, 100_000
CASES_A_HOST = 5
# A large part: a hotline decides what it holds.
HELD_EACH = 10
WRITTEN_AT_ONCE = 500
AIM_MILLISECONDS = 300
PASSWORD = "several words that nobody guesses"
PATHS = (
    "/",
    "/hosts",
    "/hosts?state=paused",
    "/hosts?match=img07",
    "/cases",
    "/cases?show=all",
    "/cases?show=open",
    "/cases?show=open&host=h77.example",
    "/cases?show=held",
    "/cases?show=held&host=h70.example",
    "/cases?show=unreviewed",
    "/cases?show=slow",
    "/cases?show=removed&host=h77.example",
    "/fleet",
    "/audit",
    "/system",
)


@dataclass(frozen=True)
class PageTime:
    """The time of one page, in milliseconds, and its size, in bytes."""

    path: str
    status: int
    first: float
    median: float
    p95: float
    size: int


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.console_pages", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--cases", type=int, default=CASES, help=f"cases in the store (default {CASES})")
    parser.add_argument("--hosts", type=int, default=HOSTS, help=f"hosts in the store (default {HOSTS})")
    parser.add_argument("--rounds", type=int, default=40, help="requests of each page (default 40)")
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/performance.md")
    return parser.parse_args()


def fill(store: Store, cases: int, hosts: int) -> None:
    """Write cases, one of HELD_EACH held and the others open, 37 seconds between any two; and hosts with records."""
    at, stamp = now(), case_store.stamp(store)
    for start in range(0, cases, WRITTEN_AT_ONCE):
        with store.pipeline(transaction=True) as pipe:
            pipe.multi()
            for number in range(start, min(start + WRITTEN_AT_ONCE, cases)):
                sighting = sighting_of(number, CASES_A_HOST, at - timedelta(seconds=37 * number))
                verdict = weak_match(sighting, at) if number % HELD_EACH == 0 else match(sighting, at)
                case_store.write(pipe, change_by_match(sighting, verdict, None, stamp))
            pipe.execute()
    many_hosts.fill(store, hosts)
    many_hosts.add_records(store, [many_hosts.name_of(number) for number in range(hosts)])


def weak_match(sighting: Sighting, at: datetime) -> Verdict:
    listing = Listing(service="hashlist:bench", list="bench", algorithms=("md5",))
    return judge(sighting.digests, [listing], service="hashlist:bench", asked_at=at)


@contextmanager
def serving(store: Store) -> Iterator[str]:
    server = ConsoleServer(store, settings.load(), listen="127.0.0.1:0", certificate=None, key=None)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server.url
    finally:
        server.stop()
        thread.join()


def signed_in(store: Store, url: str) -> requests.Session:
    account_store.add(store, "bench", list(Role), PASSWORD)
    person = requests.Session()
    token = re.search(r'name="sign_in_token" value="([^"]+)"', person.get(f"{url}/sign-in", timeout=60).text)
    assert token is not None
    data = {"sign_in_token": token[1], "name": "bench", "password": PASSWORD}
    assert person.post(f"{url}/sign-in", data=data, timeout=60).url == f"{url}/"
    return person


def time_of(person: requests.Session, url: str, path: str, rounds: int) -> PageTime:
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        answer = person.get(url + path, timeout=600)
        taken.append((time.perf_counter() - began) * 1000)
    ordered = sorted(taken)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return PageTime(path, answer.status_code, taken[0], statistics.median(taken), p95, len(answer.content))


def table_of(times: Sequence[PageTime], cases: int, hosts: int) -> str:
    lines = [
        f"{cases:,} cases and {hosts:,} hosts in the store; aim: {AIM_MILLISECONDS} ms at the 95th percentile.",
        "",
        "| page | first, ms | median, ms | p95, ms | size, KB |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| `{one.path}` | {one.first:.0f} | {one.median:.0f} | {one.p95:.0f} | {one.size / 1000:.0f} |"
        for one in times
    ]
    return "\n".join(lines)


def main() -> None:
    chosen = arguments()
    with tempfile.TemporaryDirectory(prefix="ow-") as folder, embedded.running(Path(folder)) as store:
        began = time.perf_counter()
        fill(store, chosen.cases, chosen.hosts)
        print(f"filled in {time.perf_counter() - began:.0f} s", flush=True)
        with serving(store) as url, signed_in(store, url) as person:
            times = [time_of(person, url, path, chosen.rounds) for path in PATHS]
    for one in times:
        assert one.status == 200, f"{one.path} answered {one.status}"
    table = table_of(times, chosen.cases, chosen.hosts)
    print(table)
    if chosen.write_docs:
        documents.put("console-pages", table)


if __name__ == "__main__":
    main()
