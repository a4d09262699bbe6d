"""docs/cases.md has the table of the life of a case as the code has it, drawn and written.

`python tests/test_case_document.py` writes both anew after a change of takedown/cases/lifecycle.py.
"""

from __future__ import annotations

import re
from pathlib import Path

from orbweaver.model import CaseState, EventType
from orbweaver.takedown.cases.changes import OURS_ALONE
from orbweaver.takedown.cases.lifecycle import TRANSITIONS

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "cases.md"
ALWAYS = frozenset({EventType.NOTE, EventType.ACKNOWLEDGED})
_SECTION = "<!-- {name}: made by tests/test_case_document.py -->\n{text}<!-- end of {name} -->\n"


def word(kind: EventType) -> str:
    return kind.value.removeprefix("case.")


def diagram() -> str:
    """The states and the ways between them; events that change no state are named at the state."""
    ways: dict[tuple[str, str], list[str]] = {}
    for (before, kind), after in TRANSITIONS.items():
        if kind not in ALWAYS:
            ways.setdefault(("[*]" if before is None else before.value, after.value), []).append(word(kind))
    lines = [f"  {before} --> {after}: {', '.join(kinds)}" for (before, after), kinds in ways.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```", ""])


def table() -> str:
    """Every event that may follow, by the state before it."""
    rows = ["| state before | event | state after | the takedown engine gets it |", "| --- | --- | --- | --- |"]
    for (before, kind), after in TRANSITIONS.items():
        if kind in ALWAYS:
            continue
        told = "no" if kind in OURS_ALONE else "yes" if kind is EventType.OPENED else "if the case was once opened"
        rows.append(f"| {before.value if before else 'no case'} | `{kind.value}` | {after.value} | {told} |")
    rows += [f"| each of the five | `{kind.value}` | the same | no |" for kind in sorted(ALWAYS)]
    return "\n".join(rows) + "\n"


SECTIONS = {"the drawing": diagram, "the table": table}


def written() -> str:
    """The document with both sections as they are to be."""
    document = DOCUMENT.read_text()
    for name, make in SECTIONS.items():
        begin, end = f"<!-- {name}:", f"<!-- end of {name} -->\n"
        assert document.count(begin) == document.count(end) == 1, name
        before, _, rest = document.partition(begin)
        document = before + _SECTION.format(name=name, text=make()) + rest.partition(end)[2]
    return document


def test_the_document_has_the_table_of_the_code() -> None:
    assert DOCUMENT.read_text() == written(), "run: python tests/test_case_document.py"


def test_every_state_and_every_kind_of_event_is_drawn_and_explained() -> None:
    drawn = set(re.findall(r"\w+", diagram()))
    assert {state.value for state in CaseState} <= drawn
    assert {word(kind) for kind in set(EventType) - ALWAYS} <= drawn
    explained = set(re.findall(r"^\| `([a-z_.]+)` \|", DOCUMENT.read_text(), flags=re.MULTILINE))
    assert {kind.value for kind in EventType} | {state.value for state in CaseState} <= explained


if __name__ == "__main__":
    DOCUMENT.write_text(written())
