"""IO for the services: the log, feeds, deadlines, sealing, identity, web, telemetry. Knows no service by name."""
