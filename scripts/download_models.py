"""Fetch and build the model files: what an image build runs. Arguments, if any, are those of `whisperengine models`."""

from __future__ import annotations

import sys

from whisperengine.cli import main

if __name__ == "__main__":
    sys.exit(main(["models", *sys.argv[1:]]))
