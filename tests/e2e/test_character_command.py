"""`whisperengine character`: an author at a terminal."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

from tests.e2e.test_terminal import command
from tests.support.pictures import picture
from tests.support.service import Client
from whisperengine.characters.definition import parse
from whisperengine.characters.formats import export_bytes, import_bytes


def editor(folder: Path, *edits: tuple[str, str]) -> str:
    """An editor that makes the first of these replacements when it is first opened, then the second, and so on."""
    script = folder / "editor.py"
    script.write_text(
        "import pathlib, sys\n"
        f"edits = {list(edits)!r}\n"
        f"count = pathlib.Path({str(folder / 'count')!r})\n"
        "number = int(count.read_text()) if count.exists() else 0\n"
        "count.write_text(str(number + 1))\n"
        "file = pathlib.Path(sys.argv[1])\n"
        "text = file.read_text('utf-8')\n"
        "old, new = edits[number]\n"
        "assert old in text, (old, text)\n"
        "file.write_text(text.replace(old, new, 1), 'utf-8')\n"
    )
    return shlex.join([sys.executable, str(script)])


async def test_a_character_is_written_changed_and_put_away(offline: Client, tmp_path: Path):
    url = ("--url", offline.url)
    code, out, error = await command(
        "character", "new", "mira", *url, EDITOR=editor(tmp_path, ("description: ", "description: A biologist."))
    )
    assert (code, "mira saved, version 1" in out) == (0, True), error
    (tmp_path / "count").unlink()
    code, out, error = await command(
        "character", "edit", "mira", *url, EDITOR=editor(tmp_path, ("A biologist.", "A marine biologist."))
    )
    assert (code, "mira saved, version 2" in out) == (0, True), error
    _, out, _ = await command("character", "show", "mira", *url)
    assert "description: A marine biologist." in out
    _, out, _ = await command("character", "versions", "mira", *url)
    assert "changed: identity.description" in out
    assert (await command("character", "versions", "mira", "--restore", "1", *url))[0] == 0
    _, out, _ = await command("character", "show", "mira", "--json", *url)
    assert json.loads(out)["identity"]["description"] == "A biologist."
    assert (await command("character", "archive", "mira", *url))[0] == 0
    assert "mira  " not in (await command("character", "list", *url))[1]
    assert "archived" in (await command("character", "list", "--archived", *url))[1]
    assert (await command("character", "restore", "mira", *url))[0] == 0
    assert "mira  " in (await command("character", "list", *url))[1]


async def test_what_is_wrong_is_all_told_and_the_author_may_go_on(offline: Client, tmp_path: Path):
    edits = (
        ("archetype: real-world", "archetype: robot\n  age: []"),
        ("archetype: robot\n  age: []", "archetype: fantasy"),
    )
    arguments = ("character", "new", "mira", "--url", offline.url)
    code, out, error = await command(*arguments, stdin="y\n", EDITOR=editor(tmp_path, *edits))
    assert (code, "mira saved" in out) == (0, True), error
    assert "identity.archetype" in error
    assert "identity.age" in error


async def test_what_an_author_gives_up_on_is_kept_in_a_file(offline: Client, tmp_path: Path):
    arguments = ("character", "edit", "assistant", "--url", offline.url)
    code, _, error = await command(
        *arguments,
        stdin="n\n",
        EDITOR=editor(tmp_path, ("cdl:", "my long night's work: [\ncdl:")),
        TMPDIR=str(tmp_path),
    )
    assert code == 1
    assert "not valid YAML" in error
    assert "my long night's work" in next(tmp_path.glob("assistant-*.yaml")).read_text()


async def test_of_two_authors_the_second_is_shown_what_the_first_changed(offline: Client, tmp_path: Path):
    definition = {"cdl": "3.0", "name": "mira", "identity": {"full_name": "Mira"}}
    await offline.post("/api/characters", {"definition": definition})
    # The other one saves while the editor is open.
    other = tmp_path / "other.py"
    other.write_text(
        "import json, pathlib, sys, urllib.request\n"
        f"url = {offline.url + '/api/characters/mira'!r}\n"
        "body = json.dumps({'definition': {'identity': {'age': 41}}}).encode()\n"
        "first = not pathlib.Path(__file__ + '.done').exists()\n"
        "if first:\n"
        "    pathlib.Path(__file__ + '.done').touch()\n"
        "    urllib.request.urlopen(urllib.request.Request(url, body, method='PATCH'))\n"
        "file = pathlib.Path(sys.argv[1])\n"
        "file.write_text(file.read_text() + f'x{int(first)}: 1\\n')\n"
    )
    arguments = ("character", "edit", "mira", "--url", offline.url)
    code, out, error = await command(*arguments, stdin="y\n", EDITOR=shlex.join([sys.executable, str(other)]))
    assert (code, "version 3" in out) == (0, True), error
    assert "+ identity.age: 41" in error


async def test_the_prompt_is_shown_with_what_each_part_costs(offline: Client):
    arguments = ("character", "prompt", "tamsin_vane", "--message", "Good evening", "--url", offline.url)
    code, out, error = await command(*arguments)
    assert (code, "Tamsin Vane" in out) == (0, True), error
    assert "tokens)" in out
    assert out.strip().endswith("tokens")


async def test_cards_are_imported_and_exported(offline: Client, tmp_path: Path):
    url = ("--url", offline.url)
    file = tmp_path / "card.png"
    nia = parse({"cdl": "3.0", "name": "nia", "identity": {"full_name": "Nia"}, "model": {"url": "http://x.example"}})
    file.write_bytes(export_bytes(nia, "png", picture("PNG")).data)
    code, out, _ = await command("character", "import", str(file), "--dry-run", *url)
    assert (code, "would become nia" in out, "lost: model.url" in out) == (0, True, True)
    code, out, _ = await command("character", "import", str(file), str(tmp_path / "none.png"), *url)
    assert (code, "is now nia" in out) == (1, True)
    code, out, error = await command("character", "export", "nia", "--format", "v2-json", *url)
    assert (code, json.loads(out)["data"]["name"]) == (0, "Nia")
    target = tmp_path / "out.png"
    code, _, _ = await command("character", "export", "nia", "--format", "png", "--output", str(target), *url)
    assert (code, import_bytes(target.read_bytes()).avatar) == (0, picture("PNG"))
    code, _, error = await command("character", "export", "nia", "--format", "doc", *url)
    assert (code, "Use one of" in error) == (1, True)
