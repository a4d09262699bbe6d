"""`orbweaver cases show|find|release|reject|withdraw|note`: look at cases, and decide about them."""

from __future__ import annotations

from typing import Annotated

import typer
from orbweaver.commands.options import StateDir, read_settings
from orbweaver.model import AssessmentDecision

MOST_WORDS = 2_000
_MEANS = "Its id or the beginning, its URL (also defanged), host or digest."
OneCase = Annotated[str, typer.Argument(metavar="CASE", help=f"One case. {_MEANS}")]
SomeCases = Annotated[str, typer.Argument(metavar="WHAT", help="An id or its beginning, a URL, a host, or a digest.")]
Person = Annotated[
    str | None, typer.Option("--as", metavar="NAME", help="The person who decides (default: the user of the system).")
]
Classified = Annotated[
    str | None,
    typer.Option("--classification", metavar="SCHEME:CATEGORY", help="What kind of file it is, in a named scheme."),
]
_STATUS = "Exit status: 0 done; 1 the store failed; 2 bad usage, no such case, it cannot be decided, or no store."


def read_words(text: str) -> str:
    """Return what a person writes, without blanks around it; raises BadParameter for nothing, or for too much."""
    text = text.strip()
    if not text:
        raise typer.BadParameter("write some words")
    if len(text) > MOST_WORDS:
        raise typer.BadParameter(f"write at most {MOST_WORDS:,} characters")
    return text


Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", parser=read_words, help="Why; it is kept for ever.")]


def show_case(
    asked: OneCase,
    is_json: Annotated[bool, typer.Option("--json", help="Print JSON, with exact URLs.")] = False,
    state: StateDir = None,
) -> None:
    """Show one case: evidence, what its lists say, its events in order, and what is not known."""
    from orbweaver.console.terminal.cases import case_page

    case_page.show(read_settings(state), asked, is_json=is_json)


def find_cases(
    asked: SomeCases,
    is_json: Annotated[bool, typer.Option("--json", help="Print one case per line as JSON, with exact URLs.")] = False,
    state: StateDir = None,
) -> None:
    """Find cases by an id, a URL as it was pasted, a host, an address, or an MD5, SHA-1 or SHA-256."""
    from orbweaver.console.terminal.cases import case_page

    raise typer.Exit(case_page.find(read_settings(state), asked, is_json=is_json))


def release(
    asked: OneCase, reason: Reason, person: Person = None, classification: Classified = None, state: StateDir = None
) -> None:
    """Open a held case, each other held case of its file, and each case of the file that is found later."""
    _decide(asked, AssessmentDecision.RELEASED, reason, person, classification, state)


def reject(
    asked: OneCase, reason: Reason, person: Person = None, classification: Classified = None, state: StateDir = None
) -> None:
    """Withdraw a held case and each other held case of its file; the file opens no more cases."""
    _decide(asked, AssessmentDecision.REJECTED, reason, person, classification, state)


def _decide(
    asked: str,
    decision: AssessmentDecision,
    reason: str,
    person: str | None,
    classification: str | None,
    state: StateDir,
) -> None:
    from orbweaver.console.terminal import people
    from orbweaver.console.terminal.cases import deciding
    from orbweaver.queue.matching.assessing import Decision

    who, kind = people.person_named(person), deciding.classification_of(classification)
    deciding.decide(read_settings(state), asked, Decision(decision, reason, who, kind))


def withdraw(asked: OneCase, reason: Reason, person: Person = None, state: StateDir = None) -> None:
    """Withdraw one case, whatever its file is: the takedown engine is told to stop. The file is raised elsewhere."""
    from orbweaver.console.terminal import people
    from orbweaver.console.terminal.cases import deciding

    deciding.withdraw(read_settings(state), asked, people.person_named(person), reason)


def note(
    asked: OneCase,
    words: Annotated[str, typer.Argument(metavar="TEXT", parser=read_words, help="What is to be known of the case.")],
    person: Person = None,
    state: StateDir = None,
) -> None:
    """Write a note into one case; nobody is told."""
    from orbweaver.console.terminal import people
    from orbweaver.console.terminal.cases import deciding

    deciding.note(read_settings(state), asked, people.person_named(person), words)


def _epilog(example: str, status: str = _STATUS) -> str:
    return f"Example:\n\n  orbweaver cases {example}\n\n{status}"


def register(app: typer.Typer) -> None:
    """Add these commands to a group."""
    found = "Exit status: 0 found; 1 none found, or the store failed; 2 bad usage, or there is no store."
    app.command("show", epilog=_epilog("show 4ca89230"))(show_case)
    app.command("find", epilog=_epilog("find 'hxxps://files[.]example/a.jpg'", found))(find_cases)
    app.command("release", epilog=_epilog("release 4ca89230 --reason 'seen in ICCAM' --classification iwf:A"))(release)
    app.command("reject", epilog=_epilog("reject 4ca89230 --reason 'another file: its MD5 collides'"))(reject)
    app.command("withdraw", epilog=_epilog("withdraw 4ca89230 --reason 'the report was wrong' --as Anna"))(withdraw)
    app.command("note", epilog=_epilog("note 4ca89230 'the provider called'"))(note)
