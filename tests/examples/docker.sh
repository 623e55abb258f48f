#!/bin/sh
# `docker` as an example's commands find it: Debian's name for `docker compose`, nobody at a terminal, and a label on what
# would be left behind. CASTOFF_TEST_DOCKER is the real one; CASTOFF_TEST_NETWORK is where the database is, for an example
# whose database is nobody's container.
label=castoff.test.project=$COMPOSE_PROJECT_NAME
case "${1-} ${2-}" in
compose\ *)
    shift
    seen=
    for word; do
        shift
        set -- "$@" "$word"
        case $seen$word in
        run | exec)
            set -- "$@" -T
            seen=yes
            ;;
        up | logs | build | down | ps) seen=yes ;;
        esac
    done
    exec docker-compose "$@"
    ;;
run\ *)
    shift
    exec "$CASTOFF_TEST_DOCKER" run --label "$label" ${CASTOFF_TEST_NETWORK:+--network "$CASTOFF_TEST_NETWORK"} "$@"
    ;;
network\ create | volume\ create)
    kind=$1
    shift 2
    exec "$CASTOFF_TEST_DOCKER" "$kind" create --label "$label" "$@"
    ;;
*) exec "$CASTOFF_TEST_DOCKER" "$@" ;;
esac
