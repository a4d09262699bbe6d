"""`scrapy crawl recrawl` works from the repository alone, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from orbweaver.crawler import scrapy_command
from orbweaver.crawler.bodies.digests import digests_of
from scrapy.settings import Settings as ScrapySettings
from synthetic_host import Resource, SyntheticHost

REPOSITORY = Path(__file__).resolve().parents[2]
PNG = b"\x89PNG\r\n\x1a\n" + os.urandom(3_000)


def scrapy(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    homes = {name: str(folder) for name in ("HOME", "TMPDIR", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")}
    return subprocess.run(
        [sys.executable, "-m", "scrapy", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **homes, "ALLOW_ADDRESSES": "127.0.0.0/8", "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_scrapy_takes_its_limits_from_text_prints_sightings_as_lines_of_json_and_writes_nothing(tmp_path: Path) -> None:
    page = b"<img src=a.png><a href=gone>x</a><a href=http://127.0.0.2/>y</a><a href=deep>z</a>"
    pages = {"/": Resource("text/html", page), "/deep": Resource("text/html", b"<a href=deeper>z</a>")}
    before = {path.name for path in REPOSITORY.iterdir()}
    with SyntheticHost({**pages, "/a.png": Resource("image/png", PNG)}) as host:
        limits = [word for limit in ("max_pages=10", "max_depth=1", "kind=path") for word in ("-a", limit)]
        ran = scrapy(tmp_path, "crawl", "recrawl", "-a", f"host={host.url}", *limits)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    (sighting,) = [line for line in lines if line["url"] == host.url + "a.png"]
    assert sighting["digests"] == digests_of(PNG).model_dump()
    assert {line["url"]: line["outcome"] for line in lines if "outcome" in line} == {
        host.url + "gone": "http_error",
        "http://127.0.0.2/": "out_of_scope",
        host.url + "deeper": "limit",
    }
    assert [line["rule"] for line in lines if line.get("outcome") == "limit"] == ["limit.max_depth"]
    assert list(tmp_path.iterdir()) == []
    assert {path.name for path in REPOSITORY.iterdir()} == before


def test_scrapys_own_commands_fetch_with_the_sandbox_off(tmp_path: Path) -> None:
    with SyntheticHost({"/": Resource("text/html", b"<p>words</p>")}) as host:
        ran = scrapy(tmp_path, "fetch", "--nolog", host.url, SANDBOX="off")
        assert ran.stdout == "<p>words</p>\n"
        code = "print(response.status, response.text)"
        assert "200 <p>words</p>" in scrapy(tmp_path, "shell", "--nolog", "-c", code, host.url, SANDBOX="off").stdout
        assert host.paths == ["/", "/"]  # with the sandbox on nothing is fetched outside of it: test_handler.py


def test_a_recrawl_without_a_host_says_what_to_type() -> None:
    with pytest.raises(ValueError, match="name the host: scrapy crawl recrawl -a host=HOST"):
        scrapy_command.spider_arguments({}, ScrapySettings())
