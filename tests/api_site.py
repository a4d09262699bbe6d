"""A program that uses the API of a real console on loopback, and cases for it to ask for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import requests
from builders import a_match, a_sighting, transaction
from orbweaver.console.web.accounts import api_tokens
from orbweaver.console.web.accounts.account import Right
from orbweaver.model import Algorithm, Event, now
from orbweaver.queue.matching import settlement
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.transitions import change_by_match

PATIENCE = 60


class Program:
    """A program with a token, or without one."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url + "/api/v1"
        self.session = requests.Session()
        if token is not None:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def ask(self, path: str, status: int = 200, **options: Any) -> Any:
        """Ask for something; the answer has this status."""
        return self._read(self.session.get(self.url + path, timeout=PATIENCE, **options), status)

    def send(self, path: str, status: int = 200, **options: Any) -> Any:
        """Send something; the answer has this status."""
        return self._read(self.session.post(self.url + path, timeout=PATIENCE, **options), status)

    def all_of(self, path: str, **parameters: Any) -> list[Mapping[str, Any]]:
        """Return the items of all pages of a list."""
        items: list[Mapping[str, Any]] = []
        cursor: str | None = None
        while True:
            page = self.ask(path, params=parameters | ({} if cursor is None else {"cursor": cursor}))
            items += page["items"]
            cursor = page["next"]
            if cursor is None:
                return items

    def _read(self, answer: requests.Response, status: int) -> Any:
        assert (answer.status_code, answer.request.path_url) == (status, answer.request.path_url), answer.text
        said = answer.json()
        if status >= 400:
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert (said["status"], said["type"]) == (status, "about:blank")
        return said


def a_program(store: Store, url: str, *rights: Right, name: str = "program") -> Program:
    """Return a program with a token of these rights."""
    return Program(url, api_tokens.add(store, name, f"the {name}", rights, now() + timedelta(days=1)))


def add_case(
    store: Store, url: str, *algorithms: Algorithm, body: bytes = b"known", minutes: float = 0, **more: Any
) -> Event:
    """Open a case, or hold one where only an MD5 agrees; returns its event."""
    sighting = a_sighting(body, url=url, minutes=minutes).model_copy(update={"host": url.split("/")[2], **more})
    change = change_by_match(sighting, a_match(*algorithms, body=body), None, case_store.stamp(store))
    with transaction(store) as pipe:
        settlement.write_changes(store, pipe, "run", [change])
    assert change.event is not None
    return change.event
