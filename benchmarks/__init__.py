"""What krr-export costs beside its peers: ``python -m benchmarks.run``. How and why: docs/performance.md."""
