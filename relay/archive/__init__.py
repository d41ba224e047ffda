"""Captures to files and back: export in four formats, redaction, import.

`exporting` writes, `importing` reads; `redaction` replaces what is personal. Must not send anything.
"""
