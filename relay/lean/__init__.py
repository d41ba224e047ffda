"""What Lean documents, as pure functions and data: no file, socket or clock is opened here (but for packaged data)."""
