"""The canary of a built list: a synthetic entry that proves that a service has this list loaded."""

from __future__ import annotations

import hashlib

from orbweaver.matcher_client.lists.file_format import HashList, Label
from orbweaver.matcher_client.transport.service_address import Canary
from orbweaver.model import Nature

CANARY_LIST = "orbweaver-canary"
MOST_NAME_CHARACTERS = 100


def canary_named(name: str) -> Canary:
    """Return the canary of a name. It is always the same, so clients keep their URL when a list is built again.

    It is the SHA-256 of a line of text that is on no list. It has only a SHA-256, so that a list without other digests
    needs only one search.
    """
    return Canary("sha256", hashlib.sha256(f"orbweaver canary {name}\n".encode()).hexdigest())


def canary_text(name: str) -> str:
    """Return a canary in the form of `canary=` in a matcher URL: `sha256:HEX`."""
    canary = canary_named(name)
    return f"{canary.algorithm}:{canary.digest}"


def canary_label(name: str) -> Label:
    """Return the label of a canary in its list: benign, so that a file with its digest is never a match.

    Raises ValueError when the name is empty, too long or not printable.
    """
    if not name.strip() or not name.isprintable() or len(name) > MOST_NAME_CHARACTERS:
        raise ValueError(f"a canary's name has 1 to {MOST_NAME_CHARACTERS} printable characters")
    return Label(CANARY_LIST, name, None, None, Nature.BENIGN)


def canary_names(hash_list: HashList) -> list[str]:
    """Return the names of the canaries that are planted in a list, in order."""
    return sorted(
        label.category
        for label, _ in hash_list.label_counts()
        if label.category and label == Label(CANARY_LIST, label.category, None, None, Nature.BENIGN)
    )
