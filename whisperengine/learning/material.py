"""Talk as data in a request to a model: JSON is the fence, and no text inside one of its strings can end it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

# Some model servers read the control words of chat templates wherever they stand, in a JSON string too. Written as an
# escape they are the same text and no control words. JSON's own brackets are followed by an object.
_CONTROL = re.compile(r"<|\[(?=/?[A-Za-z_]+\])")


def material(conversation: Sequence[Any]) -> str:
    """A conversation as the text of a message."""
    text = json.dumps({"conversation": conversation}, ensure_ascii=False)
    return _CONTROL.sub(lambda mark: f"\\u{ord(mark[0]):04x}", text)
