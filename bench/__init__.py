"""The harness: joins methods, metrics, segmenters and data by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.results.frames import frame as frame


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever a module has
    """Find `bench.frame` without making every command wait for it."""
    if name == "frame":
        from bench.results.frames import frame

        return frame
    raise AttributeError(f"module 'bench' has no attribute '{name}'")
