#!/bin/sh
# What the entry point of the public PostgreSQL image does, as far as the examples rely on it: the variables, a fresh
# data directory, the scripts of /docker-entrypoint-initdb.d, and the command.
set -e
case ${1-} in -*) set -- postgres "$@" ;; esac
if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
    user=${POSTGRES_USER:-postgres}
    database=${POSTGRES_DB:-$user}
    printf %s "${POSTGRES_PASSWORD:?has to be set}" >/tmp/password
    initdb --pgdata="$PGDATA" --username="$user" --pwfile=/tmp/password --auth-local=trust \
        --auth-host=scram-sha-256 --encoding=UTF8 --locale=C --no-sync >/dev/null
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
    printf '%s\n' "listen_addresses = '*'" 'fsync = off' 'jit = off' >>"$PGDATA/postgresql.conf"
    [ "$database" = postgres ] ||
        echo "CREATE DATABASE \"$database\"" | postgres --single -D "$PGDATA" postgres >/dev/null
    for script in /docker-entrypoint-initdb.d/*.sh; do
        # shellcheck disable=SC1090 # The example names it.
        [ ! -e "$script" ] || . "$script"
    done
fi
exec "$@"
