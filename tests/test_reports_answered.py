"""Status 0 of `verify` says that every report got its answer, and every report line is in the hit report."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from orbweaver_command import Ran, Workplace
from synthetic_host import Resource, SyntheticHost

KNOWN, OTHER = (b"\x89PNG\r\n\x1a\n" + os.urandom(900) for _ in range(2))


@pytest.fixture
def place() -> Iterator[Workplace]:
    with tempfile.TemporaryDirectory() as folder:
        yield Workplace(Path(folder))


RESOURCES = {
    "/known.png": Resource("image/png", KNOWN),
    "/other.png": Resource("image/png", OTHER),
    "/words": Resource("text/html", b"<p>Nothing to see."),
    "/gate": Resource("text/html", b"<form method=post><button>I am 18\x07</button></form>"),
    "/gallery": Resource("text/html", b"<img src=a.png><img src=b.png>"),
    **{f"/{name}.png": Resource("text/html", b"<p>no", status=403) for name in "ab"},
}


def verify_page(place: Workplace, path: str) -> Ran:
    with SyntheticHost(RESOURCES) as host:
        reports = place.write("reports.txt", f"{host.url}{path}\n")
        hashes = place.write("list.txt", hashlib.sha256(KNOWN).hexdigest())
        return place.run("verify", reports, "--hashes", hashes, "--out", str(place.out))


def test_answered_reports_end_with_0_and_each_is_said(place: Workplace) -> None:
    names = ["known.png", "other.png", "words"]
    with SyntheticHost(RESOURCES) as host:
        lines = [f"{host.url}{name},R-{name}" for name in names]
        reports = place.write("reports.csv", "\n".join(["url,report_id", *lines, "nonsense,R-4"]) + "\n")
        hashes = place.write("list.txt", hashlib.sha256(KNOWN).hexdigest())
        ran = place.run("verify", reports, "--hashes", hashes, "--json")
    assert ran.status == 0, ran.stdout
    said = ran.json()["reports"]
    assert [(one["line"], one["report_id"], one["outcome"]) for one in said["each"]] == [
        (2, "R-known.png", "match"),
        (3, "R-other.png", "no_match"),
        (4, "R-words", "page_only"),
    ]
    assert [one["line"] for one in said["refused"]] == [5]
    assert said["outcomes"] == {"match": 1, "no_match": 1, "page_only": 1}
    assert said["each"][0]["case_ids"] == [ran.json()["cases"][0]["case_id"]]


def test_a_host_that_refuses_its_files_ends_with_1_and_the_page_is_no_clean_one(place: Workplace) -> None:
    ran = verify_page(place, "gallery")
    assert ran.status == 1
    shown = " ".join(ran.stdout.split())
    assert "No case, because no file was found: 1 page, 0 files." in shown
    assert "Reports: 1 (1 page only)" in shown
    assert "refused: the host refused 2 of 2 files: 2 answered 403" in shown
    assert [one["rule"] for one in place.lines("skipped.jsonl") if one["is_failure"]] == [
        *("http.403", "http.403", "host.files")
    ]


def test_a_gate_that_cannot_be_passed_ends_with_1_and_shows_the_words_of_its_button(place: Workplace) -> None:
    ran = verify_page(place, "gate")
    assert ran.status == 1
    shown = " ".join(ran.stdout.split())
    assert "Reports: 1 (1 gate)" in shown
    assert 'a gate with a form, and forms that act are not sent: "I am 18"' in shown
    assert [(one["outcome"], one["rule"]) for one in place.lines("skipped.jsonl")] == [("gate", "gate.form")]


def test_a_reported_url_where_nothing_is_ends_with_1_and_a_url_that_looks_misread_is_named_so(place: Workplace) -> None:
    with SyntheticHost(RESOURCES) as host:
        rows = ["url,report_id", f"{host.url}known.png,R-1", f"{host.url}gone.png,R-2", f"{host.url}other.png%5D,R-3"]
        reports = place.write("reports.csv", "\n".join(rows) + "\n")
        hashes = place.write("list.txt", hashlib.sha256(KNOWN).hexdigest())
        ran = place.run("verify", reports, "--hashes", hashes)
    assert ran.status == 1
    shown = " ".join(ran.stdout.split())
    assert "Reports: 3 (1 match, 1 gone, 1 misread?)" in shown
    assert "reported URL answered 404 (gone, or misread?)" in shown
    assert "the URL looks misread: a bracket is not closed, or not opened" in shown
