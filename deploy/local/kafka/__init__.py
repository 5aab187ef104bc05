"""Run Apache Kafka on this machine from its own jars: fetched once, on loopback, ended with whoever started it."""
