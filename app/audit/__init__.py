"""The trail of who did what: append-only, each event sealed by a hash over the one before it."""
