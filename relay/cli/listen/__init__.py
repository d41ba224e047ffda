"""The command `listen`: the engine in the foreground, its options and its output."""
