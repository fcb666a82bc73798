"""Run the suite as `python -m bench`."""

from __future__ import annotations

from bench.commands.cli import main

main()
