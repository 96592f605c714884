"""`python -m explainer` is `explainer`."""

from .cli import main

main()
