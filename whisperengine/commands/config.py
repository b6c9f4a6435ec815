"""`whisperengine config`: what is in force, and the pages that are generated from the table of variables."""

from __future__ import annotations

import argparse

from whisperengine.config import MASK, Config, table


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--markdown", action="store_true", help="print docs/configuration.md instead")
    parser.add_argument("--env-example", action="store_true", help="print .env.example instead")


def run(args: argparse.Namespace, config: Config) -> int:
    if args.markdown:
        print(documentation(), end="")
    elif args.env_example:
        print(example(), end="")
    else:
        for name, value, changed in describe(config):
            print(f"{'*' if changed else ' '} {name}={value}")
        print("\n* differs from the default")
    return 0


def describe(config: Config) -> list[tuple[str, str, bool]]:
    """Rows (variable, value in force with secrets masked, whether it differs from the default)."""
    plain = Config()
    rows = []
    for attribute, variable, _ in table():
        value = getattr(config, attribute)
        if variable.secret:
            text = MASK if value else ""
        elif isinstance(value, bool):
            text = str(int(value))
        elif isinstance(value, tuple):
            text = ",".join(value)
        else:
            text = "" if value is None else str(value)
        rows.append((variable.name, text, value != getattr(plain, attribute)))
    return rows


def documentation() -> str:
    """`docs/configuration.md`, generated; a test holds the file equal to this."""
    lines = [
        "# Configuration",
        "",
        "<!-- Generated from whisperengine/config/ by `whisperengine config --markdown`. Do not edit. -->",
        "",
        "Set these in the environment or in a file `.env` in the working directory (`DOTENV_PATH` names another).",
        "The environment wins; an empty value counts as not set. `whisperengine config` prints what is in",
        "force. None is required. A secret may also stand in a file: `LLM_CHAT_API_KEY_FILE=/run/secrets/key`.",
    ]
    group = ""
    for _, variable, default in table():
        if variable.group != group:
            group = variable.group
            lines += ["", f"## {group}", "", "| variable | default | allowed | meaning |", "|---|---|---|---|"]
        meaning = variable.help + (" Secret." if variable.secret else "")
        lines.append(f"| `{variable.name}` | {default} | {variable.allowed} | {meaning} |")
    return "\n".join(lines) + "\n"


def example() -> str:
    """`.env.example`, generated; a test holds the file equal to this."""
    lines = ["# Copy to .env and take the # from the lines that you change. None is required."]
    group = ""
    for _, variable, default in table():
        if variable.group != group:
            group = variable.group
            lines += ["", f"# {group}"]
        shown = "" if variable.default_text or default == "empty" else default.strip("`")
        lines += [f"# {variable.help} ({variable.allowed})", f"#{variable.name}={shown}"]
    return "\n".join(lines) + "\n"
