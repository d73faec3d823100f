"""The self-hosted trading desk."""
