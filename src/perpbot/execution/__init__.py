"""Sends orders, follows them to their end, repairs pairs. Sees exchanges through the port only."""
