"""`orbweaver cases list` and `orbweaver rematch`, as an operator runs them after a list has changed."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from orbweaver_command import Ran, Workplace
from synthetic_host import SyntheticHost

PNG = b"\x89PNG\r\n\x1a\n"


@dataclass
class Scene:
    """A store after one verification: one file was known, one weakly, one not at all; the host is gone."""

    place: Workplace
    url: str
    bodies: dict[str, bytes]

    def hash_list(self, **statuses: str) -> str:
        rows = ["sha256,md5,entry_id,category,scheme,status"]
        for name, status in statuses.items():
            body = self.bodies[name]
            sha256 = "" if name == "weak" else hashlib.sha256(body).hexdigest()
            rows.append(f"{sha256},{hashlib.md5(body).hexdigest()},{name},synthetic,test,{status}")
        return self.place.write("list.csv", "\n".join(rows) + "\n")

    def cases(self, *arguments: str) -> dict[str, dict[str, Any]]:
        ran = self.place.run("cases", "list", "--json", *arguments)
        assert ran.status == 0, ran.stderr
        found = [json.loads(line) for line in ran.stdout.splitlines()]
        return {case["url"].rpartition("/")[2].removesuffix(".png"): case for case in found}

    def rematch(self, *arguments: str, **statuses: str) -> Ran:
        return self.place.run("rematch", "--hashes", self.hash_list(**statuses), *arguments)

    def events(self) -> list[str]:
        lines = (self.place.state / "events" / "events.jsonl").read_text().splitlines()
        return [json.loads(line)["type"] for line in lines]


@pytest.fixture
def scene() -> Iterator[Scene]:
    bodies = {name: PNG + os.urandom(3_000) for name in ("known", "weak", "other")}
    with tempfile.TemporaryDirectory() as folder:
        with SyntheticHost({f"/{name}.png": ("image/png", body) for name, body in bodies.items()}) as host:
            made = Scene(Workplace(Path(folder)), host.url, bodies)
            reports = made.place.write("urls.txt", "\n".join(f"{host.url}{name}.png" for name in bodies))
            ran = made.place.run("verify", reports, "--hashes", made.hash_list(known="active", weak="active"))
            assert ran.status == 0, ran.stderr
        yield made


def test_held_cases_are_listed_with_why_and_no_url_can_be_clicked(scene: Scene) -> None:
    assert {name: case["state"] for name, case in scene.cases().items()} == {"known": "open", "weak": "held"}
    assert set(scene.cases("--case-state", "held")) == {"weak"}
    ran = scene.place.run("cases", "list", "--case-state", "held", COLUMNS="200")
    assert ran.status == 0
    md5 = hashlib.md5(scene.bodies["weak"]).hexdigest()
    for part in (
        "held",
        "file: image/png, 3.0 KB",
        f"MD5: {md5[:16]}...",
        "match: weak, by MD5",
        "list: list",
        "category: synthetic (scheme test)",
        "entry: weak, active",
        "held: nothing confirms its MD5 or SHA-1",
        "seen: 2",
    ):
        assert part in ran.stdout, part
    assert "hxxp://127[.]0[.]0[.]1" in ran.stdout
    assert "http://" not in ran.stdout
    assert md5 not in ran.stdout
    assert "1 case\n" in ran.stdout
    assert str(scene.place.state) not in ran.stdout


def test_without_a_matching_service_a_rematch_is_bad_usage(tmp_path: Path) -> None:
    assert Workplace(tmp_path).run("rematch").status == 2


def test_a_rematch_raises_what_has_become_known_and_corrects_what_was_taken_back(scene: Scene) -> None:
    ran = scene.place.run("rematch", "--matcher", "hashlist:/missing/list.hashes", "--json")
    assert (ran.status, ran.json()["unknown"], ran.json()["new_cases"]) == (1, 3, 0)
    assert scene.cases()["known"]["state"] == "open"

    ran = scene.rematch("--json", known="withdrawn", weak="active", other="active")
    assert ran.status == 0, ran.stderr
    said = ran.json()
    assert {name: said[name] for name in ("asked", "cases_asked", "new_cases", "corrected", "opened", "unknown")} == {
        "asked": 1,
        "cases_asked": 2,
        "new_cases": 1,
        "corrected": 1,
        "opened": 0,
        "unknown": 0,
    }
    assert said["web_requests"] == 0
    found = scene.cases()
    assert {name: case["state"] for name, case in found.items()} == {"known": "held", "weak": "held", "other": "open"}
    assert found["known"]["verdict"]["held_because"] == ["withdrawn"]
    assert sorted(scene.events()) == ["case.corrected", "case.opened", "case.opened"]

    again = scene.rematch(known="active", weak="active", other="active")
    assert again.status == 0, again.stderr
    assert "0 retained files and 3 cases asked about" in again.stdout
    assert "1 held cases opened" in again.stdout
    assert "0 web requests" in again.stdout
    assert scene.cases()["known"]["state"] == "open"

    # A verification that meets a changed list waits for the same, and says what it came to.
    changed = scene.hash_list(known="active", weak="active", other="disputed")
    ran = scene.place.run("verify", scene.place.write("none.txt", "http://h.invalid/"), "--hashes", changed)
    assert "0 retained files and 3 cases asked about, 0 new cases, 0 held cases opened, 1 cases corrected" in ran.stdout
    assert scene.cases()["other"]["state"] == "held"
    assert scene.events().count("case.corrected") == 2
