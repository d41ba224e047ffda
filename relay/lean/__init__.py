"""What Lean documents, as pure functions and data: nothing is opened here but packaged data."""
