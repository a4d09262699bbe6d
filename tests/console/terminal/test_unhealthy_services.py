"""Operators see since when a matching service is unhealthy, and why: doctor, verify, the hit report."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import digests_of
from orbweaver_command import Workplace
from synthetic_host import SyntheticHost

PAGES = {"/": ("text/html", b'<a href="/a.bin">a</a>'), "/a.bin": ("application/zip", b"known")}


@pytest.fixture
def place() -> Iterator[Workplace]:
    folder = Path(tempfile.mkdtemp())
    yield Workplace(folder)
    shutil.rmtree(folder, ignore_errors=True)


def built(place: Workplace, name: str, count: int) -> Path:
    path = place.folder / name
    lines = [digests_of(b"known").sha256, *(digests_of(b"%d" % number).sha256 for number in range(count - 1))]
    source = place.write(f"{name}.txt", "".join(f"{line}\n" for line in lines))
    assert place.run("hashlist", "build", source, "-o", str(path)).status == 0
    return path


def test_a_list_that_is_away_and_then_shrank_is_shown_everywhere_until_it_is_accepted(place: Workplace) -> None:
    path = built(place, "list.hashes", 20)
    smaller = built(place, "smaller.hashes", 10)
    url = f"hashlist:{path}"
    with SyntheticHost(PAGES) as host:
        reports = place.write("reports.txt", host.url)
        first = place.run("verify", reports, "--matcher", url, "--json")
        assert first.status == 0
        assert first.json()["unhealthy_services"] == []

        path.rename(place.folder / "away")
        down = place.run("verify", reports, "--matcher", url, "--json")
    assert down.status == 1
    [said] = down.json()["unhealthy_services"]
    assert (said["service"], "No such file or directory" in said["reason"]) == (url, True)
    assert f"warning: matching service {url} is unhealthy since {said['since']}" in down.stderr
    [unknown] = down.json()["unknown"]
    assert unknown["reason"].startswith(f"{url} is unhealthy since")

    smaller.rename(path)
    doctor = place.run("doctor", "--matcher", url)
    assert doctor.status == 1
    assert f"fail  matcher: {url} is unhealthy since {said['since']}: its list shrank from 20 to 10" in doctor.stdout
    assert "1 batches of files wait" in doctor.stdout
    shrunk = place.run("verify", place.write("none.txt", "http://h.invalid/"), "--matcher", url)
    assert "its list shrank from 20 to 10 entries, by more than MAX_LIST_SHRINKAGE (10%)" in shrunk.stderr
    assert f"warning: matching service {url} is unhealthy since {said['since']}: its list shrank" in shrunk.stdout

    assert place.run("matcher", "accept", "hashlist:/other").status == 2
    accepted = place.run("matcher", "accept", url)
    assert (accepted.status, "10 entries accepted" in accepted.stdout) == (0, True)
    assert f"ok    matcher: {url}: 10 entries" in place.run("doctor", "--matcher", url).stdout
    last = place.run("verify", place.write("none.txt", "http://h.invalid/"), "--matcher", url, "--json")
    assert (last.json()["unknown"], last.json()["unhealthy_services"]) == ([], [])
    assert [one["url"] for one in last.json()["cases"]] == [f"{host.url}a.bin"]


def test_several_matchers_and_a_list_of_hashes_are_asked_together(place: Workplace) -> None:
    one = built(place, "one.hashes", 3)
    raw = place.write("raw.txt", digests_of(b"known").sha256)
    with SyntheticHost(PAGES) as host:
        reports = place.write("reports.txt", host.url)
        ran = place.run("verify", reports, "--matcher", f"hashlist:{one}", "--hashes", raw, "--json")
    assert ran.status == 0
    [case] = ran.json()["cases"]
    assert sorted(listing["list"] for listing in case["verdict"]["listings"]) == ["one.hashes", "raw"]
