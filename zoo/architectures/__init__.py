"""Architectures of the papers: one module per source, a table of parameters and one builder."""
