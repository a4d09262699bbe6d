"""Where a file is hosted, as far as its address says: country, network, provider, and who is told because of it."""

from __future__ import annotations

from orbweaver.model.nouns import Published
from orbweaver.model.times import Moment
from pydantic import Field


class Hosting(Published):
    """Where the address of a case is, by the databases that the operator supplied.

    `country` and `asn` are facts about the address. Behind a CDN they say nothing about the place of the file.
    """

    country: str | None = Field(default=None, pattern=r"^[A-Z]{2}$")
    """The country of the address, ISO 3166-1 alpha-2; null where no database knows it."""
    asn: int | None = Field(default=None, ge=0, le=2**32 - 1)
    """The number of the autonomous system that announces the address; null where no database knows it."""
    provider: str | None = None
    """The name of that system's organisation, else of the CDN; null where neither is known."""
    is_cdn: bool = False
    """Whether the address is known to be of a CDN: then the origin of the file is not known."""
    route: str | None = None
    """The route by which the case is told, by ROUTES and the country; behind a CDN the route of all others."""
    sources: tuple[str, ...] = ()
    """The databases that know the address, each with its type and the day on which it was built."""
    also_at: dict[str, Moment] = {}
    """Other addresses where the file was seen in the last seven days, each with the time: at most eight."""
