"""People, what they may do and where, and how they prove who they are."""
