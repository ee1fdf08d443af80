"""Sign-in by an identity provider (OpenID Connect), and the roles that its claims give."""
