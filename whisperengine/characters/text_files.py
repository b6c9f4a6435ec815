"""JSON and YAML text of unknown origin into plain values, within bounded work; and YAML out again."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

import yaml

from whisperengine.characters.validation import MAX_DEPTH
from whisperengine.errors import RequestError, TooLargeError

MAX_TEXT_BYTES = 32 * 1024 * 1024
MAX_PARTS = 1_000_000
MAX_YAML_BYTES = 4 * 1024 * 1024

_RESOLVER = yaml.resolver.Resolver()
_DECIMAL = re.compile(r"[-+]?[0-9]{1,100}")
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class _Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


class InvalidFile(RequestError):
    """A file is not what it claims to be, or is damaged."""

    code = "invalid_file"


def decode(data: bytes) -> tuple[str, list[str]]:
    """The text of a file, and remarks on how it was read. UTF-8 first, UTF-16 by its mark, else Windows-1252."""
    if len(data) > MAX_TEXT_BYTES:
        raise TooLargeError(
            f"The text is {len(data):,} bytes long; at most {MAX_TEXT_BYTES:,} are read. Remove pictures that are "
            "embedded in it, or split it."
        )
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace"), ["The text was UTF-16."]
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace"), ["The text was not UTF-8; it was read as Windows-1252."]


def read_json(text: str) -> Any:
    """The value that JSON text stands for. Raises InvalidFile, or TooLargeError when it has too many parts."""
    # Counted before parsing: `[{},{},...` takes more than twenty times its length in memory.
    if text.count("{") + text.count("[") + text.count(",") > MAX_PARTS:
        raise TooLargeError(f"The JSON has more than {MAX_PARTS:,} parts. Split it into several files.")
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise InvalidFile("The JSON is nested too deep. Export the character again.") from None
    except ValueError as error:
        raise InvalidFile(f"The text is not valid JSON ({str(error)[:200]}). Export the character again.") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number that JSON knows")


def read_yaml(text: str) -> Any:
    """The value that YAML text stands for.

    Only what JSON can say: `true`, `false`, `null`, decimal numbers and text, so that `no`, `on` and dates stay the
    words that the author wrote. Anchors, aliases and tags are refused: they can make a short text stand for an endless
    one. Raises InvalidFile or TooLargeError.
    """
    if len(text) > MAX_YAML_BYTES:
        raise TooLargeError(f"The YAML has {len(text):,} characters; at most {MAX_YAML_BYTES:,} are read. Use JSON.")
    try:
        return _value(iter(yaml.parse(text, Loader=yaml.CSafeLoader)))
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" in line {where.line + 1}" if where else ""
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise InvalidFile(
            f"The text is not valid YAML{line}: {str(problem)[:200]}. Correct it and try again."
        ) from None


def _value(events: Iterator[yaml.Event]) -> Any:
    root: list[Any] = []
    stack: list[Any] = [root]
    keys: list[Any] = [None]
    documents = 0
    for parts, event in enumerate(events):
        if parts > MAX_PARTS:
            raise TooLargeError(f"The YAML has more than {MAX_PARTS:,} parts. Split it into several files.")
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise InvalidFile("The YAML holds several documents. Keep one per file.")
        elif isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise InvalidFile(f"The YAML uses anchors or aliases{_line(event)}. Write the values out.")
        elif isinstance(event, yaml.ScalarEvent):
            _put(stack, keys, _scalar(event), event)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            if len(stack) > MAX_DEPTH:
                raise InvalidFile(f"The YAML is nested more than {MAX_DEPTH} deep{_line(event)}. Flatten it.")
            container: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
            _put(stack, keys, container, event)
            stack.append(container)
            keys.append(None)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            stack.pop()
            keys.pop()
    return root[0] if root else None


def _put(stack: list[Any], keys: list[Any], value: Any, event: yaml.Event) -> None:
    if isinstance(stack[-1], list):
        stack[-1].append(value)
    elif keys[-1] is None:
        if isinstance(value, (dict, list)):
            raise InvalidFile(f"The YAML has a key that is no text{_line(event)}. Quote it.")
        keys[-1] = event.value if isinstance(event, yaml.ScalarEvent) else str(value)
    else:
        if keys[-1] in stack[-1]:
            raise InvalidFile(f"The YAML has the key {keys[-1][:80]!r} twice{_line(event)}. Remove one.")
        stack[-1][keys[-1]] = value
        keys[-1] = None


def _scalar(event: yaml.ScalarEvent) -> Any:
    if event.tag and event.tag != "!":
        raise InvalidFile(f"The YAML uses the tag {event.tag[:80]}{_line(event)}. Remove it.")
    text = event.value
    if not event.implicit[0]:
        return text
    tag = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))
    if tag == "tag:yaml.org,2002:null":
        return None
    if tag == "tag:yaml.org,2002:bool":
        return _BOOLEANS.get(text, text)
    if tag == "tag:yaml.org,2002:int" and _DECIMAL.fullmatch(text):
        return int(text)
    if tag == "tag:yaml.org,2002:float":
        try:
            number = float(text)
        except ValueError:
            return text
        return number if abs(number) < float("inf") else text
    return text


def _line(event: yaml.Event) -> str:
    return f" in line {event.start_mark.line + 1}" if event.start_mark else ""


def write_yaml(value: Any) -> str:
    """YAML that `read_yaml` reads as the same value."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120, default_flow_style=False)


def write_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def storable(value: Any, depth: int = 0) -> tuple[Any, bool]:
    """`value` without what the database cannot hold (NUL, halves of surrogate pairs become U+FFFD), and whether it had
    any.
    """
    # A few levels are left for the place under `extensions` where the original is kept.
    if depth > MAX_DEPTH - 4:
        raise InvalidFile(f"The file is nested more than {MAX_DEPTH - 4} deep. Export the character again.")
    if isinstance(value, str):
        clean = _UNSTORABLE.sub("\ufffd", value)
        return clean, clean != value
    if isinstance(value, list):
        pairs = [storable(item, depth + 1) for item in value]
        return [item for item, _ in pairs], any(changed for _, changed in pairs)
    if isinstance(value, dict):
        named = [(storable(key, depth + 1), storable(item, depth + 1)) for key, item in value.items()]
        changed = any(key_changed or item_changed for (_, key_changed), (_, item_changed) in named)
        return {key: item for (key, _), (item, _) in named}, changed
    return value, False
