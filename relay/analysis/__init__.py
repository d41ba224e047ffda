"""What captures mean: shapes, contracts, journeys, retries, differences. Pure.

Others use `shape` (a body against Lean's schema), `shape_summary` and `contract` (many bodies), `journey`
with `diagram`, `retries` and `diff`.
"""
