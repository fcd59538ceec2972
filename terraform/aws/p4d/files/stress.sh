#!/usr/bin/env bash
# Stress-tests the GPUs with nothing else on them; the engine comes back whatever the result. Report: /var/lib/planner/stress.json
# Usage: stress.sh [DCGM_LEVEL] now, or stress.sh --in-turn from the timer: never two instances in the same week and hours.
set -Eeuo pipefail
# shellcheck source=/dev/null
set -a && . /etc/planner/module.env && set +a
if [ "${1-}" = --in-turn ]; then
  shift
  [ $(($(date +%s) / 604800 % 13)) -eq $((PLANNER_NODE_INDEX % 13)) ] || exit 0
  turn=$((PLANNER_NODE_INDEX / 13))
  sleep "$((turn * 3))h"
fi
mapfile -t running < <(docker ps -q --filter label=com.docker.compose.project=planner)
systemctl stop planner-watch.timer
trap 'docker start "${running[@]}" >/dev/null; systemctl start planner-watch.timer' EXIT
docker stop -t 60 "${running[@]}" >/dev/null
systemctl start nvidia-dcgm 2>/dev/null || true # what dcgmi asks; nothing starts it by itself
report=/var/lib/planner/stress.json
dcgmi diag -r "${1:-4}" -j >"$report.new" || { mv "$report.new" "$report"; echo "planner: GPU stress test failed, see $report" >&2; exit 1; }
mv "$report.new" "$report"
echo "planner: GPU stress test passed"
