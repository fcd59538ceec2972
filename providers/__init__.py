"""The adapters: one package per cloud, each found by its entry point; none imports another."""
