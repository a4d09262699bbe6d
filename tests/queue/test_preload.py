"""What a recrawl worker does once, so that its work horses need not."""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
import gc, json, sys
from orbweaver.queue.preload import PRELOADED, preload
was_light = "scrapy" not in sys.modules and "redis" not in sys.modules
preload()
print(json.dumps({
    "was light": was_light,
    "imported": all(name in sys.modules for name in PRELOADED),
    "reactor": "twisted.internet.reactor" in sys.modules,
    "collects": gc.isenabled(),
    "kept apart": gc.get_freeze_count() > 50_000,
}))
"""


def test_what_every_recrawl_needs_is_imported_and_kept_apart_and_the_collector_goes_on() -> None:
    done = subprocess.run([sys.executable, "-P", "-c", SCRIPT], stdout=subprocess.PIPE, check=True)

    assert json.loads(done.stdout) == {
        "was light": True,
        "imported": True,
        "reactor": False,
        "collects": True,
        "kept apart": True,
    }
