"""`orbweaver stats`: how long files stayed, by host, provider, country and route."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer
from orbweaver.commands.options import StateDir, read_settings

if TYPE_CHECKING:
    from orbweaver.takedown.statistics.periods import Period

app = typer.Typer()


@app.command(
    epilog="Examples:\n\n  orbweaver stats --quarter 2026Q4 --by provider\n\n"
    "  orbweaver stats --quarter 2026Q4 --by country --csv > 2026Q4.csv\n\n"
    "  orbweaver stats --year 2026 --article-22 --csv > notices-2026.csv\n\n"
    "Exit status: 0 shown; 1 the store failed; 2 bad usage, or there is no store.",
)
def stats(
    first: Annotated[str | None, typer.Option("--from", metavar="DAY", help="First day, such as 2026-10-01.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DAY", help="Last day, included.")] = None,
    quarter: Annotated[str | None, typer.Option(metavar="QUARTER", help="A quarter, such as 2026Q4.")] = None,
    year: Annotated[str | None, typer.Option(metavar="YEAR", help="A year, such as 2026.")] = None,
    by: Annotated[
        Literal["host", "provider", "country", "route"] | None, typer.Option(help="Also each of these by itself.")
    ] = None,
    is_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, with the lists of cases.")] = False,
    is_csv: Annotated[bool, typer.Option("--csv", help="Print the table as CSV.")] = False,
    is_yearly: Annotated[
        bool, typer.Option("--article-22", help="The yearly table of notices (Article 22 DSA); with --year.")
    ] = False,
    state: StateDir = None,
) -> None:
    """Show how many cases were raised, removed, withdrawn and returned, and how long files stayed, each with bounds.

    The cases are those whose reports were received in the period (UTC); without a period, all.
    """
    period = _period(first, last, quarter, year)
    if is_json and is_csv:
        raise typer.BadParameter("give --json or --csv")
    if is_yearly and (year is None or by is not None):
        raise typer.BadParameter(
            "--article-22 is by provider and kind of content, of one year: give --year, and no --by"
        )
    from orbweaver.console.terminal.statistics import showing
    from orbweaver.takedown.statistics.grouping import GroupedBy

    form = "json" if is_json else "csv" if is_csv else "text"
    if is_yearly:
        showing.show_year(read_settings(state), period, form=form)
    else:
        showing.show(read_settings(state), period, None if by is None else GroupedBy(by), form=form)


def _period(first: str | None, last: str | None, quarter: str | None, year: str | None) -> Period:
    if sum((first is not None or last is not None, quarter is not None, year is not None)) > 1:
        raise typer.BadParameter("give --from and --to, or --quarter, or --year")
    from orbweaver.takedown.statistics import periods

    try:
        if quarter is not None:
            return periods.quarter(quarter)
        if year is not None:
            return periods.year(year)
        return periods.days(first, last)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
