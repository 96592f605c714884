"""Derivations inside the documents of others: one core, and an adapter for each host."""
