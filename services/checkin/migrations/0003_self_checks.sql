-- Few among many: the visits that are under way are found without reading those that ended. Safe while the previous
-- release serves: it changes no row.

CREATE INDEX visit_started ON checkin.visit (visit_id) WHERE status = 'started';
