"""The paper's tables, from trained networks: measure, summarise, compare, write."""
