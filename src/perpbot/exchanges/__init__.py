"""Exchanges: how each is reached, read and traded."""
