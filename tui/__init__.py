"""The terminal UI of lean-relay."""
