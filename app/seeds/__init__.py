"""Ready-made counties for a first look and for demonstrations."""
