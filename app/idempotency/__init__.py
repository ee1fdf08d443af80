"""The same request twice is done once: `Idempotency-Key` on POST (draft-ietf-httpapi-idempotency-key-header-07)."""
