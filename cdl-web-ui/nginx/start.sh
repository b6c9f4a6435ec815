#!/bin/sh
# Writes nginx's configuration for the service at WHISPERENGINE_API_URL and becomes nginx. Only /tmp is written to.
set -eu
api=${WHISPERENGINE_API_URL%/}
case $api in
  http://?* | https://?*) ;;
  *) echo "WHISPERENGINE_API_URL is '$api'. Set it to the service's address, such as http://whisperengine:9090." >&2; exit 2 ;;
esac
case $api in
  *[!A-Za-z0-9.:/_\[\]-]*) echo "WHISPERENGINE_API_URL may hold letters, digits and . : / _ - [ ] only. Correct it." >&2; exit 2 ;;
esac
# The address is looked up again while nginx runs: a service that was replaced has another one.
resolver=$(awk '$1 == "nameserver" { print (index($2, ":") ? "[" $2 "]" : $2); exit }' /etc/resolv.conf)
port=${PORT:-3000}
sed -e "s|@API@|$api|g" -e "s|@RESOLVER@|${resolver:-127.0.0.1}|g" -e "s|@PORT@|$port|g" \
  -e "s|@PAGE@|${PAGE:-/page}|g" -e "s|@TYPES@|${TYPES:-/etc/nginx/mime.types}|g" "${0%/*}/nginx.conf.template" > "${TMPDIR:-/tmp}/nginx.conf"
exec nginx -e stderr -c "${TMPDIR:-/tmp}/nginx.conf"
