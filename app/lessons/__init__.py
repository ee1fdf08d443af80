"""Dated lessons, the part each teaching site has in them, and who may take part."""
