"""From a quote to a Terraform module: `{path: text}`, and back."""
