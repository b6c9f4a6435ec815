"""How slow each regular expression of the program can be made: the worst of thousands of hostile texts.

    python bench/regexes.py [--length 20000] [--rows 20] [--only memory/when]

Found are all patterns that are compiled while the package is imported, and those written where they are used. Each is
attacked as `tests/support/pumping.py` says, by every method that it may be called by; a search that takes a second is
ended. Prints the slowest patterns and one JSON line; ends with 1 when a search was ended.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import importlib
import json
import pkgutil
import re
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.support.pumping import SUFFIXES, attacks, text

HANG_SECONDS = 1.0
"""Of the processor's time, like all times here: other programs on the machine do not count."""
PROMISING = 20
# What reads at most so many letters of a text, and what reads only files and routes of the project's own.
LONGEST = {"llm/asking.py": 4_000, "memory/when/phrase.py": 200, "memory/when/sentence.py": 400}
OURS = ("db/migration_files.py", "api/openapi.py")
INLINE = frozenset(("search", "match", "fullmatch", "finditer", "findall", "split", "sub", "subn"))
AT_ONE_PLACE = frozenset(("match", "fullmatch"))
STAND_IN = "mira"
"""For a name that is only known where a pattern is built."""


@dataclass(slots=True)
class Found:
    """A pattern, where it stands, and the methods that it is called by."""

    pattern: re.Pattern[Any]
    places: set[str] = field(default_factory=set)
    methods: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Slow:
    """The worst text for a pattern. `seconds` of HANG_SECONDS: it was ended."""

    seconds: float
    place: str
    method: str
    length: int
    prefix: str
    pump: str
    suffix: str
    pattern: str


class Hang(Exception):
    """A search that was ended."""


class Known(dict[str, Any]):
    """The names of a module; STAND_IN for those of a function."""

    def __missing__(self, name: str) -> Any:
        return getattr(builtins, name, STAND_IN)


def patterns() -> list[Found]:
    """All patterns of the package, in the order of their places."""
    found: dict[tuple[str | bytes, int], Found] = {}
    original = re.compile

    def note(pattern: re.Pattern[Any], place: str) -> Found:
        kept = found.setdefault((pattern.pattern, pattern.flags), Found(pattern))
        kept.places.add(place)
        return kept

    def recording(pattern: Any, flags: int = 0) -> re.Pattern[Any]:
        made = original(pattern, flags)
        frame = sys._getframe(1)
        if (name := str(frame.f_globals.get("__name__", ""))).startswith("whisperengine."):
            note(made, f"{name.removeprefix('whisperengine.').replace('.', '/')}.py:{frame.f_lineno}")
        return made

    re.compile = recording  # type: ignore[assignment]
    try:
        loaded = modules()
    finally:
        re.compile = original
    called = _methods(loaded)
    for module, tree in loaded.items():
        place = Path(str(module.__file__)).as_posix().rpartition("/whisperengine/")[2]
        for call in _calls(tree):
            made = note(original(*_arguments(call, module)), f"{place}:{call.lineno}")
            if call.func.attr in INLINE:  # type: ignore[attr-defined]
                made.methods.add(call.func.attr)  # type: ignore[attr-defined]
        for name, value in vars(module).items():
            if isinstance(value, re.Pattern) and (value.pattern, value.flags) in found:
                found[value.pattern, value.flags].methods |= called.get(value, set())
            for pattern in _of_schema(value):
                note(original(pattern), f"{place}:{name}").methods.add("search")
    strangers = [each for each in found.values() if not all(place.startswith(OURS) for place in each.places)]
    return sorted(strangers, key=lambda each: sorted(each.places))


def modules() -> dict[ModuleType, ast.Module]:
    """Every module of the package, imported, and what is written in it."""
    package = importlib.import_module("whisperengine")
    names = [each.name for each in pkgutil.walk_packages(package.__path__, "whisperengine.")]
    loaded = [package, *(importlib.import_module(name) for name in names if not name.endswith("__main__"))]
    return {module: ast.parse(Path(str(module.__file__)).read_text("utf-8")) for module in loaded}


def _calls(tree: ast.Module) -> Iterator[ast.Call]:
    """Calls of the functions of `re` that take a pattern."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
            and node.func.attr in {"compile", *INLINE}
        ):
            yield node


def _methods(loaded: Mapping[ModuleType, ast.Module]) -> dict[re.Pattern[Any], set[str]]:
    """What each pattern that has a name is called by, in its own module and in those that import it."""
    called: dict[re.Pattern[Any], set[str]] = {}
    for module, tree in loaded.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in INLINE:
                owner: Any = module
                for name in ast.unparse(node.value).split("."):
                    owner = getattr(owner, name, None)
                if isinstance(owner, re.Pattern):
                    called.setdefault(owner, set()).add(node.attr)
    return called


def _arguments(call: ast.Call, module: ModuleType) -> tuple[Any, int]:
    """Pattern and flags of a call as its module knows them."""
    known = Known(vars(module))

    def value(node: ast.expr) -> Any:
        return eval(compile(ast.Expression(node), "pattern", "eval"), {}, known)

    flags = [value(keyword.value) for keyword in call.keywords if keyword.arg == "flags"]
    if call.func.attr == "compile" and len(call.args) > 1:  # type: ignore[attr-defined]
        flags.append(value(call.args[1]))
    return value(call.args[0]), next((flag for flag in flags if isinstance(flag, int)), 0)


def _of_schema(value: Any) -> Iterator[str]:
    """The patterns of a JSON Schema."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            if key == "pattern" and isinstance(each, str):
                yield each
            else:
                yield from _of_schema(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _of_schema(each)


def worst(found: Found, length: int, glance: int) -> Slow:
    """The slowest of all attacks on a pattern. Texts of `glance` letters first; what was slow with them is tried at
    full length.
    """
    methods = found.methods or {"finditer", "match"}
    length = min([length, *(most for where, most in LONGEST.items() if min(found.places).startswith(where))])
    # What finds all takes at least as long as what finds one.
    ways = [*(["finditer"] if methods - AT_ONE_PLACE else []), *sorted(methods & AT_ONE_PLACE)]
    glances = [
        _tried(found, way, min(glance, length), prefix, pump, suffix)
        for way in ways
        for prefix, pump in attacks(found.pattern)
        for suffix in SUFFIXES
    ]
    glances.sort(key=lambda slow: -slow.seconds)
    again = [
        _tried(found, slow.method, length, slow.prefix, slow.pump, slow.suffix)
        for slow in glances[:PROMISING]
        if slow.seconds < HANG_SECONDS
    ]
    return max((*glances[:1], *again), key=lambda slow: slow.seconds)


def _tried(found: Found, method: str, length: int, prefix: str, pump: str, suffix: str) -> Slow:
    attack: Any = text(prefix, pump, suffix, length)
    if isinstance(found.pattern.pattern, bytes):
        attack = attack.encode("utf-8", "replace")
    signal.setitimer(signal.ITIMER_VIRTUAL, HANG_SECONDS)
    began = time.process_time()
    try:
        result = getattr(found.pattern, method)(attack)
        if method == "finditer":
            for _ in result:
                pass
        seconds = time.process_time() - began
    except Hang:
        seconds = HANG_SECONDS
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return Slow(seconds, min(found.places), method, length, prefix, pump, suffix, str(found.pattern.pattern))


def _ended(*_: object) -> None:
    raise Hang


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--length", type=int, default=20_000, help="letters of the texts (20000)")
    parser.add_argument("--glance", type=int, default=2_000, help="letters of the texts of the first look (2000)")
    parser.add_argument("--rows", type=int, default=20, help="patterns in the table (20)")
    parser.add_argument("--only", default="", help="patterns whose place begins so, such as memory/when")
    args = parser.parse_args()
    signal.signal(signal.SIGVTALRM, _ended)
    found = [each for each in patterns() if any(place.startswith(args.only) for place in each.places)]
    slow = sorted((worst(each, args.length, args.glance) for each in found), key=lambda each: -each.seconds)
    print(f"{len(found)} patterns, texts of {args.length:,} letters")
    print(f"{'ms':>9}  {'letters':>7}  {'method':9}  where, and prefix + pump + suffix")
    for each in slow[: args.rows]:
        attack = f"{each.prefix[-40:]!r} + {each.pump[:40]!r} + {each.suffix!r}"
        print(f"{each.seconds * 1000:9.1f}  {each.length:7,}  {each.method:9}  {each.place}  {attack}")
    hung = [each.place for each in slow if each.seconds >= HANG_SECONDS]
    first = slow[0]
    print(
        json.dumps(
            {
                "bench": "regexes",
                "patterns": len(found),
                "letters": args.length,
                "worst_ms": round(first.seconds * 1000, 1),
                "worst": first.place,
                "hung": hung,
            }
        )
    )
    return 1 if hung else 0


if __name__ == "__main__":
    sys.exit(main())
