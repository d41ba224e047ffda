"""Captures without what is personal in them: `redactor.Redactor`. Pure.

`policy` decides what stays, from the catalogue and the names of fields; `stand_ins` makes what comes in place
of the rest, from the form of each value; `body` keeps every other byte.
"""
