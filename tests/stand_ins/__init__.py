"""Other people's matching services, written from their documented behaviour, quirks and errors included.

Each module has one context manager, `run()`, that yields a Running; the contract suite runs the same cases on all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orbweaver.model import Algorithm


@dataclass(frozen=True)
class Running:
    """A matching service on 127.0.0.1; `scheme` is `https`, `hma+http`..., `options` the query of its URL.

    `add` makes a digest (hex) known from the next question on, `remove` unknown again. `algorithms` are what the
    service can be asked about, strongest first. `most_at_once` digest sets go in one request, or are asked about at the
    same time.
    """

    scheme: str
    port: int
    add: Callable[[Algorithm, str], None]
    remove: Callable[[Algorithm, str], None]
    algorithms: tuple[Algorithm, ...]
    path: str = ""
    options: str = ""
    most_at_once: int = 1_000

    def url(self, *, canary: str, port: int | None = None) -> str:
        """The matcher URL, by way of another port when something stands between."""
        options = "&".join(filter(None, (self.options, f"canary={canary}")))
        return f"{self.scheme}://127.0.0.1:{port or self.port}{self.path}?{options}"
