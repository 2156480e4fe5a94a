"""The documentation's pages: their code blocks, run as a reader would type them."""
