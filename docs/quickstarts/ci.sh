#!/usr/bin/env bash
# A sandbox for the time of a test: starts one on free ports, runs the tests given as arguments against it, stops it.
# In a pipeline: ci.sh npm test, ci.sh pytest, … Without arguments it judges the sandbox itself.
#
#   steps:
#     - run: docs/quickstarts/ci.sh npm test      # LIAISON_URL says where the sandbox is
set -euo pipefail
LIAISON="${LIAISON:-liaison}"
DATA=$(mktemp -d)

"$LIAISON" serve --sandbox --data "$DATA" --listen 127.0.0.1:0 --ops-listen 127.0.0.1:0 >"$DATA/server.log" 2>&1 &
SERVER=$!
trap 'kill "$SERVER" 2>/dev/null; wait "$SERVER" || true; rm -rf "$DATA"' EXIT

# The server prints its address as soon as it answers.
for _ in $(seq 600); do
  LIAISON_URL=$(sed -n 's/^Liaison sandbox *//p' "$DATA/server.log")
  if [ -n "$LIAISON_URL" ]; then break; fi
  kill -0 "$SERVER" || { cat "$DATA/server.log"; exit 1; }
  sleep 0.1
done
export LIAISON_URL

if [ $# -gt 0 ]; then
  "$@"
else
  "$LIAISON" conform --target "$LIAISON_URL" --sandbox --only read --only put --junit "${JUNIT_FILE:-conform.xml}"
fi
