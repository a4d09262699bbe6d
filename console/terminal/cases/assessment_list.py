"""`orbweaver assessments`: what people decided about files, for people, for scripts, and as a hash list for others."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from orbweaver.console.errors import NothingToDo, OutputNotWritten
from orbweaver.console.evidence_wording import minute
from orbweaver.console.terminal.cases import access
from orbweaver.console.terminal.cases.deciding import assessment_named
from orbweaver.console.terminal.cases.exporting import replace_file
from orbweaver.console.text import count, reason_for_people, report_console, safe, size
from orbweaver.model import Assessment, AssessmentDecision, format_time
from orbweaver.settings import Settings
from orbweaver.store.connection import Store
from orbweaver.store.opening import open_existing
from orbweaver.takedown.assessments import assessment_store
from orbweaver.takedown.assessments.list_files import csv_lines, vics_category, vics_lines
from orbweaver.takedown.cases import case_store

# A person reads so many; --json has them all.
SHOWN = 200


def show_all(settings: Settings, decision: AssessmentDecision | None, *, is_json: bool) -> None:
    """Print the assessments of the store, oldest decision first; raises StoreError (NoStore among them)."""
    with open_existing(settings) as store:
        access.note(store, "assessments list")
        found = _chosen(store, decision)
        if is_json:
            for one in found:
                sys.stdout.write(one.model_dump_json() + "\n")
            return
        console, shown = report_console(), 0
        for one in islice(found, SHOWN):
            shown += 1
            console.print(_line(store, one), highlight=False, markup=False, soft_wrap=True)
        more = sum(1 for _ in found)
        console.print(count(shown + more, "assessment") + (", see --json" if more else ""), highlight=False)


def show(settings: Settings, asked: str, *, is_json: bool) -> None:
    """Print one assessment with its revisions and its cases; raises NothingToDo, StoreError (NoStore among them)."""
    with open_existing(settings) as store:
        found = assessment_named(store, asked)
        access.note(store, "assessments show", [str(found.assessment_id)])
        sha256 = found.digests.sha256
        history = assessment_store.history(store, sha256)
        waiting = assessment_store.proposal(store, sha256)
        number, last = assessment_store.not_raised(store, sha256)
        if is_json:
            said = {
                "assessment": found.model_dump(mode="json"),
                "history": [one.model_dump(mode="json") for one in history],
                "proposal": None if waiting is None else waiting.model_dump(mode="json"),
                "not_raised": number,
                "not_raised_at": None if last is None else format_time(last),
                "case_ids": list(case_store.case_ids_of_file(store, sha256)),
            }
            sys.stdout.write(json.dumps(said) + "\n")
            return
        console = report_console()
        console.print(_line(store, found), highlight=False, markup=False, soft_wrap=True)
        for one in history:
            people = " and ".join(safe(person.name) for person in one.decided_by)
            decided = f"  revision {one.revision}: {one.decision.value} by {people} on {minute(one.decided_at)}"
            console.print(f"{decided}: {reason_for_people(one.reason)}", highlight=False, markup=False, soft_wrap=True)
        if waiting is not None:
            proposed = f"  proposed: {waiting.decision.value} by {waiting.proposed_by.name}: {waiting.reason}"
            console.print(safe(proposed), highlight=False, markup=False, soft_wrap=True)
        if last is not None:
            console.print(
                f"  not raised because of it: {number:,} since the first decision, last on {minute(last)}",
                highlight=False,
            )


def export(
    settings: Settings,
    decision: AssessmentDecision | None,
    *,
    is_vics: bool,
    list_name: str,
    region: str,
    out: Path | None,
) -> None:
    """Write the assessments as a hash list. Raises NothingToDo, OutputNotWritten, StoreError (NoStore among them)."""
    if not region.isascii() or not region.isalnum() or len(region) > 20:
        raise NothingToDo("--region: the region of VICS categories, such as US or UK, or CUSTOM")
    with open_existing(settings) as store:
        access.note(store, "assessments export")
        found = list(_chosen(store, decision))
    lines = vics_lines(found, region) if is_vics else csv_lines(found, list_name)
    content = "".join(lines).encode()
    if out is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        try:
            replace_file(out.expanduser().absolute(), content)
        except OSError as error:
            raise OutputNotWritten(f"{out} cannot be written ({error.strerror}): choose another --out FILE") from error
    print(f"{count(len(found), 'assessment')} exported as {'VICS' if is_vics else 'CSV'}", file=sys.stderr)
    if is_vics:
        lost = sum(one.classification is not None and vics_category(one, region) is None for one in found)
        if lost:
            print(f"{lost:,} without a category: VICS {region} has none for their classification", file=sys.stderr)


def _chosen(store: Store, decision: AssessmentDecision | None) -> Iterator[Assessment]:
    return (one for one in assessment_store.all_assessments(store) if decision in {None, one.decision})


def _line(store: Store, one: Assessment) -> str:
    digests = one.digests
    cases = case_store.count_of_file(store, digests.sha256)
    kind = "" if one.classification is None else f", {one.classification.category} ({one.classification.scheme})"
    return (
        f"{str(one.assessment_id)[:8]} {one.decision.value} on {minute(one.decided_at)}{safe(kind)}: "
        f"SHA-256 {digests.sha256[:16]}..., {size(digests.size)}, {count(cases, 'case')}"
    )
