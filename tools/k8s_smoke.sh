#!/usr/bin/env bash
# Ten commands that prove an emitted tree on a real cluster; the first five change nothing but a namespace that you must have made.
#   make k8s-smoke KUBECONFIG=~/.kube/config DIR=llm-kubernetes       APPLY=1 goes beyond the dry run
set -euo pipefail
: "${KUBECONFIG:?KUBECONFIG=... names the cluster}" "${DIR:?DIR=... names the folder that emit-k8s wrote}"
export KUBECONFIG
overlay=$(echo "$DIR"/serve/overlays/*)
field() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1])).get(*sys.argv[2:]))' "$DIR/planner.json" "$@"; }
space=$(field namespace)
name=$(kubectl kustomize "$overlay" | awk '/^kind: Gateway$/ {found = 1} found && /^  name:/ {print $2; exit}')
step() { printf '\n== %s\n' "$*" && "$@"; }

step kubectl version
step kubectl get nodes -L planner-pool,node.kubernetes.io/instance-type
step kubectl api-resources --api-group gateway.networking.k8s.io
step kubectl get namespace "$space"
step kubectl apply -k "$overlay" --dry-run=server
[ -n "${APPLY:-}" ] || { echo "the cluster takes it; APPLY=1 applies it"; exit 0; }
step kubectl apply -k "$overlay"
step kubectl -n "$space" rollout status "daemonset/$name-weights" --timeout "$(field weights_wait_s 10800)s"
step kubectl -n "$space" wait pod -l "app.kubernetes.io/name=$name,app.kubernetes.io/component=engine" --for condition=Ready --timeout "$(field engine_wait_s 10800)s"
step kubectl -n "$space" wait "gateway/$name" --for condition=Programmed --timeout 10m
step kubectl get --raw "/api/v1/namespaces/$space/services/$name-api:http/proxy/health"
