"""Lets a recrawl go on where an earlier slice has left it."""

from __future__ import annotations

from collections.abc import Sequence

from orbweaver.crawler.fetching.asking.request_headers import NO_REPORTER_HEADERS
from orbweaver.crawler.visiting.checkpoints.state import MET, BatchRecord, CheckpointState
from orbweaver.crawler.visiting.checkpoints.taking import RecrawlParts
from orbweaver.crawler.visiting.frontier import PlannedRequest, planned_in
from orbweaver.crawler.visiting.visit import Origin
from orbweaver.model import Outcome, Report


def resume(
    state: CheckpointState, met: Sequence[bytes], reports: Sequence[Report], *, root: str, parts: RecrawlParts
) -> None:
    """Go on from a checkpoint that was read for these reports; what did not fit in it is recorded at the URL `root`.

    What waited is judged by the rules again, so nothing waits that the scope or its limits do not allow now.
    """
    navigator, journal = parts.navigator, parts.journal
    admission, links = navigator.admission, navigator.links
    for piece in met:
        is_candidate = not piece.startswith(MET)
        admission.addresses.restore_met(b"" if is_candidate else piece[1:], piece[1:] if is_candidate else b"")
    navigator.begin_again(reports)
    origins = navigator.origins
    admission.addresses.restore_learnt(state.learnt, _planned(state.kept, origins))
    for url, spelling in state.spellings.items():
        admission.spellings.add(url, spelling)
    admission.spellings.left_out, admission.spellings.example = state.spellings_left_out, state.spellings_example
    admission.suggestions.restore(state.suggestions)
    navigator.reported.restore(state.reported)
    navigator.answers.restore(state.answers)
    navigator.known_files.restore(state.known)
    links.typed_files.restore(state.typed_answers, [one.visit for one in _planned(state.typed, origins)])
    links.variables.update(state.variables)
    parts.budget.restore(state.spent)
    journal.restore(state.tally, state.skips_recorded, state.limits)
    for number, site, cookies in state.cookies:
        reporter_headers = NO_REPORTER_HEADERS if number is None else origins[number].reporter_headers
        parts.headers.restore(reporter_headers, site, cookies)
    if state.left_out:
        journal.skip(
            root,
            Outcome.LIMIT,
            rule="limit.checkpoint",
            reason=f"{state.left_out} more URLs waited than a checkpoint holds: they were left out",
            is_failure=False,
            count=state.left_out,
        )
    for planned in _planned(state.waiting, origins):
        admission.readmit(planned)


def _planned(records: Sequence[BatchRecord], origins: Sequence[Origin]) -> list[PlannedRequest]:
    return [planned for record in records for planned in planned_in(record.batch(origins))]
