"""A person judges a file once: real hosts, real recrawls, real workers, and what the takedown engine gets of it."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from orbweaver import __version__
from orbweaver_command import Workplace
from synthetic_host import SyntheticHost
from zip_bytes import zipped

PNG = b"\x89PNG\r\n\x1a\n"


def test_a_file_that_was_released_at_one_host_is_raised_at_others_with_nobody_asked_and_corrected_at_all(
    short_dir: Path,
) -> None:
    known = PNG + os.urandom(3_000)
    place = Workplace(short_dir)
    hashes = place.write("list.csv", f"md5,entry_id\n{hashlib.md5(known).hexdigest()},1\n")

    def events() -> list[dict[str, Any]]:
        lines = (place.state / "events" / "events.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def cases() -> dict[str, dict[str, Any]]:
        ran = place.run("cases", "list", "--json")
        assert ran.status == 0, ran.stderr
        found = [json.loads(line) for line in ran.stdout.splitlines()]
        return {case["host"]: case for case in found}

    def verify(*urls: str) -> None:
        rows = [f"{url},R-{number},2026-03-0{number}T12:00:00Z" for number, url in enumerate(urls, start=1)]
        reports = place.write("urls.csv", "\n".join(["url,report_id,received_at", *rows]) + "\n")
        ran = place.run("verify", reports, "--hashes", hashes)
        assert ran.status == 0, ran.stderr + ran.stdout

    with ExitStack() as stack:
        a, b, c = (stack.enter_context(SyntheticHost({"/x.png": ("image/png", known)})) for _ in range(3))
        d = stack.enter_context(
            SyntheticHost(
                {"/x.zip": ("application/zip", zipped({"readme.txt": b"nothing of note", "in/x.png": known}))}
            )
        )
        verify(f"{a.url}x.png")
        [held] = cases().values()
        assert (held["state"], held["verdict"]["held_because"]) == ("held", ["weak"])

        [first] = json.loads(place.run("cases", "show", held["case_id"], "--json").stdout)["events"]
        seen = first["evidence"]["sighting"]
        assert (held["received_at"], seen["bytes_kept"]) == ("2026-03-01T12:00:00.000Z", 0)
        assert seen["software"] == f"orbweaver {__version__}" == first["actor"]["name"]
        assert seen["sandbox"].startswith("on, Landlock")

        ran = place.run("cases", "release", held["case_id"][:8], "--reason", "known to us", "--as", "Anna")
        assert (ran.status, "1 case now open" in ran.stdout) == (0, True), ran.stderr
        verify(f"{b.url}x.png", f"{c.url}x.png", f"{d.url}x.zip")

        found = cases()
        assert len(found) == 4
        assert {case["state"] for case in found.values()} == {"open"}
        assert sum(case["http"]["archive_member"] == "in/x.png" for case in found.values()) == 1
        assessment = held["assessment"] or next(iter(found.values()))["assessment"]
        assert all(case["assessment"] == assessment for case in found.values())
        opened = [event for event in events() if event["type"] == "case.opened"]
        assert {event["case_id"] for event in opened} == {case["case_id"] for case in found.values()}
        said = (
            f"released by assessment {assessment['assessment_id'][:8]} of {assessment['decided_at'][:10]}: known to us"
        )
        assert {event["reason"] for event in opened} == {said}
        assert sorted(event["actor"]["kind"] for event in opened) == ["person", "program", "program", "program"]

        ran = place.run("assessments", "revise", held["case_id"], "--to", "rejected", "--reason", "a collision")
        assert (ran.status, "4 cases now withdrawn" in ran.stdout) == (0, True), ran.stderr
        verify(f"{b.url}x.png")  # any run delivers what waits

    later = events()[len(opened) :]
    later_hosts = {event["case"]["host"] for event in later if event["type"] == "case.corrected"} - {held["host"]}
    assert len(later_hosts) == 3
    assert [event["type"] for event in later].count("case.corrected") == 4
    assert [event["type"] for event in later].count("case.withdrawn") == 4
    assert {event["correction"]["retraction"] for event in later if event["correction"]} == {"rejected"}
    assert {case["state"] for case in cases().values()} == {"withdrawn"}
