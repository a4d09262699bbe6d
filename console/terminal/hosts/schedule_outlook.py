"""`orbweaver schedule show` and `schedule simulate`: what becomes due, and what other settings would do."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from datetime import timedelta
from typing import Any

from orbweaver.console.evidence_wording import minute
from orbweaver.console.text import count, report_console
from orbweaver.model import format_time
from orbweaver.queue.hosts.counting import BudgetPlan
from orbweaver.queue.hosts.shown import outlook
from orbweaver.queue.hosts.shown.outlook import Outlook
from orbweaver.queue.schedule.explanation import days_in_words
from orbweaver.queue.schedule.simulation.comparison import Comparison, PolicyResult
from orbweaver.settings import Settings
from orbweaver.store.opening import open_existing
from rich.console import Console
from rich.table import Table


def show(settings: Settings, *, is_json: bool) -> None:
    """Print what becomes due in the next seven days. Raises StoreError, NoStore among them."""
    with open_existing(settings) as store:
        seen = outlook.look_ahead(store, settings)
    if is_json:
        sys.stdout.write(json.dumps(outlook_as_json(seen)) + "\n")
    else:
        show_outlook(report_console(), seen)


def simulate(settings: Settings, *, is_json: bool) -> None:
    """Print what each policy would do for the hosts of the store. Raises StoreError, ScheduleRefused."""
    with open_existing(settings) as store:
        plan, compared = outlook.compare_policies(store, settings)
    if is_json:
        sys.stdout.write(json.dumps({"unit": plan.unit, **dataclasses.asdict(compared)}) + "\n")
    else:
        show_comparison(report_console(), plan, compared)


def show_outlook(console: Console, seen: Outlook) -> None:
    """Print the state of the hosts, and a line for each of the next seven days."""
    forecast, plan, under_way = seen.forecast, seen.plan, seen.counts.leased
    overdue, not_due = round(forecast.overdue.visits), forecast.not_due.total()
    console.print(
        f"policy {plan.policy.name}, budget {plan.policy.budget:,.0f} {plan.unit} a day; "
        f"{count(forecast.hosts, 'host')}: {max(0, overdue - under_way):,} due now, {under_way:,} under way, "
        f"{forecast.hosts - overdue - not_due:,} due later, {not_due:,} not due"
    )
    if forecast.longest_overdue_days:
        console.print(f"the longest is overdue by {days_in_words(forecast.longest_overdue_days)}")
    if forecast.not_due:
        console.print(
            "not due: " + ", ".join(f"{number:,} {cause}" for cause, number in forecast.not_due.most_common())
        )
    if seen.unreadable:
        console.print(f"{count(seen.unreadable, 'host')} cannot be scheduled: see orbweaver hosts list")
    table = Table("24 hours from", box=None, pad_edge=False)
    for head in ("visits due", plan.unit, "of the budget", "waiting at the end"):
        table.add_column(head, justify="right")
    backlog, use = forecast.backlog(), forecast.budget_use()
    for day, load in enumerate(forecast.load_by_day()):
        table.add_row(
            minute(seen.at + timedelta(days=day)),
            f"{load.visits:,.0f}",
            f"{load.cost:,.0f}",
            "-" if math.isinf(use[day]) else f"{use[day]:.0%}",
            f"{backlog[24 * day + 23]:,.0f}",
        )
    console.print(table)
    console.print(
        "As due times and intervals are now; what operators will ask for, failures and quiet hours are not in it."
    )


def outlook_as_json(seen: Outlook) -> dict[str, Any]:
    """Return the outlook as values for JSON; `load` has an entry an hour."""
    forecast = seen.forecast
    return {
        "at": format_time(seen.at),
        "policy": seen.plan.policy.name,
        "budget": seen.plan.policy.budget,
        "unit": seen.plan.unit,
        "hosts": {**seen.counts._asdict(), "unreadable": seen.unreadable},
        "not_due": {cause.value: number for cause, number in forecast.not_due.items()},
        "overdue": {**dataclasses.asdict(forecast.overdue), "longest_days": forecast.longest_overdue_days},
        "load": [dataclasses.asdict(load) for load in forecast.load()],
        "backlog": forecast.backlog(),
    }


def show_comparison(console: Console, plan: BudgetPlan, compared: Comparison) -> None:
    """Print a line for each policy: how soon it would find what is uploaded, and what it would spend."""
    drawn = "" if compared.simulated == compared.hosts else f", {compared.simulated:,} of them drawn"
    console.print(
        f"{count(compared.hosts, 'host')}{drawn}; budget {compared.budget:,.0f} {plan.unit} a day; "
        f"{compared.seeds} simulations of {days_in_words(compared.days)}"
    )
    table = Table("policy", box=None, pad_edge=False)
    for head in ("until found, mean", "compared with uniform", "p95", "longest wait", f"{plan.unit} a day"):
        table.add_column(head, justify="right")
    for result in compared.results:
        table.add_row(*_row(result, is_in_force=result.name == plan.policy.name))
    console.print(table)
    console.print(
        "Means weigh each upload by its host's weight; in brackets the interval of 95 %.\n"
        "How often files come back is drawn from what is known of each host: the less is known, the wider the interval."
    )


def _row(result: PolicyResult, *, is_in_force: bool) -> tuple[str, ...]:
    return (
        f"{result.name}{' (in force)' if is_in_force else ''}",
        days_in_words(result.weighted_mean.mean),
        str(result.ratio),
        days_in_words(result.p95.mean),
        days_in_words(result.longest.mean),
        f"{result.spent.mean:,.0f}",
    )
