#!/bin/sh
# Whether nginx answers; wget is part of busybox, bash of everything else.
if command -v wget > /dev/null; then
  exec wget -q -O /dev/null "http://127.0.0.1:${PORT:-3000}/healthz"
fi
exec bash -c 'exec 3<> /dev/tcp/127.0.0.1/${PORT:-3000} && printf "GET /healthz HTTP/1.0\r\n\r\n" >&3 && grep -q " 200 " <&3'
