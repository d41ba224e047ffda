"""State of the screen: list order and cursor, saved state, completion. Pure: no Textual."""
