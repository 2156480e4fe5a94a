"""Damaged and hostile files: how they are made, and where they are tried."""
