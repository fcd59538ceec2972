#!/usr/bin/env bash
# Written by planner 0.1.0 emit-tf from quote 7ab973a277d2; write it again rather than edit it.
# Takes another engine, model, flag or image to the instance in place: images and weights come while the old engine serves, then the new one
# takes its GPUs; where it does not work, the old one comes back by itself.
# Usage, after planner emit-tf has written the change and terraform apply: bash roll.sh [REPLICA]...     without a number: all of them
#        to what was there before the last change: bash roll.sh back [REPLICA]...     once more: to the change again
set -Eeuo pipefail
cd "$(dirname "$0")"
readonly TOTAL=1 NODES=1 # replicas, and instances of each
readonly AT=/var/lib/planner/change

remote() { # ID SHELL: runs it there as root and prints what it says; fails when it does
  local id said
  id=$(tccli tat RunCommand --region ap-guangzhou --InstanceIds "[\"$1\"]" --CommandType SHELL --Timeout 600 --Content "$(base64 -w 0 <<<"$2")" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["InvocationId"])')
  for _ in {1..120}; do
    said=$(tccli tat DescribeInvocationTasks --region ap-guangzhou --HideOutput False --Filters "[{\"Name\": \"invocation-id\", \"Values\": [\"$id\"]}]" |
      python3 -c '
import base64, json, sys
one = json.load(sys.stdin)["InvocationTaskSet"][0]
print(one["TaskStatus"], base64.b64decode((one.get("TaskResult") or {}).get("Output") or "").decode().strip())')
    case $said in
      CREATED* | PENDING* | DELIVERING* | DELIVER_DELAYED* | RUNNING* | CANCELLING*) sleep 3 ;;
      *) break ;;
    esac
  done
  echo "${said#* }"
  [[ $said == SUCCESS* ]]
}

field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]][sys.argv[2]])' "$1" "$2" <<<"$servers"; } # INSTANCE FIELD

bring() { # ID DATA: in pieces that every cloud's command takes
  local rest=$2
  remote "$1" "mkdir -p $AT && : >$AT/data && echo '$(gzip -nc change.sh | base64 -w 0)' | base64 -d | gunzip >$AT/change.sh"
  while [ -n "$rest" ]; do
    remote "$1" "printf %s '${rest:0:8000}' >>$AT/data"
    rest=${rest:8000}
  done
}

begin() { # ID WHAT
  remote "$1" "rm -f $AT/status; systemctl reset-failed planner-change 2>/dev/null; systemd-run -q --unit planner-change bash $AT/change.sh $2 2>&1"
}

await() { # ID WORD: waits until the status begins with it; two hours, as long as weights may take to come
  local status=""
  for _ in {1..360}; do
    status=$(remote "$1" "cat $AT/status") || status="" # it may not answer for a while
    case $status in
      "$2"* | same*) return 0 ;;
      failed* | back*) break ;;
      going*) [ "$2" = back ] || break ;;
    esac
    sleep 20
  done
  echo "roll: ${status:-no answer from $1}" >&2
  return 1
}

what=change
if [ "${1-}" = back ]; then
  what=back
  shift
fi
[ $# -gt 0 ] || set -- $(seq 0 $((TOTAL - 1)))
for replica in "$@"; do
  if ! [[ $replica =~ ^[0-9]{1,2}$ ]] || [ "$replica" -ge "$TOTAL" ]; then
    echo "roll: $replica is not a replica (0 to $((TOTAL - 1)))" >&2
    exit 2
  fi
done
servers=$(terraform output -json servers)
for replica in "$@"; do
  ids=()
  for ((node = replica * NODES; node < (replica + 1) * NODES; node++)); do ids+=("$(field "$node" id)"); done
  if [ "$what" = change ]; then
    echo "roll: replica $replica: images and weights, while the old engine serves"
    for node in "${!ids[@]}"; do
      bring "${ids[node]}" "$(field $((replica * NODES + node)) data)"
      begin "${ids[node]}" prepare
    done
    same=0
    for id in "${ids[@]}"; do
      await "$id" prepared || exit 1
      [[ $(remote "$id" "cat $AT/status") != same* ]] || same=$((same + 1))
    done
    if [ "$same" -eq "$NODES" ]; then
      echo "roll: replica $replica serves this already (the change comes with terraform apply)"
      continue
    fi
    echo "roll: replica $replica: the new engine loads, nothing answers until it has"
    for id in "${ids[@]}"; do begin "$id" swap; done
  else
    echo "roll: replica $replica: back to what was there before"
    for id in "${ids[@]}"; do begin "$id" back; done
  fi
  if ! await "${ids[0]}" "done"; then
    for id in "${ids[@]:1}"; do begin "$id" back; done # the first of a pipeline goes back by itself
    ! await "${ids[0]}" back || echo "roll: replica $replica goes on with what it served" >&2
    exit 1
  fi
done
echo "roll: done"
