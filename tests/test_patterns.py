"""No pattern of the package uses what a supported Python's `re` gets wrong: decision 0033 names it."""

from __future__ import annotations

import ast
import builtins
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

import pytest
from import_graph import ROOT, product_files
from orbweaver.crawler.links.pages import markup

TAKES_A_PATTERN = frozenset({"compile", "findall", "finditer", "fullmatch", "match", "search", "split", "sub", "subn"})
ONE_CHARACTER = frozenset({op.ANY, op.IN, op.LITERAL, op.NOT_LITERAL})
# It puts the pieces of the patterns around it together, one name at a time.
PUT_TOGETHER_WHEN_WANTED = frozenset({("crawler/rules/acting_links.py", "_searches")})


def unsafe_parts(pattern: str | bytes, flags: int = 0) -> list[str]:
    return list(_unsafe(_parser.parse(pattern, int(flags))))


def _unsafe(parsed: Any) -> Iterator[str]:
    for code, argument in parsed:
        if code is op.ATOMIC_GROUP:
            yield "an atomic group"
        if code is op.POSSESSIVE_REPEAT and not _is_one_character(argument[2]):
            yield "a possessive quantifier of a group"
        yield from _unsafe_inside(argument)


def _unsafe_inside(argument: Any) -> Iterator[str]:
    if isinstance(argument, _parser.SubPattern):
        yield from _unsafe(argument)
    elif isinstance(argument, (list, tuple)):
        for one in argument:
            yield from _unsafe_inside(one)


def _is_one_character(parsed: Any) -> bool:
    return len(parsed) == 1 and parsed[0][0] in ONE_CHARACTER


class Recorder:
    """Stands for the module `re` where a statement is carried out once more; keeps the patterns it was given."""

    def __init__(self) -> None:
        self.patterns: list[tuple[str | bytes, int]] = []

    def __getattr__(self, name: str) -> Any:
        call = getattr(re, name)
        if name not in TAKES_A_PATTERN:
            return call

        def record(pattern: str | bytes, *arguments: Any, **named: Any) -> Any:
            flags = named.get("flags", arguments[0] if name == "compile" and arguments else 0)
            self.patterns.append((pattern, int(flags)))
            return call(pattern, *arguments, **named)

        return record


class Names(dict[str, Any]):
    """A module's names; any other, a function's own, stands for some text."""

    def __missing__(self, name: str) -> Any:
        return getattr(builtins, name, "x")


def patterns_of(path: Path) -> list[tuple[str | bytes, int]]:
    """Every pattern that a module compiles: those outside of functions are compiled again."""
    source = path.read_text(encoding="utf-8")
    if "\nimport re\n" not in source:
        return []
    parts = path.relative_to(ROOT).with_suffix("").parts
    module = importlib.import_module(".".join(["orbweaver", *(part for part in parts if part != "__init__")]))
    recorder = Recorder()
    namespace = {**vars(module), "re": recorder}
    for statement in ast.parse(source).body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            for function in (node for node in ast.walk(statement) if isinstance(node, ast.FunctionDef)):
                if (path.relative_to(ROOT).as_posix(), function.name) not in PUT_TOGETHER_WHEN_WANTED:
                    for call in _calls_of_re(function):
                        written = compile(ast.Expression(call.args[0]), str(path), "eval")
                        recorder.patterns.append((eval(written, {}, Names(namespace)), 0))
        elif any(_calls_of_re(statement)):
            exec(compile(ast.Module([statement], []), str(path), "exec"), namespace)
    return recorder.patterns


def _calls_of_re(node: ast.AST) -> Iterator[ast.Call]:
    for call in ast.walk(node):
        match call:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=name)) if name in TAKES_A_PATTERN:
                yield call


def test_no_pattern_depends_on_the_version_of_python() -> None:
    """Where this fails, docs/decisions/0033-no-possessive-groups.md says what to write instead."""
    found = {
        (path.relative_to(ROOT).as_posix(), pattern, part)
        for path in product_files(ROOT)
        for pattern, flags in patterns_of(path)
        for part in unsafe_parts(pattern, flags)
    }
    assert found == set()


def test_the_patterns_of_the_package_are_found() -> None:
    links = ROOT / "crawler" / "links" / "pages" / "markup.py"
    assert any("(?P<name>" in str(pattern) for pattern, _ in patterns_of(links))
    found = [pattern for pattern, _ in patterns_of(links)]
    assert {pattern.pattern for pattern in markup._RAW_END.values()} <= set(found), "those of a comprehension too"
    assert len(found) >= 10


@pytest.mark.parametrize(
    "pattern", [r"(?:ab)*+", r"(?:ab?c)++x", r"(a|b)?+", r"(?>a)", r"x(?=(?:y(?:a|bc){2,3}+))", rb"(?:%[0-9]{2})*+"]
)
def test_a_pattern_that_some_pythons_read_wrongly_is_recognised(pattern: str | bytes) -> None:
    assert unsafe_parts(pattern)


@pytest.mark.parametrize("pattern", [r"a*+", r"[^<]++", r"(?:\s?+x)*", r".{1,6}+", r"(?:ab|c){0,64}"])
def test_a_possessive_quantifier_of_one_character_is_right_on_every_python(pattern: str) -> None:
    assert not unsafe_parts(pattern)
