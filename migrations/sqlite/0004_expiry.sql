-- Referrals that wait for an answer, by their deadline: expiry finds those that are due without a scan.
CREATE INDEX referrals_by_deadline ON referrals (expiration, id) WHERE status = 'New';
