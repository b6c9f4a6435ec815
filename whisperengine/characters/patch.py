"""JSON merge patch (RFC 7396): an object that says what becomes of the fields it names; null takes one away."""

from __future__ import annotations

from typing import Any

from whisperengine.characters.validation import MAX_DEPTH


def merged(target: Any, patch: Any, depth: int = 0) -> Any:
    """`target` with `patch` put to it; neither is changed."""
    # What is nested deeper is refused when the result is checked; it need not be merged.
    if not isinstance(patch, dict) or depth > MAX_DEPTH:
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value, depth + 1)
    return result
