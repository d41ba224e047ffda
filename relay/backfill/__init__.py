"""Backfill: what Lean's Events API has and this database does not. Fetches; stores through what it is given.

`client.EventsApi` asks Lean; `run.backfill` reads a window and hands on its events.
"""
