"""PerpBot trades perpetual futures on several exchanges at once."""

__version__ = "0.1.0"
