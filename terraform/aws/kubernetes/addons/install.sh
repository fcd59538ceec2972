#!/bin/sh
# Kinds first, then operators, in this order; run again, it changes nothing. DRY_RUN=1 asks the cluster without changing it.
set -eu
cd "$(dirname "$0")"
dry="${DRY_RUN:+--dry-run=server}"
# Which network the load balancers stand in.
CLUSTER="${CLUSTER:-deepseek-r1}"
VPC_ID="${VPC_ID:-$(aws eks describe-cluster --region us-east-1 --name "$CLUSTER" --query cluster.resourcesVpcConfig.vpcId --output text)}"

kubectl apply --server-side $dry -f https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.6.1/standard-install.yaml

kubectl apply --server-side $dry -f https://github.com/kubernetes-sigs/gateway-api-inference-extension/releases/download/v1.6.0/manifests.yaml

curl -fsSL -o llm-d-router.yaml https://github.com/llm-d/llm-d-router/releases/download/v0.10.0/manifests.yaml
echo "488c0f48f4d41067d2319e20761bae1e531cfcfc8c73ba979067365302ec1df0  llm-d-router.yaml" | sha256sum --check
kubectl apply --server-side $dry -f llm-d-router.yaml

helm upgrade --install aws-load-balancer-controller aws-load-balancer-controller --repo https://aws.github.io/eks-charts --version 3.5.0 \
  --namespace kube-system --create-namespace --values 04-aws-load-balancer-controller.yaml --set clusterName="$CLUSTER",vpcId="$VPC_ID" --wait --timeout 15m $dry

helm upgrade --install aws-efa-k8s-device-plugin aws-efa-k8s-device-plugin --repo https://aws.github.io/eks-charts --version v0.5.30 \
  --namespace kube-system --create-namespace --values 05-aws-efa-k8s-device-plugin.yaml --wait --timeout 15m $dry

helm upgrade --install istio-base base --repo https://istio-release.storage.googleapis.com/charts --version 1.29.2 \
  --namespace istio-system --create-namespace --wait --timeout 15m $dry

helm upgrade --install istiod istiod --repo https://istio-release.storage.googleapis.com/charts --version 1.29.2 \
  --namespace istio-system --create-namespace --values 07-istiod.yaml --wait --timeout 15m $dry

helm upgrade --install kube-prometheus-stack kube-prometheus-stack --repo https://prometheus-community.github.io/helm-charts --version 82.4.3 \
  --namespace monitoring --create-namespace --values 08-kube-prometheus-stack.yaml --wait --timeout 15m $dry

helm upgrade --install gpu-operator gpu-operator --repo https://helm.ngc.nvidia.com/nvidia --version v26.7.0 \
  --namespace gpu-operator --create-namespace --values 09-gpu-operator.yaml --wait --timeout 15m $dry

helm upgrade --install external-secrets external-secrets --repo https://charts.external-secrets.io --version 2.9.0 \
  --namespace external-secrets --create-namespace --wait --timeout 15m $dry

helm upgrade --install lws oci://registry.k8s.io/lws/charts/lws --version 0.10.0 \
  --namespace lws-system --create-namespace --values 11-lws.yaml --wait --timeout 15m $dry

helm upgrade --install kueue oci://registry.k8s.io/kueue/charts/kueue --version 0.19.2 \
  --namespace kueue-system --create-namespace --wait --timeout 15m $dry

