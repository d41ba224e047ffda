"""The main screen (`screen.MainScreen`), and a controller for each of its parts."""
