"""The report's page with the workload as a form: a server for people, on this machine unless told otherwise."""
