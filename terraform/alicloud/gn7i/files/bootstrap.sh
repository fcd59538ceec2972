#!/usr/bin/env bash
# Takes the instance from first boot to serving. planner-bootstrap.service runs it on every boot: each step looks
# first and does nothing where nothing is left to do. Progress: /var/lib/planner/state.json and the journal.
set -Eeuo pipefail
# shellcheck source=/dev/null
set -a && . /etc/planner/module.env && set +a
cd /opt/planner
readonly STATE=/var/lib/planner/state.json MODELS=/srv/models RUN=/run/planner
export DEBIAN_FRONTEND=noninteractive
step=start
reboots=$(cat /var/lib/planner/reboots 2>/dev/null || echo 0)

state() { # STATUS DETAIL
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
trap 'die "line $LINENO: $BASH_COMMAND"' ERR

retry() { # TIMES PAUSE COMMAND...
  local times=$1 pause=$2
  shift 2
  until "$@"; do
    times=$((times - 1))
    [ "$times" -gt 0 ] || return 1
    sleep "$pause"
  done
}

deadline() {
  local drop=/etc/systemd/system/planner-deadline.timer.d day=${PLANNER_DEADLINE/T/ }
  [ -n "$PLANNER_DEADLINE" ] || return 0
  if [ "$(date -u +%s)" -ge "$(date -u -d "$PLANNER_DEADLINE" +%s)" ]; then
    state stopped "the deadline $PLANNER_DEADLINE has passed"
    systemctl poweroff
    exit 0
  fi
  mkdir -p "$drop"
  printf '[Timer]\nOnCalendar=%s UTC\n' "${day%Z}" >"$drop/when.conf"
  systemctl daemon-reload
  systemctl enable --now planner-deadline.timer
}

probe() { # sets version and gpus; false when no driver answers
  local out
  version="" gpus=0
  out=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null) || return 1
  version=${out%%$'\n'*}
  gpus=$(wc -l <<<"$out")
}

install_driver() { # the cloud's own script; it needs a metadata token to learn where its mirror is
  local meta=http://100.100.100.200/latest token source script=auto_install_v4.0.sh
  token=$(curl -fsS -X PUT "$meta/api/token" -H "X-aliyun-ecs-metadata-token-ttl-seconds: 300")
  source=$(curl -fsS "$meta/meta-data/source-address" -H "X-aliyun-ecs-metadata-token: $token" | sed -n 1p)
  curl -fsS --retry 5 -o "/var/lib/planner/$script" "$source/opsx/ecs/linux/binary/script/$script"
  bash "/var/lib/planner/$script" 570.133.20 12.8.1 9.8.0.87 FALSE FALSE
}

driver() {
  if ! probe || [ "${version%%.*}" -lt 525 ]; then
    [ "$reboots" -lt 2 ] || die "driver ${version:-missing} after two installations, see /var/log/planner-driver.log"
    reboots=$((reboots + 1))
    echo "$reboots" >/var/lib/planner/reboots
    state reboot "installing driver 570.133.20, was ${version:-missing}"
    install_driver >>/var/log/planner-driver.log 2>&1
    systemctl reboot
    exit 0
  fi
  [ "$gpus" -eq 1 ] || die "$gpus of 1 GPUs answer"
  nvidia-smi -pm 1 >/dev/null
  # A new kernel or driver library under a running driver breaks it: both wait for a planned change.
  dpkg-query -W -f '${Package}\n' 'linux-image*' 'linux-headers*' '*nvidia*' 2>/dev/null | xargs -r apt-mark hold >/dev/null
}

runtime() {
  if ! docker compose version >/dev/null 2>&1 || ! command -v nvidia-ctk >/dev/null; then
    retry 5 30 apt-get update -q
    apt-get install -yq --no-install-recommends docker.io docker-compose-v2 mdadm
    curl -fsS --retry 5 -o /tmp/keyring.deb https://developer.download.nvidia.cn/compute/cuda/repos/ubuntu2204/x86_64/cuda-keyring_1.1-1_all.deb
    dpkg -i /tmp/keyring.deb
    echo "deb [signed-by=/usr/share/keyrings/cuda-archive-keyring.gpg] https://developer.download.nvidia.cn/compute/cuda/repos/ubuntu2204/x86_64/ /" \
      >/etc/apt/sources.list.d/planner-cuda.list
    rm -f /etc/apt/sources.list.d/cuda-ubuntu*.list
    retry 5 30 apt-get update -q
    apt-get install -yq --no-install-recommends nvidia-container-toolkit datacenter-gpu-manager-4-cuda12 \
      </dev/null
  fi
  if ! grep -qs nvidia /etc/docker/daemon.json; then
    nvidia-ctk runtime configure --runtime=docker
    systemctl restart docker
  fi
  python3 -c 'import ensurepip' 2>/dev/null || apt-get install -yq python3-venv
  if [ ! -e venv/.ready ]; then
    python3 -m venv venv
    retry 5 30 venv/bin/pip install -q alibabacloud-kms20160120==3.3.1 modelscope-hub==0.5.1 \
      -i https://mirrors.aliyun.com/pypi/simple/
    touch venv/.ready
  fi
}

free_disks() { # whole disks without partitions, file system or mount: the local ones, else the largest other one
  lsblk -bJ -o NAME,TYPE,MODEL,FSTYPE,PTTYPE,MOUNTPOINT,SIZE | python3 -c '
import json, sys
free = [d for d in json.load(sys.stdin)["blockdevices"]
        if d["type"] == "disk" and not (d.get("children") or d["fstype"] or d["pttype"] or d["mountpoint"])
        and int(d["size"]) >= 32 * 2**30]
local = []
for disk in local or sorted(free, key=lambda d: -int(d["size"]))[:1]:
    print("/dev/" + disk["name"])'
}

cache() {
  local device disk
  mkdir -p "$MODELS"
  mountpoint -q "$MODELS" && return
  if ! device=$(blkid -L planner-models); then
    retry 30 10 test -n "$(free_disks)" || die "the data disk of 80 GB is not attached"
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

secret() { # NAME: prints the secret; never logged, never an argument
  venv/bin/python secret.py "$1"
}

secrets() {
  local key
  (umask 077 && mkdir -p "$RUN")
  for _ in {1..20}; do # the role can arrive after the instance
    key=$(secret "$PLANNER_API_KEY_SECRET") && break
    sleep 30
  done
  [[ ${key-} =~ ^[A-Za-z0-9._~+/=-]{16,512}$ ]] ||
    die "secret $PLANNER_API_KEY_SECRET: not readable, or not 16 to 512 of A-Za-z0-9._~+/=-"
  (umask 077 && printf 'PLANNER_API_KEY=%s\n' "$key" >"$RUN/secrets.env")
  if [ -n "$PLANNER_HF_TOKEN_SECRET" ]; then
    (umask 077 && secret "$PLANNER_HF_TOKEN_SECRET" >"$RUN/hub-token")
  fi
}

model() {
  retry 10 30 venv/bin/python model.py || die "the model's download failed ten times, see the journal"
}

compose() { docker compose --env-file /etc/planner/module.env "$@"; }

healthy() {
  local port
  for ((port = 8000; port < 8001; port++)); do
    curl -fsS -m 5 -o /dev/null "http://127.0.0.1:$port/health" || return 1
  done
}

serve() {
  # Containers have no business with the instance's role.
  iptables -C DOCKER-USER -d 100.100.100.200 -j DROP 2>/dev/null || iptables -I DOCKER-USER -d 100.100.100.200 -j DROP
  retry 5 60 compose pull -q
  compose up -d --remove-orphans
  retry 180 20 healthy || die "the engine is not healthy after an hour: docker compose logs engine-0"
  systemctl enable --now planner-watch.timer planner-stress.timer
}

for step in deadline driver runtime cache secrets model serve; do
  state running ""
  "$step"
done
state "done" serving
