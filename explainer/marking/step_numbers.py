"""Where each quantity is found on the page: the number of its step."""

from __future__ import annotations

from collections.abc import Sequence

from ..steps import Lines, Steps
from ..worked import Worked


def steps_by_name(works: Sequence[Worked]) -> dict[str, str]:
    """The id of the step that finds each quantity of the first iteration, by canonical name."""
    found: dict[str, str] = {}
    for group in Steps(works[0]).groups():
        for item in group:
            if isinstance(item, Lines):
                found |= {name: f"S{n}" for name, n in zip(item.names, item.numbers_of_steps.tolist(), strict=True)}
    return found
