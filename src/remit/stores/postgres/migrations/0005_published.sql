-- What other contexts may be given to read of this one, and nothing else of it: the published channel, and where it
-- begins. Who may select from these views may not from the tables: views look with the rights of their owner.
-- They are barriers: no function of the reader's is run on a row that the reader may not see.
CREATE VIEW remit_published WITH (security_barrier = true) AS
    SELECT part, pos, id, prev, key, type, version, at, headers, payload FROM remit_log WHERE channel = 1;

CREATE VIEW remit_published_floor WITH (security_barrier = true) AS
    SELECT part, pos, id, at FROM remit_floor WHERE channel = 1;

-- Where readers write down how far they are, so that nothing is deleted that they still need.
CREATE VIEW remit_published_subscriber WITH (security_barrier = true) AS
    SELECT subscription, channel, positions, at FROM remit_subscriber WHERE channel = 1
    WITH CHECK OPTION;
