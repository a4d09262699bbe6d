"""The benchmark of the console's pages asks for pages that are there, and writes a row of each."""

from __future__ import annotations

from orbweaver.store.connection import Store

from bench import console_pages


def test_every_page_of_the_table_answers(store: Store) -> None:
    console_pages.fill(store, 60, 20)
    with console_pages.serving(store) as url, console_pages.signed_in(store, url) as person:
        times = [console_pages.time_of(person, url, path, 2) for path in console_pages.PATHS]
    assert {one.status for one in times} == {200}
    table = console_pages.table_of(times, 60, 20)
    assert all(f"| `{path}` |" in table for path in console_pages.PATHS)
