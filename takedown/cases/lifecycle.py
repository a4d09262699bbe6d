"""The life of a case: which event may follow in which state, and to which state it leads. A table, and nothing else.

A takedown engine of any release knows two words: `case.opened`, act, and `case.corrected`, stop. So every way from
`held` to `open` is a `case.opened`, and no way leads from `open` to `withdrawn` without a `case.corrected` (decision
0078). docs/cases.md is made from this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from orbweaver.model import CaseState, EventType
from orbweaver.takedown.errors import TransitionRefused

_ALWAYS: Final = (EventType.NOTE, EventType.ACKNOWLEDGED)

TRANSITIONS: Final[Mapping[tuple[CaseState | None, EventType], CaseState]] = MappingProxyType(
    {
        (None, EventType.OPENED): CaseState.OPEN,
        (None, EventType.HELD): CaseState.HELD,
        # A person decided; what follows from it is the next event, in the same transaction.
        (CaseState.HELD, EventType.RELEASED): CaseState.HELD,
        (CaseState.HELD, EventType.OPENED): CaseState.OPEN,
        (CaseState.HELD, EventType.WITHDRAWN): CaseState.WITHDRAWN,
        (CaseState.HELD, EventType.CORRECTED): CaseState.HELD,
        (CaseState.HELD, EventType.MOVED): CaseState.HELD,
        (CaseState.OPEN, EventType.SEEN_LIVE): CaseState.OPEN,
        (CaseState.OPEN, EventType.MOVED): CaseState.OPEN,
        (CaseState.OPEN, EventType.REMOVED): CaseState.REMOVED,
        (CaseState.OPEN, EventType.CORRECTED): CaseState.HELD,
        (CaseState.REMOVED, EventType.REOPENED): CaseState.OPEN,
        (CaseState.REMOVED, EventType.CLOSED): CaseState.CLOSED,
        (CaseState.REMOVED, EventType.CORRECTED): CaseState.HELD,
        (CaseState.CLOSED, EventType.REOPENED): CaseState.OPEN,
        (CaseState.CLOSED, EventType.CORRECTED): CaseState.HELD,
        # It was pseudonymised, and its file is found again with evidence that has doubts.
        (CaseState.CLOSED, EventType.HELD): CaseState.HELD,
        (CaseState.WITHDRAWN, EventType.HELD): CaseState.HELD,
        (CaseState.WITHDRAWN, EventType.RELEASED): CaseState.HELD,
        **{(state, kind): state for state in CaseState for kind in _ALWAYS},
    }
)


def state_after(state: CaseState | None, kind: EventType) -> CaseState:
    """Return the state of a case after an event; None is the state of a case that does not exist yet.

    Raises TransitionRefused.
    """
    try:
        return TRANSITIONS[state, kind]
    except KeyError:
        refused = f"a case that is {state.value}" if state is not None else "a case that does not exist"
        raise TransitionRefused(f"{refused} cannot have the event {kind.value}: {_possible(state)}") from None


def _possible(state: CaseState | None) -> str:
    kinds = [kind.value for before, kind in TRANSITIONS if before is state]
    return f"possible are {', '.join(kinds)}"
