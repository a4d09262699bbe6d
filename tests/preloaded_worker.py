"""Imported by the process that forks contained children: they begin as the crawl processes of a worker do."""

from __future__ import annotations

import os

from orbweaver.queue.fleet.workers.preload import preload

preload()
del os.environ["PYTHONPATH"]  # led here, and is not for the children
