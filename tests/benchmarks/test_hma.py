"""The benchmark of HMA's single lookups counts a run only when every match was found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_all_clients_find_every_match_at_each_number_of_connections() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.hma", "20", "1"], cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    for client in (
        "orbweaver, kept connections",
        "orbweaver, a connection a question",
        "http.client, kept connections",
    ):
        for connections in (1, 8):
            assert f"| as little as it can | {connections} | {client}" in done.stdout
            assert f"| 8 ms | {connections} | {client}" in done.stdout
