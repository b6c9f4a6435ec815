"""The page's types of requests and answers are those of the service."""

from __future__ import annotations

from scripts import api_types


def test_the_types_of_the_page_are_written_from_the_description_of_today():
    assert api_types.TYPES.read_text("utf-8") == api_types.types(), "Run scripts/api_types.py and build the page anew."
