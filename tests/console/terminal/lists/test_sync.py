"""`orbweaver hashlist sync`: one line of outcome or of error, and a status that says which."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from orbweaver.console.terminal.lists import sync
from stand_ins import ncmec
from stand_ins.answering import Asked, Reply
from stand_ins.ncmec import PASSWORD, Entry, RunningNcmec

PRINTS = {"md5": "0" * 31 + "1", "sha1": "0" * 39 + "1"}


@pytest.fixture
def server() -> Iterator[RunningNcmec]:
    with ncmec.run() as running:
        running.put(Entry(42, "image1", "2020-01-01T00:00:00Z", PRINTS))
        yield running


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "orbweaver.cli", "hashlist", "sync", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_a_sync_says_what_changed(server: RunningNcmec, tmp_path: Path) -> None:
    output = tmp_path / "list.hashes"
    first = run(server.url, "-o", str(output))
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.startswith(f"{output}: 1 entries changed from 1970-01-01T00:00:00.000Z to ")
    server.put(Entry(42, "image2", "2020-01-01T00:00:00Z", {"md5": "not a digest"}))
    (tmp_path / "list.hashes.sync").unlink()
    second = run(server.url, "-o", str(output), "--json")
    assert second.returncode == 0
    said = json.loads(second.stdout)
    assert (said["pages"], said["changed"], said["withdrawn"], said["refused"]) == (1, 2, 0, 1)
    assert len(said["list_version"]) == 64
    assert second.stderr.startswith("page-0000001, record ")


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        (Reply(401), "refuses the credentials (status 401): check its username= and password="),
        (Reply(200, "application/xml", b"<queryResult"), "check the URL's path"),
        (Reply(404), "answers with status 404"),
    ],
)
def test_what_cannot_be_had_is_one_line_and_status_1(
    server: RunningNcmec, tmp_path: Path, reply: Reply, complaint: str
) -> None:
    server.interject = lambda *_: reply
    ran = run(server.url, "-o", str(tmp_path / "list.hashes"))
    assert (ran.returncode, ran.stdout, len(ran.stderr.splitlines())) == (1, "", 1)
    assert complaint in ran.stderr
    assert PASSWORD not in ran.stderr
    assert not (tmp_path / "list.hashes").exists()


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("ncmec://hashsharing.ncmec.org/npo?username=hunter2&password=hunter2", "is given in plain text"),
        ("ncmec+http://hashsharing.ncmec.org/npo", "is not https"),
        ("nonsense", "no source to sync from"),
    ],
)
def test_a_source_that_is_none_is_one_line_and_status_2(tmp_path: Path, url: str, complaint: str) -> None:
    ran = run(url, "-o", str(tmp_path / "list.hashes"))
    assert (ran.returncode, ran.stdout, len(ran.stderr.splitlines())) == (2, "", 1)
    assert complaint in ran.stderr
    assert "hunter2" not in ran.stderr


def test_a_place_that_cannot_be_written_is_said(server: RunningNcmec, tmp_path: Path) -> None:
    ran = run(server.url, "-o", str(tmp_path / "missing" / "list.hashes"))
    assert ran.returncode == 2
    assert "cannot be written" in ran.stderr
    assert server.asked == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_sync_that_is_told_to_end_leaves_nothing_behind(
    server: RunningNcmec, tmp_path: Path, number: signal.Signals
) -> None:
    process: subprocess.Popen[str] | None = None

    def end(_: Asked, page: int) -> Reply | None:
        if page and process is not None:
            process.send_signal(number)
            process.wait(timeout=300)
        return None

    server.interject = end
    command = [sys.executable, "-P", "-m", "orbweaver.cli", "hashlist", "sync", server.url]
    process = subprocess.Popen([*command, "-o", str(tmp_path / "list.hashes")], stderr=subprocess.PIPE, text=True)
    said = process.communicate(timeout=300)[1]
    assert (process.returncode, said) == (128 + number, "")
    assert [path.name for path in tmp_path.iterdir()] == [".list.hashes.lock"]


def test_a_clock_that_was_wrong_is_said(
    server: RunningNcmec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "list.hashes"
    sync.run(server.url, output, is_json=False)
    state = tmp_path / "list.hashes.sync"
    state.write_text(json.dumps({**json.loads(state.read_text()), "asked_until": "2999-01-01T00:00:00Z"}))
    sync.run(server.url, output, is_json=True)
    said = capsys.readouterr()
    assert json.loads(said.out.splitlines()[-1])["clock_was_wrong"] is True
    assert (
        "the last sync has the time 2999-01-01T00:00:00.000Z, which is later than now: the clock was wrong" in said.err
    )
