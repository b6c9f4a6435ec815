"""What may be set while the service runs: the variables of `config/` that have a setting's key."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from whisperengine.config import Config, table
from whisperengine.endpoints import OtherEndpoint
from whisperengine.variables import Variable

TEXT_CHARS = 20_000


@dataclass(frozen=True, slots=True)
class Setting:
    """`field` is the attribute of `Config` that it becomes."""

    key: str
    field: str
    variable: Variable

    @property
    def kind(self) -> str:
        """text, number, boolean, choice, list or secret."""
        return "secret" if self.variable.secret and self.variable.kind == "text" else self.variable.kind

    @property
    def label(self) -> str:
        return self.key.partition(".")[2].replace("_", " ").capitalize()

    def text(self, value: Any) -> str:
        """A JSON value as the environment would write it, empty for what is to be unset. Raises ValueError."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return _fitting(self.kind == "boolean", str(int(value)))
        if isinstance(value, int | float):
            whole = isinstance(value, float) and value.is_integer()
            return _fitting(self.kind == "number", str(int(value) if whole else value))
        if isinstance(value, str):
            printable = value.isprintable() or self.kind == "list"
            return _fitting(self.kind != "boolean" and printable and len(value) <= TEXT_CHARS, value.strip())
        if isinstance(value, list) and all(isinstance(word, str) and "," not in word for word in value):
            text = ",".join(value)
        else:
            text = json.dumps(value, ensure_ascii=False)
        return _fitting(self.kind == "list" and len(text) <= TEXT_CHARS, text)

    def value(self, config: Config) -> Any:
        """What is in force as JSON; None for a secret, lists of endpoints without their keys."""
        found = getattr(config, self.field)
        if isinstance(found, tuple) and all(isinstance(each, OtherEndpoint) for each in found):
            return [each.shown() for each in found]
        if self.variable.secret:
            return None
        if isinstance(found, tuple):
            return list(found)
        return without_login(found) if isinstance(found, str) else found


def without_login(text: str) -> str:
    """A URL without user name and password; any other text as it is."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return text
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "@" in parts.netloc else text


def _fitting(fits: bool, text: str) -> str:
    if not fits:
        raise ValueError
    return text


SETTINGS = {
    variable.setting: Setting(variable.setting, field, variable) for field, variable, _ in table() if variable.setting
}
