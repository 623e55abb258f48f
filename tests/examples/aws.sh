#!/bin/sh
# `aws`, as far as an example asks it: the one secret it knows, for whoever has credentials. Its codes are the real ones.
case "$*" in
'secretsmanager get-secret-value --secret-id buffet/database-password --query SecretString --output text') ;;
*)
    echo "aws: [ERROR]: argument: Invalid choice: $*" >&2
    exit 252
    ;;
esac
if [ -z "$AWS_ACCESS_KEY_ID" ] || [ -z "$AWS_SECRET_ACCESS_KEY" ] || [ -z "$AWS_DEFAULT_REGION" ]; then
    echo 'Unable to locate credentials. You can configure credentials by running "aws configure".' >&2
    exit 253
fi
echo 'S7#tY4^zN9_Rq2+xS8!nV9d'
