from __future__ import annotations

from pathlib import Path

from whisperengine.characters import documentation
from whisperengine.characters.definition import parse, remarks
from whisperengine.characters.schema import SCHEMA, fields
from whisperengine.characters.text_files import read_yaml

PAGE = Path(__file__).parents[2] / "docs" / "cdl.md"


def test_the_page_says_what_the_schema_says():
    assert PAGE.read_text("utf-8") == documentation.documentation()


def test_every_field_is_on_the_page():
    page = PAGE.read_text("utf-8")
    for field in fields():
        path = field.path.removesuffix("[]")
        assert f"`{path}`" in page, path


def test_the_template_is_a_valid_character_with_every_field():
    template = documentation.template()
    definition = parse(read_yaml(template))
    assert remarks(definition) == []
    assert set(definition.document) == set(SCHEMA["properties"])
    for field in fields():
        assert field.path.endswith("[]") or field.schema["description"] in template, field.path
