"""A recrawl worker prepares once, so that its crawl processes need not."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

SCRIPT = """
import gc, json, sys
from orbweaver.queue.fleet.workers.preload import PRELOADED, preload
was_light = "scrapy" not in sys.modules and "redis" not in sys.modules
preload()
found = {
    "was light": was_light,
    "imported": all(name in sys.modules for name in PRELOADED),
    "reactor": "twisted.internet.reactor" in sys.modules,
    "collects": gc.isenabled(),
    "kept apart": gc.get_freeze_count() > 50_000,
}
from orbweaver.crawler import recrawl
from orbweaver.crawler.rules import scope
from orbweaver.model import Limits, Report, ScopeKind
from orbweaver.settings import Settings

url = f"http://127.0.0.1:{sys.argv[1]}/"
settings = Settings(allow_addresses=("127.0.0.0/8",))
its_scope = scope.scope_for(ScopeKind.HOST, url, Limits())
called = set()
sys.setprofile(lambda frame, *_: called.add(f"{frame.f_globals['__name__']}.{frame.f_code.co_qualname}"))
recrawl.enter_sandbox(its_scope, settings)
before = set(sys.modules)
recrawl.run(its_scope, [Report(url=url)], lambda *_: None, settings)
sys.setprofile(None)
print(json.dumps({**found, "left to a recrawl": sorted(set(sys.modules) - before), "called": sorted(called)}))
"""
# Each took a crawl process a measurable time until it was done before the fork.
DONE_BEFORE = {
    "seccompy.bpf.assemble",
    "sysconfig.get_paths",
    "pathlib.Path.resolve",
    "scrapy.settings.overridden_settings",
    "scrapy.settings.Settings.__init__",
    "scrapy.settings.BaseSettings.copy",
    "scrapy.crawler.CrawlerRunnerBase.create_crawler",
    "logging.LogRecord.__init__",
}


def test_what_every_recrawl_needs_is_imported_and_kept_apart_and_the_collector_goes_on() -> None:
    with socket.socket() as nobody:  # bound, but not listening
        nobody.bind(("127.0.0.1", 0))
        command = [sys.executable, "-P", "-c", SCRIPT, str(nobody.getsockname()[1])]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)

    found = json.loads(done.stdout)
    called = set(found.pop("called"))
    assert "scrapy.crawler.Crawler.crawl_async" in called
    assert called & DONE_BEFORE == set()
    assert found == {
        "was light": True,
        "imported": True,
        "reactor": False,
        "collects": True,
        "kept apart": True,
        "left to a recrawl": [],
    }
