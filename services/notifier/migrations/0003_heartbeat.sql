-- Few among many: the messages that nobody has tried to send are found without reading the rest. Safe while the previous
-- release serves: it changes no row.

CREATE INDEX message_untried ON notifier.message (notification_id) WHERE state = 'queued';
