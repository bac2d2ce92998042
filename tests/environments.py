"""A service's settings as the environment in which its command line is run."""

import dataclasses


def environment_of(settings):
    """Names and values of those that are one text or one number; the others keep their defaults."""
    named = {field.name.upper(): getattr(settings, field.name) for field in dataclasses.fields(settings)}
    return {name: str(value) for name, value in named.items() if isinstance(value, str | int)}
