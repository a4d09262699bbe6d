"""A bare aiohttp client: it is given the URLs, parses nothing, follows nothing and checks nothing. The floor."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path

import aiohttp

from bench.crawl.task import Task, answer, read_task


async def fetch_all(task: Task, paths: list[str]) -> None:
    urls = iter([start.rstrip("/") + path for start in task.starts for path in paths])
    sha256s: list[str] = []
    pages = 0

    async def work(session: aiohttp.ClientSession, urls: Iterator[str]) -> None:
        nonlocal pages
        for url in urls:
            async with session.get(url) as answered:
                answered.raise_for_status()
                if answered.content_type == "text/html":
                    await answered.read()
                    pages += 1
                    continue
                md5, sha1 = hashlib.md5(usedforsecurity=False), hashlib.sha1(usedforsecurity=False)
                sha256 = hashlib.sha256()
                async for chunk in answered.content.iter_any():
                    md5.update(chunk)
                    sha1.update(chunk)
                    sha256.update(chunk)
                md5.hexdigest()
                sha1.hexdigest()
                sha256s.append(sha256.hexdigest())

    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as group:
        for _ in range(task.connections):
            group.create_task(work(session, urls))
    answer(task, pages=pages, sha256s=sha256s)


if __name__ == "__main__":
    given = read_task()
    asyncio.run(fetch_all(given, Path(given.url_list).read_text().split()))
