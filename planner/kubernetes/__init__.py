"""How an offer is deployed on Kubernetes: the tree of manifests written, from the same deployment that emit-tf writes."""
