"""Runs the program that gives this relay a public URL, for as long as the engine lives.

Other packages use `kinds` (which programs, and what to say of each), `supervisor` (its life) and `state`.
Nothing here is on the way from a request to its 200: output is read in a process of its own.
"""
