#!/bin/sh
# Run by the PostgreSQL image on a fresh volume: lets the standby in.
echo 'host replication all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
