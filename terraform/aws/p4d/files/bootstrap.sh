#!/usr/bin/env bash
# Takes the instance from first boot to serving. planner-bootstrap.service runs it on every boot: each step looks
# first and does nothing where nothing is left to do. Progress: /var/lib/planner/state.json and the journal.
# `bootstrap.sh watch` is what planner-watch.timer runs each minute.
set -Eeuo pipefail
# shellcheck source=/dev/null
set -a && . /etc/planner/module.env && set +a
cd /opt/planner
readonly STATE=/var/lib/planner/state.json SETTINGS=/var/lib/planner/settings.env MODELS=/srv/models RUN=/run/planner
export DEBIAN_FRONTEND=noninteractive
step=start
reboots=$(cat /var/lib/planner/reboots 2>/dev/null || echo 0)

# STATUS DETAIL
state() {
  python3 -c 'import json, sys; print(json.dumps(dict(zip(("step", "status", "detail", "reboots", "updated"), sys.argv[1:]))))' \
    "$step" "$1" "$2" "$reboots" "$(date -u +%FT%TZ)" >"$STATE.new"
  mv "$STATE.new" "$STATE"
  echo "planner: $step: $1 $2"
}

die() {
  trap - ERR
  state failed "$*"
  exit 1
}

# trying again cannot help: systemd does not either (RestartPreventExitStatus)
stop() {
  trap - ERR
  state stopped "$*"
  exit 78
}
trap 'die "line $LINENO: $BASH_COMMAND"' ERR

# TIMES PAUSE COMMAND...
retry() {
  local times=$1 pause=$2
  shift 2
  until "$@"; do
    times=$((times - 1))
    [ "$times" -gt 0 ] || return 1
    sleep "$pause"
  done
}

# prints KEY=VALUE of the instance's own planner-KEY tags
tags() {
  local meta=http://169.254.169.254/latest token key
  token=$(curl -fsS -m 5 -X PUT "$meta/api/token" -H "X-aws-ec2-metadata-token-ttl-seconds: 60") || return 1
  for key in deadline api-key-secret hf-token-secret alert-webhook-secret instances; do
    echo "$key=$(curl -fsS -m 5 "$meta/meta-data/tags/instance/planner-$key" -H "X-aws-ec2-metadata-token: $token")"
  done
}

# what may change while the instance runs; the last that was read holds when the cloud does not answer
settings() {
  local found
  if found=$(tags 2>/dev/null) && [[ $found =~ api-key-secret=[A-Za-z0-9/] ]]; then
    awk -F= '/^[a-z-]+=[A-Za-z0-9:\/._-]+$/ { k = toupper($1); gsub("-", "_", k); print "PLANNER_" k "=" $2 }' \
      <<<"$found" >"$SETTINGS.new"
    mv "$SETTINGS.new" "$SETTINGS"
  fi
  [ -e "$SETTINGS" ] || return 1
  # shellcheck source=/dev/null
  set -a && . "$SETTINGS" && set +a
  if [[ ${PLANNER_DEADLINE-} =~ ^[0-9-]{10}T[0-9:]{8}Z$ ]] && [ "$(date +%s)" -ge "$(date -d "$PLANNER_DEADLINE" +%s)" ]; then
    state stopped "the deadline $PLANNER_DEADLINE has passed"
    systemctl poweroff
    exit 0
  fi
}

# sets version and gpus; false when no driver answers
probe() {
  local out
  version="" gpus=0
  out=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null) || return 1
  [[ $out =~ ^[0-9]+\. ]] || return 1 # "No devices were found" comes with exit code 0
  version=${out%%$'\n'*}
  gpus=$(wc -l <<<"$out")
}

driver() {
  if ! probe || [ "${version%%.*}" -lt 580 ]; then
    die "driver ${version:-missing}: the AMI must bring 580 or newer, choose a newer one"
  fi
  [ "$gpus" -eq 8 ] || die "$gpus of 8 GPUs answer"
  nvidia-smi -pm 1 >/dev/null
}

# PACKAGE...: the image's own updates hold the lock for a while after its first boot
install() {
  retry 5 30 apt-get update -q
  apt-get install -yq --no-install-recommends -o DPkg::Lock::Timeout=900 "$@"
}

# what reads tags and secrets and fetches the model; first, since without them nobody is told what fails
tools() {
  [ ! -e venv/.ready ] || return 0
  python3 -c 'import ensurepip' 2>/dev/null || install python3-venv
  python3 -m venv venv
  retry 5 30 venv/bin/pip install -q huggingface_hub==2.4.0
  touch venv/.ready
}

runtime() {
  if ! docker compose version >/dev/null 2>&1 || ! command -v nvidia-ctk >/dev/null; then
    die "docker compose or nvidia-ctk is missing: use the Deep Learning Base AMI"
  fi
  # With systemd's cgroups a daemon-reload takes the GPUs from containers (NVIDIA/nvidia-container-toolkit issue 48).
  if ! grep -qs cgroupfs /etc/docker/daemon.json; then
    nvidia-ctk runtime configure --runtime=docker
    python3 - <<'PY'
import json
path = "/etc/docker/daemon.json"
config = json.load(open(path))
config.update({"exec-opts": ["native.cgroupdriver=cgroupfs"], "live-restore": True})
open(path, "w").write(json.dumps(config, indent=1))
PY
    systemctl restart docker
  fi
  nvidia-ctk system create-dev-char-symlinks --create-all 2>/dev/null || echo "planner: no links to the GPUs in /dev/char"
  # What runs under the engine waits for a planned change: kernel, driver, container runtime.
  # Packages that are only known of, and patterns that nothing matches, fail both commands.
  dpkg-query -W -f '${db:Status-Status} ${Package}\n' 'linux-image*' 'linux-headers*' '*nvidia*' 'docker*' 'containerd*' 'runc*' 2>/dev/null |
    sed -n 's/^installed //p' | xargs -r apt-mark hold >/dev/null || true
  # Now, and not beside a running engine: a package may have systemd reloaded.
  [ "${PLANNER_INSTANCES:-1}" -eq 1 ] || command -v iperf3 >/dev/null || install iperf3 || echo "planner: no iperf3"
}

# whole disks without partitions, file system or mount: the local ones, else the largest other one
free_disks() {
  lsblk -bJ -o NAME,TYPE,MODEL,FSTYPE,PTTYPE,MOUNTPOINT,SIZE | python3 -c '
import json, sys
free = [d for d in json.load(sys.stdin)["blockdevices"]
        if d["type"] == "disk" and not (d.get("children") or d["fstype"] or d["pttype"] or d["mountpoint"])
        and int(d["size"]) >= 32 * 2**30]
local = [d for d in free if "Instance Storage" in (d["model"] or "")]
for disk in local or sorted(free, key=lambda d: -int(d["size"]))[:1]:
    print("/dev/" + disk["name"])'
}

disk_there() { [ -n "$(free_disks)" ]; }

cache() {
  local device disk
  mkdir -p "$MODELS"
  mountpoint -q "$MODELS" && return
  if mountpoint -q /opt/dlami/nvme; then # the AMI has striped the local disks itself
    mkdir -p /opt/dlami/nvme/models
    mount --bind /opt/dlami/nvme/models "$MODELS"
    return
  fi
  if ! device=$(blkid -L planner-models); then
    # shellcheck disable=SC2046 # one word a disk
    set -- $(free_disks)
    for disk in "$@"; do
      [ -z "$(wipefs -n "$disk")" ] || die "$disk is not empty"
    done
    device=${1-}
    if [ $# -eq 0 ]; then
      echo "planner: no disk for the model, it goes to the system disk"
      return
    elif [ $# -gt 1 ]; then
      device=/dev/md/planner
      mdadm --create "$device" --run --level=0 --raid-devices=$# "$@"
    fi
    mkfs.ext4 -q -m 0 -L planner-models "$device"
  fi
  mount -o noatime "$device" "$MODELS"
}

# NAME: prints the secret; never logged, never an argument
secret() {
  aws ssm get-parameter --region "$PLANNER_REGION" --name "$1" --with-decryption \
    --query Parameter.Value --output text
}

# keys of the API, one a line: KEY or NAME:KEY; the proxy reads them anew without a restart
secrets() {
  local text line name key map=""
  (umask 077 && mkdir -p "$RUN/keys")
  text=$(secret "$PLANNER_API_KEY_SECRET") || return 1
  while IFS= read -r line; do
    name=key key=$line
    if [[ $line == *:* ]]; then name=${line%%:*} key=${line#*:}; fi
    [[ $name =~ ^[A-Za-z0-9._-]{1,64}$ && $key =~ ^[A-Za-z0-9._~+/=-]{16,512}$ ]] || return 2
    map+="\"Bearer $key\" $name"$'\n'
  done <<<"$text"
  if [ "$map" != "$(cat "$RUN/keys/keys" 2>/dev/null)"$'\n' ]; then
    (umask 077 && printf '%s' "$map" >"$RUN/keys/new" && printf 'PLANNER_API_KEY=%s\n' "$key" >"$RUN/secrets.env")
    mv "$RUN/keys/new" "$RUN/keys/keys"
    [ ! -e "$RUN/serving" ] || docker exec planner-proxy-1 caddy reload --config /etc/caddy/Caddyfile \
      --address unix//run/caddy.sock
  fi
}

first_secrets() {
  local rc=0
  for _ in {1..20}; do # the role can arrive after the instance
    rc=0
    secrets || rc=$?
    [ "$rc" -eq 1 ] || break
    sleep 30
  done
  [ "$rc" -eq 0 ] ||
    die "secret $PLANNER_API_KEY_SECRET: not readable, or not lines of KEY or NAME:KEY, a key of 16 to 512 of A-Za-z0-9._~+/=-"
  if [ -n "${PLANNER_HF_TOKEN_SECRET-}" ]; then
    (umask 077 && secret "$PLANNER_HF_TOKEN_SECRET" >"$RUN/hub-token") || die "secret $PLANNER_HF_TOKEN_SECRET, the model hub's token: not readable"
  fi
}

model() {
  local try why rc
  for try in {1..10}; do
    rc=0
    # Into a file: nobody can open /dev/stderr where it is the journal's socket.
    venv/bin/python model.py >"$RUN/model.log" 2>&1 || rc=$?
    cat "$RUN/model.log"
    [ "$rc" -ne 0 ] || return 0
    why=$(tail -n 1 "$RUN/model.log")
    [ "$rc" -ne 3 ] || stop "$why"
    [ "$try" -eq 10 ] || sleep 30
  done
  die "the model's download failed ten times: $why"
}

compose() { docker compose --env-file /etc/planner/module.env "$@"; }

healthy() {
  local port
  for ((port = 8000; port < 8001; port++)); do
    curl -fsS -m 5 -o /dev/null "http://127.0.0.1:$port/health" || return 1
  done
}

# IMAGE...: what is not here already; a reboot asks no registry
pull() {
  local image
  for image in "$@"; do
    docker image inspect "$image" >/dev/null 2>&1 || retry "${TRIES-5}" 60 fetch "$image" || return 1
  done
}

fetch() {
  case $PLANNER_IMAGE_ENGINE in
    *.dkr.ecr.*) aws ecr get-login-password --region "$PLANNER_REGION" |
      docker login -u AWS --password-stdin "${PLANNER_IMAGE_ENGINE%%/*}" ;;
  esac
  docker pull -q "$1"
}

engine() {
  # shellcheck disable=SC2046 # one word a service
  compose up -d --no-recreate --pull never $(compose config --services | grep -E '^(engine|worker|proxy)')
}

# never in the way of the engine
monitoring() {
  pull "$PLANNER_IMAGE_PROMETHEUS" "$PLANNER_IMAGE_GRAFANA" "$PLANNER_IMAGE_DCGM_EXPORTER" "$PLANNER_IMAGE_NODE_EXPORTER" &&
    compose up -d --no-recreate --pull never || echo "planner: monitoring is not up; the watch tries again"
}

# answers the acceptance test of the other instances
bandwidth() {
  [ "${PLANNER_INSTANCES:-1}" -gt 1 ] || return 0
  command -v iperf3 >/dev/null || install iperf3
  systemctl start planner-iperf3
}

# healthy; an engine that ends again and again is given up before the hour is over
up() {
  local id ends
  healthy && return
  # shellcheck disable=SC2046 # one word a service
  for id in $(compose ps -aq $(compose config --services | grep -E '^(engine|worker)')); do
    ends=$(docker inspect -f '{{.RestartCount}}' "$id")
    [ "$ends" -lt 10 ] || die "the engine ended $ends times, with: $(docker logs --tail 1 "$id" 2>&1)"
  done
  return 1
}

serve() {
  # Containers have no business with the instance's role.
  iptables -C DOCKER-USER -d 169.254.0.0/16 -j DROP 2>/dev/null || iptables -I DOCKER-USER -d 169.254.0.0/16 -j DROP
  pull "$PLANNER_IMAGE_ENGINE" "$PLANNER_IMAGE_PROXY" || die "the images of engine and proxy do not come"
  engine
  retry 180 20 up || die "the engine is not healthy after an hour: docker compose logs engine-0"
  touch "$RUN/serving"
  monitoring
  bandwidth || true
}

watch() { # each minute: takes over new tags and keys, brings up what is down or unhealthy
  step=watch
  settings || true
  [ -e "$RUN/serving" ] || return 0
  if [ "$PLANNER_API_KEY_SECRET" != "$(cat "$RUN/secret-name" 2>/dev/null)" ] || [ $(($(date +%s) / 60 % 10)) -eq 0 ]; then
    if secrets; then echo "$PLANNER_API_KEY_SECRET" >"$RUN/secret-name"; else echo "planner: the keys stay as they are"; fi
  fi
  if [ "$(compose ps --services --status running | wc -l)" -lt "$(compose config --services | wc -l)" ]; then engine && TRIES=1 monitoring; fi
  docker ps -q --filter health=unhealthy | xargs -r docker restart || echo "planner: docker does not answer"
  bandwidth || true
}

if [ $# -gt 0 ]; then
  # What fails while it serves is no start that failed: it ends this look, and never the instance.
  step=$1
  trap 'echo "planner: $step: line $LINENO: $BASH_COMMAND"' ERR
  "$1"
  exit 0
fi
rm -f "$RUN/serving"
settings || true # an instance that was off at its deadline goes off again before anything else
for step in tools settings driver runtime cache secrets model serve; do
  state running ""
  case $step in
    settings) retry 20 30 settings || die "the instance cannot read its own tags" ;;
    secrets) first_secrets ;;
    *) "$step" ;;
  esac
done
state "done" serving
