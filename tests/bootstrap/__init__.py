"""Deployments and stubs for the tests of the start-up half."""
