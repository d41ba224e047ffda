"""The screen in a browser: a page on loopback, and a process of the screen for each of its tabs.

`server.serving` opens it; its address has the token that lets a browser in. The front end of the page is that
of textual-serve, whose server is not used: it starts a shell, and checks no request.
"""

DRIVER = "textual.drivers.web_driver:WebDriver"
"""Value of TEXTUAL_DRIVER for a screen whose terminal is a page."""
