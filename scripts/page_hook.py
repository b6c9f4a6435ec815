"""Packs the built web page, where there is one, into the wheel: hatchling runs this while it builds."""

# pyright: reportMissingImports=false
from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageHook(BuildHookInterface):
    """`cdl-web-ui/out` as `whisperengine/_page`; an editable install finds the folder where it is."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        page = Path(self.root) / "cdl-web-ui" / "out"
        if version != "editable" and (page / "index.html").exists():
            build_data["force_include"][str(page)] = "whisperengine/_page"
