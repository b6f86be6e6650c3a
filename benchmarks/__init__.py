"""What krr-export costs beside its peers: ``python -m benchmarks.run``. Why: docs/explanation/performance.md."""
