-- Keys that webhooks are signed with, and their certificates. Those of one kind are numbered, so that two servers that
-- make the next one at the same time agree on one of them.
CREATE TABLE webhook_keys (
    -- root and leaf: made here; supplied: the certificate of an operator; pair: Ed25519.
    kind TEXT NOT NULL,
    number INTEGER NOT NULL,
    -- Part of the certificate's address.
    name TEXT NOT NULL UNIQUE,
    -- The certificate in DER; of a pair the 32 bytes of its public half.
    shown BLOB NOT NULL,
    -- PKCS#8; of a pair the 32 bytes of its seed; null for a supplied one, whose key the operator keeps.
    secret BLOB,
    created INTEGER NOT NULL,
    PRIMARY KEY (kind, number)
) STRICT;
