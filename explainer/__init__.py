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
    from .marking.checking import check
    from .marking.marks import LineMarks, Marks
    from .marking.scheme import Scheme
    from .models.imported import from_model
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
    "from_model",
    "read_problem",
]

HOMES = {
    "Derivation": "derivation",
    "explain": "derivation",
    "from_model": "models.imported",
    "Problem": "problem",
    "read_problem": "problem",
    "check": "marking.checking",
    "LineMarks": "marking.marks",
    "Marks": "marking.marks",
    "Scheme": "marking.scheme",
}


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext explainer` in a notebook: the magics `%explainer` and `%%explainer`."""
    from .embed.jupyter import load

    load(shell)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: `explainer --help` needs neither NumPy nor SymPy."""
    if name in __all__:
        return getattr(importlib.import_module(f".{HOMES.get(name, 'errors')}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
