"""Kubernetes: the tree of manifests."""
