"""Small things that any program needs: files that last, how numbers are written, memory, signals, threads."""
