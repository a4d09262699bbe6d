"""Reads of the store that are sent together: in one round trip, however many they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from orbweaver.store.connection import Store

if TYPE_CHECKING:
    from redis.client import Pipeline

_One_co = TypeVar("_One_co", covariant=True)
_T1 = TypeVar("_T1")
_T2 = TypeVar("_T2")
_T3 = TypeVar("_T3")
_T4 = TypeVar("_T4")
_T5 = TypeVar("_T5")
_T6 = TypeVar("_T6")


@dataclass(frozen=True)
class Read(Generic[_One_co]):
    """Something to read: `ask` queues its commands, of any number, and `understand` makes of their answers what it is.

    Whoever is to write only if it has not changed meanwhile, watches its keys before it is read.
    """

    ask: Callable[[Pipeline], object]
    understand: Callable[[Sequence[Any]], _One_co]


@overload
def together(store: Store, first: Read[_T1], /) -> tuple[_T1]: ...
@overload
def together(store: Store, first: Read[_T1], second: Read[_T2], /) -> tuple[_T1, _T2]: ...
@overload
def together(store: Store, first: Read[_T1], second: Read[_T2], third: Read[_T3], /) -> tuple[_T1, _T2, _T3]: ...
@overload
def together(
    store: Store, first: Read[_T1], second: Read[_T2], third: Read[_T3], fourth: Read[_T4], fifth: Read[_T5], /
) -> tuple[_T1, _T2, _T3, _T4, _T5]: ...
@overload
def together(
    store: Store,
    first: Read[_T1],
    second: Read[_T2],
    third: Read[_T3],
    fourth: Read[_T4],
    fifth: Read[_T5],
    sixth: Read[_T6],
    /,
) -> tuple[_T1, _T2, _T3, _T4, _T5, _T6]: ...
def together(store: Store, *reads: Read[Any]) -> tuple[Any, ...]:
    """Read several things in one round trip, in order; others may write between any two of them."""
    with store.pipeline(transaction=False) as pipe:
        ends = [0]
        for one in reads:
            one.ask(pipe)
            ends.append(len(pipe))
        answers = pipe.execute()  # asks nothing when there is nothing to ask
    return tuple(one.understand(answers[start:end]) for one, start, end in zip(reads, ends[:-1], ends[1:], strict=True))
