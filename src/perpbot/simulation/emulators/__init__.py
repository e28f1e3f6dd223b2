"""Exchanges on loopback: the wire faces of the venue."""
