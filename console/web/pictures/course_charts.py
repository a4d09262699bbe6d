"""The charts of the first page: what came and went in the last days, and how visits ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Final

from orbweaver.console.statistics_wording import band_in_words
from orbweaver.console.web.pictures.charts import Chart, Numbers, bars, lines
from orbweaver.console.web.translation import to_translate
from orbweaver.queue.hosts.visit_outcome import VisitOutcome
from orbweaver.takedown.statistics.course import Course
from orbweaver.takedown.statistics.summary import BANDS

Say = Callable[[str], str]
# Three kinds of ends: more could not be told apart in a picture. The rest saw little or nothing of the host.
_ENDS: Final[Mapping[VisitOutcome, str]] = MappingProxyType(
    {
        VisitOutcome.FINISHED: to_translate("came to the end"),
        VisitOutcome.SLICED: to_translate("came to the end"),
        VisitOutcome.BUDGET: to_translate("ended early"),
        VisitOutcome.TRAPPED: to_translate("ended early"),
        VisitOutcome.STOPPED: to_translate("ended early"),
    }
)
_SAW_NOTHING: Final = to_translate("saw nothing")


def of_cases(course: Course, say: Say) -> list[Chart]:
    """Draw the cases of the last days: how many were open, how many came, how long the removed files stayed.

    `say` gives a text in the language of the page.
    """
    day, days, cases = say(to_translate("day")), _days(course.days), say(to_translate("cases"))
    bands = [*(band_in_words(hours) for hours in BANDS), band_in_words(BANDS[-1]).replace("<=", ">")]
    within = Numbers(say(to_translate("removed within")), bands, {say(to_translate("files")): course.removed_within})
    return [
        lines(
            say(to_translate("Open cases")),
            say(to_translate("Cases whose files were not known to be gone, by day")),
            Numbers(day, days, {cases: course.open}),
        ),
        bars(
            say(to_translate("New cases")),
            say(to_translate("Cases that came, by day")),
            Numbers(day, days, {cases: course.came}),
        ),
        bars(
            say(to_translate("Time to removal")),
            say(to_translate("Removed files by the least time that each can have stayed since its report")),
            within,
        ),
    ]


def of_visits(visits: Mapping[date, Mapping[VisitOutcome, int]], say: Say) -> Chart:
    """Draw how the visits of some days ended. `say` gives a text in the language of the page."""
    ends = dict.fromkeys([*_ENDS.values(), _SAW_NOTHING])
    series = {
        say(end): [
            sum(count for one, count in of.items() if _ENDS.get(one, _SAW_NOTHING) == end) for of in visits.values()
        ]
        for end in ends
    }
    numbers = Numbers(say(to_translate("day")), _days(list(visits)), series)
    name, words = say(to_translate("How visits ended")), say(to_translate("Visits by day and how they ended"))
    return bars(name, words, numbers, are_stacked=True)


def _days(days: Sequence[date]) -> list[str]:
    return [f"{day:%m-%d}" for day in days]
