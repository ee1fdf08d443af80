"""Named pupils: only with a guardian's consent in force, and no longer than that. Everything else is headcounts."""
