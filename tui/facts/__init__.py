"""What the tabs of the detail say of a capture, in words. Pure: blocks of text with tones, no widgets.

One module per tab, each with one function from a `Subject` to blocks. Text that came from outside is
made safe here, once.
"""
