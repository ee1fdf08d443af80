#!/bin/sh
# Makes the account that serves, or gives it the password of .env; run by an account that may, as compose.yaml does.
# Where the database is, and by whom, say libpq's variables (PGHOST, PGUSER, PGPASSWORD, PGDATABASE). It may run often.
set -eu
: "${SERVER_ACCOUNT:?}" "${SERVER_PASSWORD:?}"
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 <<'SQL'
\getenv account SERVER_ACCOUNT
\getenv password SERVER_PASSWORD
SELECT format('CREATE ROLE %I', :'account') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'account') \gexec
ALTER ROLE :"account" LOGIN PASSWORD :'password';
SQL
