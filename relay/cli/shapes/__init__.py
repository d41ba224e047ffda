"""The command `shapes`: the shapes of events, and contracts to check them against."""
