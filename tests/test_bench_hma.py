"""The benchmark of HMA's single lookups counts a run only when every match was found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_both_clients_find_every_match_at_each_number_of_connections() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.hma", "20", "1"], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    for client in ("orbweaver", "requests.get"):
        for connections in (1, 8, 32):
            assert f"| {client} | {connections} |" in done.stdout
