#!/usr/bin/env bash
# Checks this instance and writes /var/lib/planner/acceptance.json; exit 1 when a check fails.
# Usage: acceptance.sh [DCGM_LEVEL]; from level 2 (minutes) on, the engine is stopped for the GPU test.
set -Eeuo pipefail
# shellcheck source=/dev/null
set -a && . /etc/planner/module.env && . /var/lib/planner/settings.env && set +a
readonly LEVEL=${1:-1} REPORT=/var/lib/planner/acceptance.json API=https://localhost:8443
rows=$(mktemp)
trap 'rm -f "$rows"' EXIT

note() { printf '%s\t%s\t%s\n' "$1" "$2" "${3//[$'\t\n']/ }" >>"$rows"; } # CHECK pass|fail|info DETAIL
check() { # CHECK DETAIL COMMAND...
  local name=$1 detail=$2
  shift 2
  if "$@" >/dev/null 2>&1; then note "$name" pass "$detail"; else note "$name" fail "$detail"; fi
}
at_least() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a + 0 >= b + 0) }'; }

state=$(cloud-init status --wait 2>/dev/null | sed -n 's/^status: //p' || true)
check cloud-init "${state:-unknown}" test "$state" = "done"
version=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null | sed -n 1p || true)
check driver "${version:-none}, at least 525" test "${version%%.*}" -ge 525
gpus=$(nvidia-smi -L 2>/dev/null | wc -l || true)
check gpus "$gpus of 1" test "$gpus" -eq 1
ecc=$(nvidia-smi --query-gpu=ecc.errors.uncorrected.volatile.total --format=csv,noheader 2>/dev/null | tr '\n' ' ' || true)
check ecc "uncorrected errors by GPU: $ecc" grep -Eqv '[1-9]' <<<"$ecc"

# A reload of systemd once took the GPUs from running containers (NVIDIA/nvidia-container-toolkit issue 48).
systemctl daemon-reload
container=planner-engine-0-1
inside=$(docker exec "$container" nvidia-smi -L 2>/dev/null | wc -l || true)
check reload "$inside GPUs in the engine's container after a reload of systemd" test "$inside" -ge 1

link=$(ip -o -4 addr show | awk -v ip="$PLANNER_NODE_IP" 'index($4, ip "/") == 1 { print $2; exit }')
mtu=$(cat "/sys/class/net/$link/mtu" 2>/dev/null || echo 0)
check mtu "$mtu on ${link:-no interface}, expected 1500" test "$mtu" -ge 1500
first=$((${PLANNER_NODE_IP##*.} - PLANNER_NODE_INDEX))
for ((i = 0; i < PLANNER_INSTANCES; i++)); do
  peer=${PLANNER_NODE_IP%.*}.$((first + i))
  [ "$peer" != "$PLANNER_NODE_IP" ] || continue
  check "mtu to $peer" "1500 bytes unfragmented" ping -c 3 -M "do" -s 1472 "$peer"
  trip=$(ping -q -c 200 -i 0.01 "$peer" | sed -n 's/^rtt //p' || true)
  note "latency to $peer" info "$trip"
  gbps=$(iperf3 -c "$peer" -P 8 -t 10 -J 2>/dev/null |
    python3 -c 'import json, sys; print(round(json.load(sys.stdin)["end"]["sum_received"]["bits_per_second"] / 1e9, 1))' || echo 0)
  check "bandwidth to $peer" "$gbps Gbps, at least 8" at_least "$gbps" 8
done

file=$(find /srv/models/DeepSeek-R1-Distill-Qwen-7B -type f -size +256M -print -quit 2>/dev/null || true)
speed=$(dd if="${file:-/dev/null}" of=/dev/null bs=4M count=1024 iflag=direct 2>&1 |
  python3 -c 'import re, sys; m = re.search(r"(\d+) bytes.*, ([0-9.e-]+) s", sys.stdin.read()); print(int(float(m[1]) / float(m[2]) / 1e6) if m else 0)')
check disk "$speed MB/s sequential read, at least 100" test "$speed" -ge 100

systemctl start nvidia-dcgm 2>/dev/null || true # what dcgmi asks; nothing starts it by itself
if [ "$LEVEL" -ge 2 ]; then
  [ -e /opt/planner/stress.sh ] || note stress info "not on this instance: emit the module with --stress"
  check dcgmi "diagnostic level $LEVEL" /opt/planner/stress.sh "$LEVEL"
  systemctl restart planner-bootstrap.service
else
  check dcgmi "diagnostic level $LEVEL" dcgmi diag -r "$LEVEL"
fi

call() { # PATH [DATA] with the key, which goes in by standard input so that no process list shows it
  sed 's/^PLANNER_API_KEY=\(.*\)/header = "Authorization: Bearer \1"/' /run/planner/secrets.env |
    curl -ksS -m 120 -K - -w '\n%{http_code}' -H 'Content-Type: application/json' ${2:+-d "$2"} "$API$1" || true
}
code() { curl -ksS -m 20 -o /dev/null -w '%{http_code}' "$@" || true; }
body='{"model": "DeepSeek-R1-Distill-Qwen-7B", "max_tokens": 8, "messages": [{"role": "user", "content": "Say OK."}]}'
check health "GET /health" test "$(code "$API/health")" = 200
check model "/v1/models names the model" grep -qF '"DeepSeek-R1-Distill-Qwen-7B"' <<<"$(call /v1/models)"
answer=$(call /v1/chat/completions "$body")
check completion "with the key: ${answer##*$'\n'}" test "${answer##*$'\n'}" = 200
without=$(code -H 'Content-Type: application/json' -d "$body" "$API/v1/chat/completions")
check "no key" "without the key: $without" test "$without" = 401
hidden=$(call /metrics)
check "allow-list" "/metrics with the key: ${hidden##*$'\n'}" test "${hidden##*$'\n'}" = 404
for ((port = 8000; port < 8001; port++)); do
  check "metrics $port" "vllm:kv_cache_usage_perc" grep -q '^vllm:kv_cache_usage_perc' <<<"$(curl -fsSL -m 20 "http://127.0.0.1:$port/metrics" || true)"
  check "closed $port" "engine port from outside" test "$(code "http://$PLANNER_NODE_IP:$port/health")" = 000
done

python3 - "$rows" "$REPORT" "$(hostname)" <<'PY'
import json, os, sys, time
rows = [line.rstrip("\n").split("\t") for line in open(sys.argv[1], encoding="utf-8")]
failed = [row[0] for row in rows if row[1] == "fail"]
report = {"host": sys.argv[3], "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "passed": not failed,
          "checks": [dict(zip(("check", "result", "detail"), row)) for row in rows]}
with open(sys.argv[2] + ".new", "w", encoding="utf-8") as file:
    json.dump(report, file, indent=1)
os.replace(sys.argv[2] + ".new", sys.argv[2])
print("failed: " + ", ".join(failed) if failed else f"all {len(rows)} checks passed")
sys.exit(bool(failed))
PY
