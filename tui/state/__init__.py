"""What a screen knows: list order and cursor, memory, completion. Pure: no Textual."""
