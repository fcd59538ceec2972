#!/usr/bin/env bash
# Runs on an instance, where roll.sh brings it: another engine, model, flag or image in place of what serves, and back when it does not work.
# Usage: change.sh prepare|swap|back     The first line of /var/lib/planner/change/status says how far it is.
set -Eeuo pipefail
readonly AT=/var/lib/planner/change BUNDLE=/var/lib/planner/bundle ENV=/etc/planner/module.env MODELS=/srv/models RUN=/run/planner
cd /opt/planner

# STATUS DETAIL
say() {
  echo "$*" >"$AT/status.new"
  mv "$AT/status.new" "$AT/status"
  echo "planner: change: $*"
}

fail() {
  trap - ERR
  say failed "$*"
  exit 1
}
trap 'fail "line $LINENO: $BASH_COMMAND"' ERR

compose() { docker compose --env-file "$ENV" "$@"; }

engines() { compose config --services | grep -E '^(engine|worker)'; }

# BUNDLE FOLDER: all files of a bundle, as the first boot lays them out
unpack() {
  python3 - "$1" "$2" <<'PY'
import os, sys
for part in open(sys.argv[1]).read().split("\f")[1:]:
    name, _, text = part.partition("\n")
    path = os.path.join(sys.argv[2], name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(path, "w").write(text)
    os.chmod(path, 0o755 if name.endswith(".sh") else 0o644)
PY
}

names() { tr '\f' '\001' <"$1" | sed -n 's/^\x01//p'; } # BUNDLE: its files

folder() { sed -n 's|^TARGET = .* / "\(.*\)"$|\1|p' "$1"; } # MODEL.PY: where its model lies, below /srv/models

fetch() {
  case $PLANNER_IMAGE_ENGINE in
    *.dkr.ecr.*) aws ecr get-login-password --region "$PLANNER_REGION" |
      docker login -u AWS --password-stdin "${PLANNER_IMAGE_ENGINE%%/*}" ;;
  esac
  docker pull -q "$1"
}

# IMAGE: with another try for what does not come
pull() {
  local try
  docker image inspect "$1" >/dev/null 2>&1 && return
  for try in {1..5}; do
    ! fetch "$1" || return 0
    [ "$try" -eq 5 ] || sleep 60
  done
  fail "the image $1 does not come; the old one goes on serving"
}

# NAME: prints the secret
secret() {
  aws ssm get-parameter --region "$PLANNER_REGION" --name "$1" --with-decryption \
    --query Parameter.Value --output text
}

model() {
  local try why="" rc
  set -a
  # shellcheck source=/dev/null
  . /var/lib/planner/settings.env # the watch has read the tags
  set +a
  [ -z "${PLANNER_HF_TOKEN_SECRET-}" ] || (umask 077 && secret "$PLANNER_HF_TOKEN_SECRET" >"$RUN/hub-token") ||
    fail "secret $PLANNER_HF_TOKEN_SECRET, the model hub's token: not readable"
  for try in {1..10}; do
    rc=0
    venv/bin/python "$AT/new/files/model.py" >"$AT/model.log" 2>&1 || rc=$?
    [ "$rc" -ne 0 ] || return 0
    why=$(tail -n 1 "$AT/model.log")
    [ "$rc" -ne 3 ] || break
    [ "$try" -eq 10 ] || sleep 30
  done
  fail "the model does not come, the old one goes on serving: $why"
}

prepare() { # all that takes long, while the old engine serves
  local mine other before role version
  say preparing
  [ -s "$BUNDLE" ] || fail "$BUNDLE is not there: nothing says what runs here"
  [ ! -e "$RUN/keys/drain" ] || fail "the cloud takes this instance back"
  [ -e "$RUN/serving" ] || fail "the instance does not serve yet: see journalctl -u planner-bootstrap, or make another one with terraform apply -replace"
  rm -rf "$AT/new"
  mkdir -p "$AT/new"
  base64 -d "$AT/data" | gunzip | python3 -c '
import json, sys
texts = [json.loads(line.partition("content: ")[2]) for line in sys.stdin if line.startswith("    content: ")]
for name, text in zip(("module.env", "bundle"), texts, strict=True):
    open(sys.argv[1] + "/" + name, "w").write(text)' "$AT/new"
  grep -q ^PLANNER_NODE_IP= "$AT/new/module.env" || sed -n '/^PLANNER_NODE_IP=/p' "$ENV" >>"$AT/new/module.env"
  unpack "$AT/new/bundle" "$AT/new/files"
  if cmp -s "$AT/new/bundle" "$BUNDLE" && cmp -s "$AT/new/module.env" "$ENV"; then
    say same "it serves this already"
    return
  fi
  version=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader | head -n 1)
  [ "${version%%.*}" -ge 580 ] ||
    fail "driver $version: the engine wants 580 or newer, which only another instance brings (terraform apply -replace)"
  mine=$(folder model.py) other=$(folder "$AT/new/files/model.py")
  if [ "$mine" = "$other" ] && [ "$(grep '^MODEL, ' model.py)" != "$(grep '^MODEL, ' "$AT/new/files/model.py")" ]; then
    fail "$MODELS/$mine holds another model of this name, which serves: make another instance with terraform apply -replace"
  fi
  # A model that an earlier change left: there is room for this one and the next.
  find "$MODELS" -mindepth 1 -maxdepth 1 -type d ! -name "$mine" ! -name "$other" ! -name lost+found -exec rm -rf {} +
  if [ -e "$AT/old/bundle" ]; then
    before=$(folder "$AT/old/bundle")
    [ "$before" = "$mine" ] || [ "$before" = "$other" ] || rm -rf "$AT/old" # there is no way back to a model that is gone
  fi
  set -a
  # shellcheck source=/dev/null
  . "$AT/new/module.env"
  set +a
  for role in ENGINE PROXY PROMETHEUS GRAFANA DCGM_EXPORTER NODE_EXPORTER; do
    other=PLANNER_IMAGE_$role
    pull "${!other}"
  done
  model
  touch "$AT/new/ready"
  say prepared
}

# FOLDER: its bundle and settings in place of those that are here
lay() {
  local name
  # shellcheck disable=SC2046 # one word a timer
  systemctl disable -q --now $(basename -a units/*.timer)
  names "$BUNDLE" | while IFS= read -r name; do rm -f "/opt/planner/$name"; done
  (cd /etc/systemd/system && rm -f planner-*.service planner-*.timer)
  unpack "$1/bundle" /opt/planner
  cp "$1/module.env" "$ENV"
  cp "$1/bundle" "$BUNDLE"
  cp units/* /etc/systemd/system/
  systemctl daemon-reload
  # shellcheck disable=SC2046 # one word a timer
  systemctl enable -q --now $(basename -a units/*.timer)
}

keep() { # FOLDER: what serves now, to go back to
  rm -rf "$1"
  mkdir -p "$1"
  cp "$BUNDLE" "$1/bundle"
  cp "$ENV" "$1/module.env"
}

every() { # COMMAND: for the address of each replica
  local port
  for ((port = 8000; port < 8000 + $(engines | grep -c ^engine); port++)); do "$1" "http://127.0.0.1:$port" || return 1; done
}

healthy() { curl -fsS -m 5 -o /dev/null "$1/health"; }

answers() {
  curl -fsS -m 120 -o /dev/null "$1/v1/completions" -H 'Content-Type: application/json' \
    -d '{"model": "DeepSeek-R1-Distill-Llama-70B", "max_tokens": 8, "prompt": "Say OK."}'
}

works() { # every replica answers a request, and none keeps falling
  local id
  for _ in {1..720}; do
    if every healthy 2>/dev/null; then
      every answers
      return
    fi
    # shellcheck disable=SC2046 # one word a service
    for id in $(compose ps -aq $(engines)); do
      [ "$(docker inspect -f '{{.RestartCount}}' "$id")" -lt 3 ] || return 1
    done
    sleep 5
  done
  return 1
}

# FOLDER: runs what is in it; the gap is the time that its engine takes to load
turn() {
  rm -f "$RUN/serving" # the watch leaves all as it is
  systemctl stop planner-watch.service
  # shellcheck disable=SC2046 # one word a service
  compose stop -t 30 $(engines)
  lay "$1"
  # shellcheck disable=SC2046 # one word a service
  compose up -d --pull never --remove-orphans $(engines)
  # shellcheck disable=SC2046 # one word a service
  compose up -d --pull never --force-recreate --no-deps $(compose config --services | grep -vE '^(engine|worker)')
  works || return 1
  touch "$RUN/serving"
}

swap() {
  local why
  [ -e "$AT/new/ready" ] || fail "nothing is prepared"
  [ ! -e "$RUN/keys/drain" ] || fail "the cloud takes this instance back"
  rm "$AT/new/ready"
  say swapping
  keep "$AT/old"
  if turn "$AT/new"; then
    say "done" "it serves the change"
    return
  fi
  # shellcheck disable=SC2046 # one word a service
  compose logs --no-color --tail 200 $(engines) >"$AT/engine.log" 2>&1 || true
  why=$(tail -n 1 "$AT/engine.log" | tr -dc '[:print:]' | cut -c 1-300)
  say "going back" "the change does not work: $why"
  turn "$AT/old" || fail "neither the change nor what was there before works; /var/lib/planner/change/engine.log: $why"
  say back "the change does not work, what was there before serves again; /var/lib/planner/change/engine.log: $why"
}

back() { # what the last swap replaced, whose model and images are still here; once more: the change again
  [ -s "$AT/old/bundle" ] || fail "there is nothing to go back to: nothing was changed here, or the model from before has made room for another change"
  [ ! -e "$RUN/keys/drain" ] || fail "the cloud takes this instance back"
  if cmp -s "$AT/old/bundle" "$BUNDLE" && cmp -s "$AT/old/module.env" "$ENV"; then
    say same "it serves this already"
    return
  fi
  say swapping back
  keep "$AT/last"
  if turn "$AT/old"; then
    rm -rf "$AT/old"
    mv "$AT/last" "$AT/old"
    say "done" "what was there before serves again"
    return
  fi
  say "going back" "what was there before does not work"
  turn "$AT/last" || fail "neither what was there before nor what served until now works"
  say back "what was there before does not work, what served until now serves again"
}

"$1"
