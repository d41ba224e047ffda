"""Values turned into words and tones for the screen. Pure: no Textual, no files."""
