"""Real data of the papers, made from what others publish: one module per source."""
