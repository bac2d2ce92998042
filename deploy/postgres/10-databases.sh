#!/bin/sh
# Run once, by the postgres image, on an empty volume: a database for each service, owned by the role that changes its structure (…_migrate);
# the role that serves (…_app) reads and writes rows, and nothing else. Passwords are those of the addresses the services are given.
set -eu

password_in() { # of postgresql://user:password@host:port/name
  found=$(sed 's|^[^:]*://[^:]*:||; s|@.*||' "/run/secrets/$1")
  [ -n "$found" ] || { echo "$1 holds no password" >&2; exit 1; }
  printf '%s' "$found"
}

for service in catalog enquiry notification; do
  app_password=$(password_in "${service}_database_url")
  migrate_password=$(password_in "${service}_migrate_database_url")
  export app_password migrate_password # not as arguments: those stand in lists of processes
  psql -v ON_ERROR_STOP=1 --quiet --no-psqlrc --username "${POSTGRES_USER:-postgres}" --dbname postgres -v service="$service" <<'SQL'
\set app :service _app
\set migrate :service _migrate
\getenv app_password app_password
\getenv migrate_password migrate_password
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
CREATE ROLE :"migrate" LOGIN PASSWORD :'migrate_password';
CREATE ROLE :"app" LOGIN PASSWORD :'app_password';
CREATE DATABASE :"service" OWNER :"migrate";
REVOKE ALL ON DATABASE :"service" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"service" TO :"app";
\connect :service
ALTER SCHEMA public OWNER TO :"migrate";
GRANT USAGE ON SCHEMA public TO :"app";
ALTER DEFAULT PRIVILEGES FOR ROLE :"migrate" IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"app";
ALTER DEFAULT PRIVILEGES FOR ROLE :"migrate" IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO :"app";
SQL
done
