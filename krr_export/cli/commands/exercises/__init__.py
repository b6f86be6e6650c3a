"""The commands that make what an exercise needs: exports, deliveries, keys, and a register to fetch from."""
