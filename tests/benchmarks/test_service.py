"""The benchmark of the service: a short campaign goes through, and what is lost, or found too often, is said."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from bench.fleet.hosts import address
from bench.service import campaign, results
from bench.service.campaign import Campaign
from bench.service.hosts import MOST_ROUNDS, PLAIN, Hosts
from bench.service.server import Site
from bench.service.sizes import Size

HOSTS = Hosts(revisited=3, verified=1, shared=1)


def test_files_come_go_and_come_back_between_rounds() -> None:
    hosts = Hosts(revisited=40)
    for host in hosts.of_service:
        rounds = [len(list(hosts.files(host, number))) for number in range(MOST_ROUNDS)]
        assert min(rounds) < max(rounds)
    one_file = [address(0) + "/files/0.jpg" in hosts.places([0], number) for number in range(MOST_ROUNDS)]
    assert sum(there and not before for before, there in pairwise(one_file)) > 10
    assert len(hosts.places(hosts.of_verify, 0) - hosts.places(hosts.of_service, 0)) == 3 * hosts.verified
    assert len(set(hosts.sha256s())) == 3 * len(hosts.all)


def test_a_host_is_as_its_round_says_and_counts_what_it_is_asked_for() -> None:
    site = Site(HOSTS)
    site.round = next(number for number in range(MOST_ROUNDS) if 0 < len(list(HOSTS.files(0, number))) < 3)
    page = site.answer(address(0), "/").decode()
    there = set(HOSTS.files(0, site.round))
    for path in (f"/files/{number}.jpg" for number in range(3)):
        assert (path in page) == (path in there)
        assert site.answer(address(0), path).startswith(b"HTTP/1.1 200" if path in there else b"HTTP/1.1 404")
    assert PLAIN in page
    assert json.loads(site.counted()) == {
        "pages": {address(0): 1},
        "files": {address(0) + path: 1 for path in there},
    }
    assert json.loads(site.counted()) == {"pages": {}, "files": {}}
    assert site.answer(address(200), "/").startswith(b"HTTP/1.1 404")


def size(store: int, *, is_at_rest: bool = True) -> Size:
    return Size(float(store), 300 * 10**6, store, 2 * store, is_at_rest=is_at_rest)


def test_growth_compares_the_rounds_and_says_nothing_of_too_few() -> None:
    resting = [size(store) for store in (50, 80, 100, 100, 110, 110)]
    assert results.growth(resting, "store") == 1.1
    assert results.growth(resting[:5], "store") is None
    done = Campaign(HOSTS, sizes=[*resting, size(900, is_at_rest=False)], visits=12)
    done.rounds = [campaign.Round(number, datetime.now(UTC), 1.0, 1.0) for number in range(6)]
    assert results.bytes_a_visit(done, "store") == (110 - 100) / (2 * 3)
    assert "| memory of the store | 0.0 MB | 0.0 MB | 0.0 MB | 1.10 | 2 |" in results.text(done)


def test_a_short_campaign_goes_through(short_dir: Path) -> None:
    done = campaign.run(HOSTS, short_dir, seconds=0, rounds=1, round_seconds=0)
    assert done.faults == []
    assert done.cases == len(HOSTS.places(HOSTS.all, 0)) > 0
    assert (done.visits, done.verified) == (3, 2)
    assert "| visits by the service | 3 |" in results.text(done)
    # And a campaign whose store lacks what was there says so.
    later = Campaign(HOSTS, rounds=[campaign.Round(9, datetime.now(UTC), 1.0, 1.0)])
    campaign.judge_cases(later, {}, [])
    assert later.faults[0].startswith(f"{len(HOSTS.places(HOSTS.all, 9))} cases are missing or too many")
