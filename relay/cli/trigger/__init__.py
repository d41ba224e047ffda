"""The command `trigger`: posts samples as Lean posts events."""
