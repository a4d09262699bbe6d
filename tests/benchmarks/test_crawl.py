"""The benchmark's own promise: a run counts only when it found everything that is there."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from orbweaver.store import embedded
from synthetic_host import SyntheticHost

from bench.crawl import orbweaver_store
from bench.crawl.task import CrawlFindings, Task

ROOT = Path(__file__).resolve().parents[2]
NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")

needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


def bench(cache: Path, *contestants: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench.crawl", "--rounds", "1", "--corpora", "mixed", "--scale", "0.001"]
    return subprocess.run(
        [*command, "--cache", str(cache), "--contestants", *contestants],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )


def site(cache: Path) -> Path:
    (folder,) = cache.glob("mixed-*/site")
    return folder


def test_orbweaver_is_run_as_its_workers_run_it(short_dir: Path, tmp_path: Path) -> None:
    body = b"\x89PNG\r\n\x1a\n" + os.urandom(1_000)
    site = {"/": ("text/html", b"<img src=a.png>"), "/a.png": ("image/png", body)}
    with SyntheticHost(site) as host, embedded.running(short_dir):
        task = Task([host.url], url_list="", connections=2, scratch=str(tmp_path), state_dir=str(short_dir))
        command = [sys.executable, "-m", "bench.crawl.orbweaver_workers", str(task.write())]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        assert orbweaver_store.found(task) == CrawlFindings(1, (hashlib.sha256(body).hexdigest(),))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A cache after a run of everybody over a site that is as it was made, and what the run said."""
    cache = tmp_path_factory.mktemp("cache")
    return cache, bench(cache, "orbweaver", "aiohttp", "scrapy")


@pytest.fixture
def cache(whole: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path) -> Path:
    """A copy of that cache, to be spoiled."""
    kept, done = whole
    assert done.returncode == 0, done.stderr
    return shutil.copytree(kept, tmp_path / "cache")


@needs_nginx
def test_everybody_is_held_to_the_same_digests(whole: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    cache, done = whole

    assert done.returncode == 0, done.stderr
    runs = json.loads((cache / "results.json").read_text())
    assert [one["contestant"] for one in runs] == ["orbweaver", "aiohttp", "scrapy"]
    assert all(one["wall_seconds"] > 0 and one["cpu_seconds"] > 0 and one["peak_bytes"] > 10**7 for one in runs)
    assert "| **Orbweaver** |" in done.stdout


@needs_nginx
@pytest.mark.parametrize("contestant", ["orbweaver", "scrapy"])
def test_a_run_that_missed_a_file_does_not_count(cache: Path, contestant: str) -> None:
    next(site(cache).glob("i/*.jpg")).unlink()

    done = bench(cache, contestant)

    assert done.returncode != 0
    assert "NotTheSame" in done.stderr or "AssertionError" in done.stderr


@needs_nginx
def test_a_run_that_read_another_file_does_not_count(cache: Path) -> None:
    image = next(site(cache).glob("i/*.jpg"))
    image.write_bytes(image.read_bytes()[:-1] + b"!")

    done = bench(cache, "orbweaver")

    assert "NotTheSame" in done.stderr


def test_the_measure_of_memory_is_not_that_of_the_one_who_measures(tmp_path: Path) -> None:
    launch = [sys.executable, "-I", "-S", str(ROOT / "bench" / "crawl" / "launch.py")]
    held = f"block = bytes(300_000_000); import subprocess; subprocess.run({[*launch, '/bin/true']!r})"

    done = subprocess.run([sys.executable, "-c", held], capture_output=True, text=True, timeout=600)

    assert json.loads(done.stdout)["peak_bytes"] < 50_000_000
