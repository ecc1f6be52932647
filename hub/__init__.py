"""The register: what exists, and what may happen to it."""

__version__ = "0.1.0"
