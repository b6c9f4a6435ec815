"""The file `.env`."""

from __future__ import annotations

from pathlib import Path

from whisperengine.errors import ConfigurationError


def read_dotenv(path: Path) -> dict[str, str]:
    """Lines `NAME=value`, `export NAME="value"`, comments. No expansion: a password may hold any character."""
    try:
        text = path.read_text("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read ({error}). Make it a readable UTF-8 file.") from error
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, value = stripped.removeprefix("export ").partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not name.replace("_", "").isalnum():
            raise ConfigurationError(
                f"{path} line {number} is not NAME=value. Correct the line or comment it out with #."
            )
        if value[:1] in "\"'" and len(value) > 1:
            end = value.find(value[0], 1)
            value = value[1:end] if end > 0 else value[1:]
        else:
            value = value.split(" #", 1)[0].rstrip()
        found[name] = value
    return found
