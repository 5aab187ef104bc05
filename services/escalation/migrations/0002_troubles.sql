-- Escalations of what Lonewatch itself could not do, and those that end of themselves.

SET ROLE lonewatch_escalation;

-- What was awaited came: such an escalation has lapsed.
ALTER TABLE escalation.escalation DROP CONSTRAINT escalation_state_check;
ALTER TABLE escalation.escalation ADD CONSTRAINT escalation_state_check
    CHECK (state IN ('open', 'acknowledged', 'resolved', 'stood_down', 'lapsed'));

-- What is wrong with us, for the triggers trouble and system: a service and a code.
ALTER TABLE escalation.escalation ADD COLUMN service text, ADD COLUMN concern text;

RESET ROLE;
SELECT log.start_reaction('escalation', 'lonewatch.audit.v1');
SELECT log.start_reaction('escalation', 'lonewatch.escalations.v1');
