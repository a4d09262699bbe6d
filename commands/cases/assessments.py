"""`orbweaver assessments`: what people decided about files, once for all places."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from orbweaver.commands.cases.decide import Classified, Person, Reason
from orbweaver.commands.options import AsJson, StateDir, read_settings
from orbweaver.model import AssessmentDecision

app = typer.Typer(help="Show, revise and export what people decided about files.", no_args_is_help=True)


class ListFormat(StrEnum):
    """A hash list as `hashlist build` reads it, or VICS 2.0 JSON."""

    CSV = "csv"
    VICS = "vics"


Which = Annotated[
    str, typer.Argument(metavar="WHAT", help="Id of the assessment or its beginning, SHA-256, or one of its cases.")
]
Decided = Annotated[AssessmentDecision | None, typer.Option("--decision", help="Only those that decided this.")]
_STATUS = "Exit status: 0 done; 1 the store failed; 2 bad usage, no such assessment, or there is no store."


@app.command("list", epilog=f"Example:\n\n  orbweaver assessments list --decision rejected\n\n{_STATUS}")
def list_assessments(decision: Decided = None, is_json: AsJson = False, state: StateDir = None) -> None:
    """Show all assessments, the oldest decision first."""
    from orbweaver.console.terminal.cases import assessment_list

    assessment_list.show_all(read_settings(state), decision, is_json=is_json)


@app.command("show", epilog=f"Example:\n\n  orbweaver assessments show 7f2c1a90\n\n{_STATUS}")
def show(asked: Which, is_json: AsJson = False, state: StateDir = None) -> None:
    """Show one assessment with all its revisions, and how often it kept a match from opening a case."""
    from orbweaver.console.terminal.cases import assessment_list

    assessment_list.show(read_settings(state), asked, is_json=is_json)


@app.command(
    "revise",
    epilog=f"Example:\n\n  orbweaver assessments revise 7f2c1a90 --to rejected --reason 'a second look'\n\n{_STATUS}",
)
def revise(
    asked: Which,
    decision: Annotated[AssessmentDecision, typer.Option("--to", help="What is decided now.")],
    reason: Reason,
    person: Person = None,
    classification: Classified = None,
    state: StateDir = None,
) -> None:
    """Decide otherwise about a file: each case that the earlier decision decided is corrected, and the engine told."""
    from orbweaver.console.terminal import people
    from orbweaver.console.terminal.cases import deciding
    from orbweaver.queue.matching.assessing import Decision

    who, kind = people.person_named(person), deciding.classification_of(classification)
    deciding.revise(read_settings(state), asked, Decision(decision, reason, who, kind))


@app.command(
    "export",
    epilog="Examples:\n\n  orbweaver assessments export --out ours.csv\n\n"
    f"  orbweaver assessments export --format vics --region US --decision released > ours.json\n\n{_STATUS}",
)
def export(
    wanted: Annotated[ListFormat, typer.Option("--format", help="The format.")] = ListFormat.CSV,
    decision: Decided = None,
    list_name: Annotated[
        str, typer.Option("--list-name", metavar="NAME", help="The name of the list in the CSV.")
    ] = "assessments",
    region: Annotated[
        str, typer.Option("--region", metavar="NAME", help="Whose VICS categories: US, UK, CUSTOM ...")
    ] = "CUSTOM",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="File (default: standard output).")] = None,
    state: StateDir = None,
) -> None:
    """Write the assessments as a hash list that others can use: hashlist build and matcher serve read it."""
    from orbweaver.console.terminal.cases import assessment_list

    settings = read_settings(state)
    assessment_list.export(
        settings, decision, is_vics=wanted is ListFormat.VICS, list_name=list_name, region=region, out=out
    )
