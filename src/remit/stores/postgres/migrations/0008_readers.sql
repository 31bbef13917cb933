-- Which role reads this log for which context. A reader says how far its own subscriptions are, and no others': what is
-- reported decides what is deleted. Who may write the table itself, its owner and the context's own role, sees all.
CREATE TABLE remit_reader (
    role    text COLLATE "C" NOT NULL,
    context text COLLATE "C" NOT NULL,
    PRIMARY KEY (role, context)
);

CREATE OR REPLACE VIEW remit_published_subscriber WITH (security_barrier = true) AS
    SELECT subscription, channel, positions, at FROM remit_subscriber
    WHERE channel = 1 AND (
        has_table_privilege(current_user, 'remit_subscriber'::regclass, 'INSERT')
        OR EXISTS (
            SELECT FROM remit_reader r
            WHERE r.role = current_user::text AND r.context = split_part(subscription, '.', 1)
        )
    )
    WITH CHECK OPTION;
