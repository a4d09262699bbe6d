"""The identity of a case: the same file at the same place is the same case."""

from __future__ import annotations

from uuid import UUID, uuid5

# Fixed for ever: case ids made with it must stay the same in every release and at every hotline.
CASE_NAMESPACE = UUID("7d6a3b62-5d3c-5a0e-9d0b-0c2f6f6f7a11")


def case_id_for(url: str, sha256: str) -> UUID:
    """Return the identity of a case: the same place (its canonical URL) and digest are always the same case."""
    return uuid5(CASE_NAMESPACE, f"{url}\n{sha256}")
