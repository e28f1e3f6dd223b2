"""Paradex on loopback."""
