"""Lean's documentation as pure functions and data. Opens nothing but packaged data.

Others use `signature` and `diagnosis`, `envelope`, `schedule`, `catalogue`, `ids`, `samples` and `records`.
"""
