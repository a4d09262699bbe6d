"""Decides when each host is visited next, and says why. Pure: no store, no job, no clock.

Who keeps hosts uses it like this. All values are frozen and are stored by whoever owns them.

- A host is a `ScheduledHost` (`scheduled_host.py`). Its numbers, moments and evidence are what has to be stored of it.
- Every few hours all hosts are counted by a `Census` (`census.py`): that gives the `Allotment`, how the budget is
  shared, and a prior for each group of hosts. Both are stored until the next count.
- `due(host, policy, allotment, at)` (`due_time.py`) says when a host is due, in words and numbers too; it is not due
  at all when `at` of its answer is None.
- After a visit `after_visit(host, visit, policy)` (`visits.py`) returns the host as it is known then. A failed visit is
  `Seen.NOTHING`, and one that saw a part `Seen.PART`.
- `SchedulePolicy` (`policy.py`) holds the operator's choices; `QuietHours` (`quiet_hours.py`) a window of each day.

What cannot be used raises ScheduleRefused with one line for the operator. The law, its costs and its sources:
docs/decisions/0064-the-square-root-law.md.
"""
