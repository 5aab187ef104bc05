"""The container image: what it runs, how it says that it is well, and how it is built and tried."""
