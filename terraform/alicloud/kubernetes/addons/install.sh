#!/bin/sh
# Kinds first, then operators, in this order; run again, it changes nothing. DRY_RUN=1 asks the cluster without changing it.
set -eu
cd "$(dirname "$0")"
dry="${DRY_RUN:+--dry-run=server}"
# By what role ack-secret-manager reads.
SECRETS_ROLE="${SECRETS_ROLE:-$(terraform -chdir=../cluster output -raw secrets_role)}"
OIDC_PROVIDER="${OIDC_PROVIDER:-$(terraform -chdir=../cluster output -raw oidc_provider)}"
kubectl -n kube-system create secret generic alibaba-credentials --dry-run=client -o yaml \
  --from-literal=rolearn="$SECRETS_ROLE" --from-literal=oidcproviderarn="$OIDC_PROVIDER" | kubectl apply $dry -f -

kubectl apply --server-side $dry -f https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.6.1/standard-install.yaml

kubectl apply --server-side $dry -f https://github.com/kubernetes-sigs/gateway-api-inference-extension/releases/download/v1.6.0/manifests.yaml

curl -fsSL -o llm-d-router.yaml https://github.com/llm-d/llm-d-router/releases/download/v0.10.0/manifests.yaml
echo "488c0f48f4d41067d2319e20761bae1e531cfcfc8c73ba979067365302ec1df0  llm-d-router.yaml" | sha256sum --check
kubectl apply --server-side $dry -f llm-d-router.yaml

helm upgrade --install ack-secret-manager ack-secret-manager --repo https://aliacs-app-catalog.oss-cn-hangzhou.aliyuncs.com/charts-incubator/ --version 0.6.3 \
  --namespace kube-system --create-namespace --values 04-ack-secret-manager.yaml --wait --timeout 15m $dry

helm upgrade --install istio-base base --repo https://istio-release.storage.googleapis.com/charts --version 1.29.2 \
  --namespace istio-system --create-namespace --wait --timeout 15m $dry

helm upgrade --install istiod istiod --repo https://istio-release.storage.googleapis.com/charts --version 1.29.2 \
  --namespace istio-system --create-namespace --values 06-istiod.yaml --wait --timeout 15m $dry

helm upgrade --install kube-prometheus-stack kube-prometheus-stack --repo https://prometheus-community.github.io/helm-charts --version 82.4.3 \
  --namespace monitoring --create-namespace --values 07-kube-prometheus-stack.yaml --wait --timeout 15m $dry

helm upgrade --install gpu-operator gpu-operator --repo https://helm.ngc.nvidia.com/nvidia --version v26.7.0 \
  --namespace gpu-operator --create-namespace --values 08-gpu-operator.yaml --wait --timeout 15m $dry

helm upgrade --install lws oci://registry.k8s.io/lws/charts/lws --version 0.10.0 \
  --namespace lws-system --create-namespace --values 09-lws.yaml --wait --timeout 15m $dry

helm upgrade --install keda keda --repo https://kedacore.github.io/charts --version 2.20.2 \
  --namespace keda --create-namespace --wait --timeout 15m $dry

