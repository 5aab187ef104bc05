"""checkin: owns sites, workers, policies, assessments, visits and grants, and watches the visits that are started."""
