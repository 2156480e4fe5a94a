"""Synthetic data of the papers: one module per source."""
