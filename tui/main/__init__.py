"""The main screen: the list, the detail beside it, the filter, and what can be done from there."""
