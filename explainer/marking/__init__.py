"""Marking a hand calculation: what is right, what follows from an earlier slip, what is wrong, and which mistake it was."""
