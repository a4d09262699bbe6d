"""The judgement of one check: whether the file of a case is there, and which kind of removal the check confirms."""

from __future__ import annotations

from typing import Final, NamedTuple

from orbweaver.model import Presence

# Confirmations of these are farther apart: a name comes back when its fee is paid, a host when it is mended. Some
# answer 404 for everything while they have too much to do.
SLOW_RULES: Final = frozenset({"gone.no-such-name", "gone.parked", "gone.whole-host"})
# Another file came, and yet another one at the check before.
VARIES: Final = "unknown.varies"
_OTHER: Final = "changed to "
# Another file that is known, or that nobody could answer about, is no removal.
NOT_COUNTED: Final = frozenset({"changed.known", "changed.unanswered"})


class Judgement(NamedTuple):
    """The result of a check: whether the file is there, the rule that decided, and why, in words for a person.

    `other` stands for another file that came in its place, by its digests; empty without one.
    """

    presence: Presence
    rule: str
    reason: str
    other: str = ""

    @property
    def is_seen(self) -> bool:
        """Whether the file was seen."""
        return self.presence in {Presence.LIVE, Presence.MOVED}

    @property
    def is_absent(self) -> bool:
        """Whether the check shows that the file is not there."""
        return self.presence in {Presence.GONE, Presence.CHANGED}

    @property
    def confirms(self) -> str | None:
        """The kind of removal that it confirms, None for none; only checks of one kind are counted together."""
        if not self.is_absent or self.rule in NOT_COUNTED:
            return None
        if self.rule in SLOW_RULES:
            return "gone-slowly"
        return kind_of_other(self.other) if self.other else self.presence.value


def kind_of_other(other: str) -> str:
    """Return the kind of the checks that agree about one other file."""
    return f"{_OTHER}{other}"


def is_of_yet_another(confirmed: str | None, other: str) -> bool:
    """Return whether the checks before, of which this kind was counted, agreed about another file than this one."""
    return confirmed is not None and confirmed.startswith(_OTHER) and confirmed != kind_of_other(other)
