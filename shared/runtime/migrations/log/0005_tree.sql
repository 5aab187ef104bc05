-- The tree's own stream: that it began, with its origin and its public key. Safe while the previous release serves.

SET ROLE lonewatch_log;

INSERT INTO log.stream_kind (kind, topic) VALUES ('tree', 'lonewatch.audit.v1');

RESET ROLE;
