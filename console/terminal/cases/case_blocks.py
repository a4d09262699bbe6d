"""Shows cases to people: a block for each file, with its evidence once, and all its places."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from orbweaver.console.evidence_wording import evidence, minute
from orbweaver.console.removal_wording import removal_lines
from orbweaver.console.text import count, for_people, reason_for_people, safe, size
from orbweaver.model import Case, Hosting, Redirect
from rich.console import Console
from rich.table import Table
from rich.text import Text

# From this width on, file and places are side by side: a URL then has about 60 characters.
WIDE_COLUMNS = 110
FILE_COLUMNS = 44
# A person reads so many places of one file.
PLACES_SHOWN = 20


def show(
    console: Console, cases: Iterable[Case], *, new_case_ids: Collection[str] = (), title: str | None = None
) -> None:
    """Print the cases: one block for those of one file with the same evidence, in the order of their first cases."""
    table = Table(title=title, title_justify="left", show_lines=True, expand=True)
    is_wide = console.width >= WIDE_COLUMNS
    if is_wide:
        table.add_column("File", overflow="fold", width=FILE_COLUMNS)
        table.add_column("Where it is (URLs are defanged)", overflow="fold", ratio=1)
    else:
        table.add_column("File, and where it is (URLs are defanged)", overflow="fold", ratio=1)
    for block in blocks_of(cases):
        file = "\n".join(file_lines(*block))
        places = "\n".join(_place_lines(block, new_case_ids))
        # Text, not markup: texts of hosts and lists must not be taken as styles.
        table.add_row(*((Text(file), Text(places)) if is_wide else (Text(f"{file}\n{places}"),)))
    console.print(table)


def blocks_of(cases: Iterable[Case]) -> list[list[Case]]:
    """Group cases by file and evidence, in the order of the first case of each group."""
    blocks: dict[tuple[str, ...], list[Case]] = {}
    for case in cases:
        blocks.setdefault((case.sha256, *evidence(case)), []).append(case)
    return list(blocks.values())


def file_lines(*cases: Case) -> list[str]:
    """Return lines about the file of these cases: its type and size, then its evidence.

    The type is the one that the bytes show, else the one that a host claims; a member of an archive has no claimed
    type.
    """
    shown = [*(case.sniffed_type for case in cases), *(case.content_type for case in cases)]
    kind = reason_for_people(next(filter(None, shown), "unknown type"))
    return [f"file: {kind}, {size(cases[0].size)}", *evidence(cases[0])]


def place_lines(case: Case, *, is_new: bool = False) -> list[str]:
    """Return lines about one case: id and state, URL, the way to it, its reports, and when it was seen."""
    lines = [
        f"case {str(case.case_id)[:8]}, {case.state.value}{', new' if is_new else ''}",
        f"  {for_people(case.newest_url)}",
    ]
    lines += [f"  {line}" for line in way_lines(case.newest_url, case.redirects, case.final_url)]
    if case.place is not None:
        left_out = [f"{safe(name) or 'no name'} ({reason.value})" for name, reason in case.place.left_out.items()]
        lines.append(f"  the link changes at every visit: {', '.join(left_out)}")
    if case.referrer is not None:
        lines.append(f"  landing page: {for_people(case.referrer)}")
    if case.http.embedded:
        lines.append("  embedded in the page")
    if case.http.archive_member is not None:
        lines.append(f"  in the archive as {reason_for_people(case.http.archive_member)}")
    if case.report_ids:
        lines.append(f"  reports: {safe(', '.join(case.report_ids))}")
    if (hosted := _hosting_line(case.hosting)) is not None:
        lines.append(f"  {hosted}")
    first, last = minute(case.first_seen), minute(case.last_seen)
    lines += [f"  seen: {first}"] if first == last else [f"  first seen: {first}", f"  last seen: {last}"]
    return [*lines, *(f"  {line}" for line in removal_lines(case))]


def way_lines(url: str, redirects: Sequence[Redirect] | None, final_url: str) -> list[str]:
    """Return a line for each URL to which `url` led: the status of the answer that sent on, where it is recorded."""
    if not redirects:
        return [] if final_url == url else [f"-> {for_people(final_url)}"]
    reached = [f"{for_people(one.url)}{' and a path that is not kept' if one.is_cut else ''}" for one in redirects[1:]]
    reached.append(for_people(final_url))
    return [f"{one.status} -> {shown}" for one, shown in zip(redirects, reached, strict=True)]


def _hosting_line(hosting: Hosting | None) -> str | None:
    """Return where a file is hosted and who is told, None when neither is known."""
    if hosting is None:
        return None
    provider = " ".join(part for part in (f"AS{hosting.asn}" if hosting.asn else "", hosting.provider or "") if part)
    if hosting.is_cdn:
        known = [f"behind a CDN ({provider}), its origin is not known"]
    else:
        known = [part for part in (hosting.country, provider) if part]
    parts = [f"hosted: {', '.join(known)}"] if known else []
    parts += [f"route: {hosting.route}"] if hosting.route else []
    return safe("; ".join(parts)) or None


def _place_lines(block: Sequence[Case], new_case_ids: Collection[str]) -> list[str]:
    lines = [f"at {count(len(block), 'place')}"] if len(block) > 1 else []
    for case in block[:PLACES_SHOWN]:
        lines += place_lines(case, is_new=str(case.case_id) in new_case_ids)
    if len(block) > PLACES_SHOWN:
        lines.append(f"and {count(len(block) - PLACES_SHOWN, 'more place')}: see cases.jsonl (--out DIR, or --json)")
    return lines
