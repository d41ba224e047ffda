"""The screens: they hold widgets together and act through the gateway."""
