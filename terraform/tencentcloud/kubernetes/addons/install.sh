#!/bin/sh
# Kinds first, then operators, in this order; run again, it changes nothing. DRY_RUN=1 asks the cluster without changing it.
set -eu
cd "$(dirname "$0")"
dry="${DRY_RUN:+--dry-run=server}"

kubectl apply --server-side $dry -f https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.6.1/standard-install.yaml

kubectl apply --server-side $dry -f https://github.com/kubernetes-sigs/gateway-api-inference-extension/releases/download/v1.6.0/manifests.yaml

curl -fsSL -o llm-d-router.yaml https://github.com/llm-d/llm-d-router/releases/download/v0.10.0/manifests.yaml
echo "488c0f48f4d41067d2319e20761bae1e531cfcfc8c73ba979067365302ec1df0  llm-d-router.yaml" | sha256sum --check
kubectl apply --server-side $dry -f llm-d-router.yaml

helm upgrade --install istio-base base --repo https://istio-release.storage.googleapis.com/charts --version 1.29.2 \
  --namespace istio-system --create-namespace --wait --timeout 15m $dry

helm upgrade --install istiod istiod --repo https://istio-release.storage.googleapis.com/charts --version 1.29.2 \
  --namespace istio-system --create-namespace --values 05-istiod.yaml --wait --timeout 15m $dry

helm upgrade --install volcano volcano --repo https://volcano-sh.github.io/helm-charts --version 1.15.1 \
  --namespace volcano-system --create-namespace --wait --timeout 15m $dry

helm upgrade --install lws oci://registry.k8s.io/lws/charts/lws --version 0.10.0 \
  --namespace lws-system --create-namespace --values 07-lws.yaml --wait --timeout 15m $dry

