"""Screens and dialogs other than the main screen; each holds widgets and acts through the gateway."""
