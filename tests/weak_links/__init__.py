"""What real receivers make of a lesson over weak links: ``python -m tests.weak_links`` prints the table."""
