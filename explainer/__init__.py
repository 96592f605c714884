"""Worked derivations of back-propagation: every weight, every step, every number.

import explainer
problem = explainer.read_problem("net.yaml")
explainer.explain(problem).save("net.md", "net.html")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .derivation import Derivation, explain
    from .errors import CheckFailed, ExplainerError, Fault, InputError, NotBuilt, OutputError
    from .marking.checking import LineMarks, Marks, Scheme, check
    from .problem import Problem, read_problem

__version__ = "0.1.0"
__all__ = [
    "CheckFailed",
    "Derivation",
    "ExplainerError",
    "Fault",
    "InputError",
    "LineMarks",
    "Marks",
    "NotBuilt",
    "OutputError",
    "Problem",
    "Scheme",
    "check",
    "explain",
    "read_problem",
]

HOMES = {
    "Derivation": "derivation",
    "explain": "derivation",
    "Problem": "problem",
    "read_problem": "problem",
    **dict.fromkeys(("LineMarks", "Marks", "Scheme", "check"), "marking.checking"),
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: `explainer --help` needs neither NumPy nor SymPy."""
    if name in __all__:
        return getattr(importlib.import_module(f".{HOMES.get(name, 'errors')}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
