"""The benchmark of hash lists: it runs at any size, and counts only when everything that is there was found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from orbweaver.matcher_client.lists.build import build

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str, standard_input: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, input=standard_input, capture_output=True, text=True, timeout=600
    )


def test_a_small_run_measures_us_beside_a_set(tmp_path: Path) -> None:
    sizes = ("--entries", "5000", "--asked", "1000", "--folder", str(tmp_path))
    done = run("bench.hashlist", *sizes, "--contestants", "full", "set")

    assert done.returncode == 0, done.stderr
    assert "| 5,000, SHA-256 alone |" in done.stdout
    assert "| Python `set` of bytes |" in done.stdout
    assert "| file, bytes an entry | at most 45 | reached |" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_list_that_lacks_an_entry_does_not_count(tmp_path: Path) -> None:
    digests = [f"{number:064x}\n" for number in range(1, 1_001)]
    (tmp_path / "bare").write_text("".join(digests))
    build([tmp_path / "bare"], tmp_path / "bare.hashes")
    contestant = ("bench.hashlist_contestant", "orbweaver", str(tmp_path), "1000", "2000")
    assert run(*contestant, standard_input="go\n").returncode == 0

    (tmp_path / "half").write_text("".join(digests[:500]))
    build([tmp_path / "half"], tmp_path / "bare.hashes")
    done = run(*contestant, standard_input="go\n")

    assert done.returncode != 0
    assert "orbweaver found" in done.stderr
