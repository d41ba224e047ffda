"""Analysis of captures: shapes, contracts, journeys, retries, differences. Pure.

Others use `shape` with `shape_result` (a body compared with Lean's documentation), `shape_summary` and
`contract` (many bodies), `journey` with `diagram`, `retries` and `diff`.
"""
