"""The command `trigger`: samples posted as Lean posts events."""
