"""The checks of a rehearsal, one module each: an async generator over a `Stage` that yields report lines."""
